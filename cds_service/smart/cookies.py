"""The cookies of the app: one for each launch under way, and one for each look.

Their names hold the beginning of a random word, so that two charts that are open side by side in
one browser do not take each other's place.
"""

from dataclasses import dataclass

from flask import Response

HANDLE = 16  # characters


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
