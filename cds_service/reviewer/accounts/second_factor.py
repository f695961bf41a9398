"""Codes of an authenticator app: TOTP, RFC 6238, six digits every 30 seconds, each taken once."""

import hmac
from dataclasses import dataclass

import pyotp
import segno

from cds_service.keys.sealing import Sealed, open_sealed, seal
from cds_service.keys.service import KeyService

STEP_S = 30
WINDOW = 1  # steps that a clock may be off
ISSUER = "LAMO CDS review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What a person needs to put a secret into their app."""

    secret: str  # base32, for typing
    picture: str  # a QR code as a data URI


class SecondFactors:
    """Makes and opens secrets; what is stored of one is sealed and bound to its account."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    def new(self, account: str) -> bytes:
        """A new secret, as it may be stored."""
        return seal(self._keys, pyotp.random_base32().encode(), context_of(account)).to_bytes()

    def enrolment(self, account: str, sealed: bytes) -> Enrolment:
        """The secret for the person's app.

        Raises:
            NotOpened: it does not open; see open_sealed.
        """
        totp = self._totp(account, sealed)
        uri = totp.provisioning_uri(name=account, issuer_name=ISSUER)
        picture = segno.make(uri, error="m").svg_data_uri(scale=5, light="white")
        return Enrolment(secret=totp.secret, picture=picture)

    def counter_of(self, account: str, sealed: bytes, code: str, now_s: float) -> int | None:
        """Which time step a code is of; None where it is of none around now.

        Args:
            account: the name.
            sealed: the secret.
            code: as typed.
            now_s: seconds since 1970.

        Raises:
            NotOpened: the secret does not open; see open_sealed.
        """
        totp, now = self._totp(account, sealed), int(now_s) // STEP_S
        typed = code.replace(" ", "").encode()
        found = None
        for counter in range(now - WINDOW, now + WINDOW + 1):  # all of them, in any case
            if hmac.compare_digest(totp.generate_otp(counter).encode(), typed):
                found = counter
        return found

    def _totp(self, account: str, sealed: bytes) -> pyotp.TOTP:
        opened = open_sealed(self._keys, Sealed.from_bytes(sealed), context_of(account))
        return pyotp.TOTP(opened.decode(), interval=STEP_S)


def context_of(account: str) -> str:
    """What a secret is bound to."""
    return f"second factor of {account}"
