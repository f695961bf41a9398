"""The cookies of the app: one for each launch under way, and one for each look.

Their names hold the beginning of a random word, so that two charts that are open side by side in
one browser do not take each other's place.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Response

HANDLE = 16  # characters
MOST_UNDER_WAY = 3  # launches of one browser: servers refuse requests with too many cookies


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """How cookies are given.

    A page in a frame of another site keeps none that is SameSite=Lax. Where an EHR is registered to
    show the app in a frame, and browsers come by https, cookies are SameSite=None and Partitioned:
    they belong to the app within that EHR's pages, and to nothing else.
    """

    is_secure: bool
    is_framed: bool

    def name(self, kind: str, word: str) -> str:
        """Of a cookie; bound to the host where it travels by https."""
        prefix = "__Host-" if self.is_secure else ""
        return f"{prefix}lamo-{kind}-{word[:HANDLE]}"

    def left_behind(self, names: Iterable[str]) -> list[str]:
        """Of the cookies that came, oldest first (RFC 6265 section 5.4), those of old launches."""
        launches = [one for one in names if one.startswith(self.name("launch", ""))]
        return launches[: 1 - MOST_UNDER_WAY]

    def give(self, response: Response, name: str, value: str, max_age_s: int) -> Response:
        """Have the browser keep one, and show it to no script."""
        crosses = self.is_secure and self.is_framed
        response.set_cookie(
            name,
            value,
            max_age=max_age_s,
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="None" if crosses else "Lax",
            partitioned=crosses,
        )
        return response

    def take_back(self, response: Response, name: str) -> Response:
        """Have the browser forget one."""
        return self.give(response, name, "", 0)
