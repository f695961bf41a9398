"""One's own account: the sessions that are open, and another password."""

from flask import make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from cds_service.reviewer.accounts.account import Account, AccountRefused
from cds_service.reviewer.accounts.sessions import digest_of
from cds_service.reviewer.accounts.signing_in import Shown
from cds_service.reviewer.accounts.tries import TooManyTries
from cds_service.reviewer.cookies import give_session
from cds_service.reviewer.pages import Look, Seen, desk, page, record_look, request_id, viewer
from cds_service.reviewer.roles import EVERYBODY
from cds_service.reviewer.views.sign_in import FULL, TOO_MANY, new_password, present_cookie

WRONG = "The password is not changed: the present password or the code is wrong."


@page("/account", EVERYBODY)
def own_account() -> Seen:
    """Show it."""
    return Seen(template="review/own_account.html", values=_values())


@page("/account/password", EVERYBODY, methods=["POST"])
def change_password() -> ResponseReturnValue:
    """Another password, for who shows the present one and a code. All other sessions end."""
    accounts, account = desk().accounts, _mine()
    form = request.form
    shown = Shown(name=account.name, password=form.get("password", ""), code=form.get("code", ""))
    try:
        if accounts.sign_in.prove(shown, request_id()) is None:
            return _told(WRONG, 400)
        accounts.own.change_password(account.name, new_password(), request_id())
    except TooManyTries:
        return _told(TOO_MANY, FULL)
    except AccountRefused as refused:
        return _told(str(refused), 400)
    cookie = accounts.sessions.open(account.name)
    response = make_response(redirect(url_for("review.own_account"), 303))
    return give_session(response, cookie, is_secure=desk().is_secure)


@page("/account/sessions", EVERYBODY, methods=["POST"])
def end_other_sessions() -> ResponseReturnValue:
    """End all sessions but this one."""
    record_look(Look(rows=desk().accounts.sessions.end_others(_mine().name, present_cookie())))
    return redirect(url_for("review.own_account"), 303)


def _mine() -> Account:
    found = desk().accounts.register.find(viewer().account)
    if found is None:
        raise NotFound("this account is no more")
    return found


def _values(error: str = "") -> dict[str, object]:
    account = _mine()
    return {
        "account": account,
        "sessions": desk().accounts.sessions.of(account.name),
        "present": digest_of(present_cookie()),
        "error": error,
    }


def _told(error: str, status: int) -> ResponseReturnValue:
    values = _values(error)
    record_look(Look())
    return render_template("review/own_account.html", **values), status
