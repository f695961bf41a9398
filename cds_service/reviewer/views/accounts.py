"""The accounts of all, for administrators. Every change is an event; see administration.py."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from cds_service.audit.canonical import rfc3339
from cds_service.reviewer.accounts.account import AccountRefused, checked_roles
from cds_service.reviewer.accounts.administration import By
from cds_service.reviewer.pages import Look, Seen, desk, page, record_look, request_id, viewer
from cds_service.reviewer.roles import ROLES, Role

ADMINISTRATORS: frozenset[Role] = frozenset({"administrator"})


@page("/accounts", ADMINISTRATORS)
def accounts() -> Seen:
    """List them."""
    values = _all()
    return Seen(
        template="review/accounts.html", values=values, look=Look(rows=len(values["accounts"]))
    )


@page("/accounts", ADMINISTRATORS, methods=["POST"])
def add_account() -> ResponseReturnValue:
    """Make one, and show its one-time password this once."""
    name = request.form.get("name", "")
    try:
        roles = checked_roles(request.form.getlist("role"))
        password = desk().accounts.administration.add(name, roles, _by())
    except AccountRefused as refused:
        values = _all(str(refused))
        record_look(Look(rows=len(values["accounts"])))
        return render_template("review/accounts.html", **values), 400
    return _handed_over(name, password)


@page("/accounts/<name>", ADMINISTRATORS)
def account(name: str) -> Seen:
    """Show one, with what can be changed of it."""
    return Seen(
        template="review/account.html", values=_one(name), look=Look(filters={"account": name})
    )


@page("/accounts/<name>/<what>", ADMINISTRATORS, methods=["POST"])
def change_account(name: str, what: str) -> ResponseReturnValue:
    """Change one."""
    change = CHANGES.get(what)
    if change is None:
        raise NotFound("there is no such change of an account")
    values = _one(name)
    try:
        password = change(name)
    except AccountRefused as refused:
        record_look(Look(filters={"account": name}))
        return render_template("review/account.html", **values | {"error": str(refused)}), 400
    if password is not None:
        return _handed_over(name, password)
    return redirect(url_for("review.account", name=name), 303)


def _set_roles(name: str) -> None:
    roles = checked_roles(request.form.getlist("role"))
    desk().accounts.administration.set_roles(name, roles, _by())


def _disable(name: str) -> None:
    desk().accounts.administration.disable(name, _by())


def _enable(name: str) -> None:
    desk().accounts.administration.enable(name, _by())


def _reset_password(name: str) -> str:
    return desk().accounts.administration.reset(name, _by(), with_factor=False)


def _reset_factor(name: str) -> str:
    return desk().accounts.administration.reset(name, _by(), with_factor=True)


CHANGES: Mapping[str, Callable[[str], str | None]] = {
    "roles": _set_roles,
    "disable": _disable,
    "enable": _enable,
    "reset-password": _reset_password,
    "reset-second-factor": _reset_factor,
}


def _by() -> By:
    return By(user=viewer().user, request_id=request_id())


def _all(error: str = "") -> dict[str, Any]:
    found = desk().accounts.register.list_all()
    return {"accounts": found, "roles": ROLES, "error": error, "now": _now()}


def _one(name: str) -> dict[str, Any]:
    found = desk().accounts.register.find(name)
    if found is None:
        raise NotFound("there is no such account")
    return {"account": found, "roles": ROLES, "error": "", "now": _now()}


def _now() -> str:
    return rfc3339(datetime.now(UTC))


def _handed_over(name: str, password: str) -> ResponseReturnValue:
    record_look(Look(filters={"account": name}))
    return render_template("review/one_time_password.html", name=name, password=password)
