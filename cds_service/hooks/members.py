"""Members of a JSON object, read with refusals that name the member and repeat no value."""

import re
from collections.abc import Mapping
from typing import Any

from cds_service.errors import MalformedRequest
from cds_service.web.json_body import json_type

Members = Mapping[str, Any]


def found_at(members: Members, name: str) -> str:
    """What stands there, for a message: its JSON type, or "nothing"."""
    return json_type(members[name]) if name in members else "nothing"


def object_at(members: Members, name: str, path: str = "", wanted: str = "an object") -> Members:
    """The object there.

    Raises:
        MalformedRequest: there is none.
    """
    value = members.get(name)
    if not isinstance(value, dict):
        raise MalformedRequest(path or name, found_at(members, name), wanted)
    return value


def optional_object_at(members: Members, name: str) -> Members:
    """The object there, or an empty one where nothing or null stands.

    Raises:
        MalformedRequest: something else stands there.
    """
    return {} if members.get(name) is None else object_at(members, name)


def text_at(members: Members, path: str, wanted: str) -> str:
    """The string at the last name of the path, which is not empty.

    Raises:
        MalformedRequest: there is none.
    """
    name = path.rpartition(".")[2]
    value = members.get(name)
    if not isinstance(value, str) or not value:
        found = "an empty string" if value == "" else found_at(members, name)
        raise MalformedRequest(path, found, wanted)
    return value


def matching_at(members: Members, path: str, form: re.Pattern[str], wanted: str) -> str:
    """The string at the last name of the path, which has this form.

    Raises:
        MalformedRequest: there is none of that form.
    """
    text = text_at(members, path, wanted)
    if not form.fullmatch(text):
        raise MalformedRequest(path, "a string of another form", wanted)
    return text
