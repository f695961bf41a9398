"""Signing in, completing a first sign-in, and signing out."""

from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cds_service.reviewer.accounts.account import AccountRefused
from cds_service.reviewer.accounts.own import NewPassword
from cds_service.reviewer.accounts.sessions import Found
from cds_service.reviewer.accounts.signing_in import Shown
from cds_service.reviewer.accounts.tries import TooManyTries
from cds_service.reviewer.cookies import (
    PROBE,
    cookie_name,
    give_probe,
    give_session,
    refuse_without_csrf,
    take_back,
)
from cds_service.reviewer.pages import Look, desk, page, record_look, request_id, review
from cds_service.reviewer.roles import EVERYBODY

WRONG = (
    "You are not signed in. See that name, password and code are right; each code is taken once. "
    "After several failures in a row an account waits, from half a minute up to a quarter of an "
    "hour: whatever is typed meanwhile is refused too."
)
TOO_MANY = "So many sign-ins fail here that nobody can sign in for a moment. Try in a minute."
FULL = 429


@review.get("/login")
def login() -> ResponseReturnValue:
    """Ask who it is."""
    if not desk().is_secure:
        return _login_page()
    if request.headers.get("X-Forwarded-Proto", "") == "http":  # to be refused is all it can get
        return _not_kept()
    return give_probe(make_response(_login_page()))


@review.post("/login")
def log_in() -> ResponseReturnValue:
    """Look at what they say; not where a browser could not be kept signed in: by http."""
    if desk().is_secure and PROBE not in request.cookies:
        return _not_kept()
    form = request.form
    shown = Shown(
        name=form.get("name", "").strip(),
        password=form.get("password", ""),
        code=form.get("code", ""),
    )
    try:
        account = desk().accounts.sign_in.prove(shown, request_id())
    except TooManyTries:
        return _login_page(TOO_MANY, FULL)
    if account is None:
        return _login_page(WRONG, 401)
    end_present_session()
    by = "password" if account.is_ready else "one-time password"
    cookie = desk().accounts.let_in(account, by, request_id())
    wanted = safe_next(form.get("next", ""))
    there = wanted if account.is_ready else url_for("review.enrol", next=wanted)
    return _with_session(redirect(there, 303), cookie)


@review.get("/enrol")
def enrol() -> ResponseReturnValue:
    """Ask for what a first sign-in lacks: a password of their own, and a second factor."""
    found = _incomplete()
    return _enrol_page(found) if found else redirect(url_for("review.login"), 303)


@review.post("/enrol")
def finish_enrolment() -> ResponseReturnValue:
    """Take it. Every session of the account ends, and a new one begins."""
    found = _incomplete()
    if found is None:
        return redirect(url_for("review.login"), 303)
    refuse_without_csrf(found.csrf)
    name, form, accounts = found.account.name, request.form, desk().accounts
    try:
        accounts.own.complete(name, new_password(), form.get("code", ""), request_id())
    except AccountRefused as refused:
        return _enrol_page(found, str(refused), 400)
    response = redirect(safe_next(form.get("next", "")), 303)
    return _with_session(response, accounts.sessions.open(name))


@page("/logout", EVERYBODY, methods=["POST"])
def sign_out() -> ResponseReturnValue:
    """End the session."""
    record_look(Look())
    end_present_session()
    name = cookie_name(is_secure=desk().is_secure)
    response = make_response(redirect(url_for("review.login"), 303))
    return take_back(response, name, is_secure=desk().is_secure)


def safe_next(wanted: str) -> str:
    """Where to go after signing in: a page of ours, whatever a link says."""
    parts = urlsplit(wanted) if wanted.isascii() and wanted.isprintable() else urlsplit("")
    home = url_for("review.home")
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith(home)
    return wanted if is_ours and "\\" not in wanted else home


def new_password() -> NewPassword:
    """The password that a form says twice."""
    form = request.form
    return NewPassword(password=form.get("new", ""), again=form.get("again", ""))


def present_cookie() -> str:
    """The session's cookie, as the browser has it."""
    return request.cookies.get(cookie_name(is_secure=desk().is_secure), "")


def end_present_session() -> None:
    """End the session that the browser brings, if it brings one."""
    if present_cookie():
        desk().accounts.sessions.end(present_cookie())


def _with_session(response: object, cookie: str) -> Response:
    return give_session(make_response(response), cookie, is_secure=desk().is_secure)


def _incomplete() -> Found | None:
    """Whose first sign-in is under way in this browser."""
    found = desk().accounts.sessions.find(present_cookie())
    return found if found and not found.account.is_ready else None


def _not_kept() -> ResponseReturnValue:
    page = desk().base_url + url_for("review.login")
    return render_template("review/not_kept.html", page=page), 403


def _login_page(error: str = "", status: int = 200) -> ResponseReturnValue:
    values = {
        "error": error,
        "next": safe_next(request.values.get("next", "")),
        "has_provider": desk().accounts.provider is not None,
    }
    return render_template("review/login.html", **values), status


def _enrol_page(found: Found, error: str = "", status: int = 200) -> ResponseReturnValue:
    values = {
        "error": error,
        "next": safe_next(request.values.get("next", "")),
        "csrf": found.csrf,
        "name": found.account.name,
        "enrolment": desk().accounts.own.enrolment(found.account.name),
    }
    return render_template("review/enrol.html", **values), status
