"""What a viewer chooses in the address of a page. What is not one of ours is refused, unrepeated.

Choices are recorded with the look, so nothing that anybody may type gets into them.
"""

from collections.abc import Collection, Mapping
from datetime import date

from werkzeug.exceptions import BadRequest


def one_of(given: Mapping[str, str], name: str, known: Collection[str]) -> str | None:
    """The choice; None when nothing is chosen.

    Raises:
        BadRequest: it is not one of those known.
    """
    value = given.get(name) or None
    if value is not None and value not in known:
        raise BadRequest(f"{name}: this log has no such value; choose one from the list")
    return value


def month_of(given: Mapping[str, str], name: str, otherwise: date) -> date:
    """The first day of the month that is chosen, as "2026-01".

    Raises:
        BadRequest: it is no month.
    """
    text = given.get(name)
    if not text:
        return otherwise.replace(day=1)
    return _date(f"{text}-01", name, "a month as 2026-01")


def day_of(given: Mapping[str, str], name: str, otherwise: date) -> date:
    """The day that is chosen, as "2026-01-31".

    Raises:
        BadRequest: it is no day.
    """
    text = given.get(name)
    return _date(text, name, "a day as 2026-01-31") if text else otherwise


def _date(text: str, name: str, wanted: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{name}: wanted {wanted}; choose one in the form") from None
