"""What browsers are told to keep, by how the app is shown."""

import pytest
from flask import Response

from cds_service.smart.cookies import Jar


@pytest.mark.parametrize(
    ("is_secure", "is_framed", "told"),
    [
        (True, False, "__Host-lamo-look-abc=v; Secure; HttpOnly; Max-Age=60; Path=/; SameSite=Lax"),
        (True, True, "Secure; HttpOnly; Max-Age=60; Path=/; SameSite=None; Partitioned"),
        (False, True, "lamo-look-abc=v; HttpOnly; Max-Age=60; Path=/; SameSite=Lax"),
    ],
    ids=["a page of its own", "in a frame of another site", "a sandbox over http"],
)
def test_a_cookie_goes_no_further_than_it_must(is_secure: bool, is_framed: bool, told: str) -> None:
    jar = Jar(is_secure=is_secure, is_framed=is_framed)
    given = jar.give(Response(), jar.name("look", "abc"), "v", 60).headers["Set-Cookie"]
    parts = [one for one in given.split("; ") if not one.startswith("Expires")]
    assert set(told.split("; ")) <= set(parts)
    assert ("Partitioned" in parts) == (is_secure and is_framed)
