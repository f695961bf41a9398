"""Who is signed in, and what knows that."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cds_service.reviewer.roles import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """One person in one session."""

    account: str
    roles: frozenset[Role]
    csrf: str = field(repr=False)  # what every form of the session repeats

    @property
    def user(self) -> str:
        """How the audit log names them."""
        return f"account/{self.account}"


FindViewer = Callable[[str], Viewer | None]  # by the session's cookie
