"""What people prove who they are with, and what is done about those who fail."""

from dataclasses import dataclass

from cds_service.reviewer.accounts.passwords import Passwords
from cds_service.reviewer.accounts.second_factor import SecondFactors
from cds_service.reviewer.accounts.tries import FailedTries


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """What is shown is compared with these."""

    passwords: Passwords
    factors: SecondFactors
    tries: FailedTries
