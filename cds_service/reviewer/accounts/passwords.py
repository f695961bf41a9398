"""Passwords: Argon2id with the parameters of RFC 9106 section 4, second recommendation.

That is 64 MiB, three passes and four lanes: more than OWASP's cheat sheet on passwords asks for.
"""

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from cds_service.reviewer.accounts.account import AccountRefused

SHORTEST, LONGEST = 12, 128  # characters; NIST SP 800-63B section 3.1.1.2 wants 64 to be taken
TELLING = 4  # characters of a name: a shorter one stands in many words
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read for something else
GROUPS, GROUP = 4, 5  # of a one-time password: 99 bits


class Passwords:
    """Hashes passwords, and compares them in a time that does not tell whether there is one."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._nobodys = self.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """What may be stored of a password."""
        return self._hasher.hash(_normal(password))

    def fits(self, password: str, kept: str | None) -> bool:
        """Whether it is the password that was hashed.

        Args:
            password: as typed.
            kept: what hash() made; None for nobody's, which takes as long and never fits.
        """
        if len(password) > LONGEST:
            password = ""  # none of ours; as much work all the same
        try:
            self._hasher.verify(kept or self._nobodys, _normal(password))
        except VerifyMismatchError:
            return False
        return kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than those of this release."""
        return self._hasher.check_needs_rehash(kept)


def check_new_password(password: str, name: str) -> None:
    """Return when an account may have this password.

    Raises:
        AccountRefused: it may not. The password is not repeated.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccountRefused(
            f"the new password has {len(password)} characters, "
            f"wanted {SHORTEST} to {LONGEST}: a few words together are easy to remember"
        )
    if len(name) >= TELLING and name in _normal(password).casefold():
        raise AccountRefused("the new password has the account's name in it: take another")


def new_one_time_password() -> str:
    """A password for one sign-in, that can be read to somebody."""
    groups = ("".join(secrets.choice(READABLE) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(groups)


def _normal(password: str) -> str:
    """One spelling of what several keyboards write differently."""
    return unicodedata.normalize("NFKC", password)
