"""What the authorization server refuses (RFC 6749 sections 4.1.2.1 and 5.2)."""

from typing import ClassVar


class OAuthRefused(Exception):  # noqa: N818 - a situation
    """A request that gets no code or token; the message says what was found and is wanted."""

    status: ClassVar[int] = 400

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code  # of RFC 6749

    def to_json(self) -> dict[str, str]:
        """What apps are told, in a body or an address."""
        return {"error": self.code, "error_description": str(self)}


class ClientUnproven(OAuthRefused):
    """The app did not prove who it is."""

    status = 401

    def __init__(self, description: str) -> None:
        super().__init__("invalid_client", description)
