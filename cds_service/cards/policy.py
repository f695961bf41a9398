"""What of everything found is shown: one file of a hospital's own, read at the start.

Pure: it says of a card whether it is shown, and how loudly; what it withholds is recorded.
"""

import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medication_safety.findings import Severity

Audience = Literal["prescriber", "pharmacist"]
RULES = frozenset(
    "allergy interaction overprescription duplicate-ingredient duplicate-class regimen "
    "older-adult cascade usual-course renal hepatic potassium pregnancy lactation "
    "suggestion".split()
)
LOUDNESS: dict[Severity, int] = {"info": 0, "warning": 1, "critical": 2}


class PolicyRefused(Exception):  # noqa: N818 - a situation, named as such
    """The card policy cannot be used; says where it is wrong."""


class RulePolicy(BaseModel):
    """How the cards of one rule are treated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    most: Severity = "critical"
    least: Severity = "info"
    audience: tuple[Audience, ...] = Field(("prescriber", "pharmacist"), min_length=1)

    @model_validator(mode="after")
    def _can_be_shown(self) -> "RulePolicy":
        if LOUDNESS[self.least] > LOUDNESS[self.most]:
            raise ValueError("least is louder than most, so nothing would be shown: use enabled")
        return self


class CardPolicy(BaseModel):
    """The whole file; see `data/card_policy.toml` for what its members mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = Field(pattern=r"^[\w.+ -]{1,40}$")
    most_cards: int = Field(4, ge=1, le=20, strict=True)
    unsupported_margin: float = Field(0.5, ge=0, le=20)
    most_suggestions: int = Field(5, ge=0, le=20, strict=True)
    quiet_hours: float = Field(720, ge=0, le=24 * 365)
    pharmacists: tuple[str, ...] = ()
    rules: dict[str, RulePolicy] = {}
    sha256: str = ""

    @model_validator(mode="after")
    def _names_rules_that_there_are(self) -> "CardPolicy":
        if unknown := sorted(set(self.rules) - RULES):
            known = ", ".join(sorted(RULES))
            raise ValueError(f"no rule is called {', '.join(unknown)}: there are {known}")
        return self

    def of(self, rule: str) -> RulePolicy:
        """The policy of a rule; the default for one that the file does not name."""
        return self.rules.get(rule, RulePolicy())

    def audience_of(self, user_id: str) -> Audience:
        """Who a user is."""
        return "pharmacist" if user_id in self.pharmacists else "prescriber"

    def loudness(self, rule: str, severity: Severity, audience: Audience) -> Severity | None:
        """How loudly a finding is shown; None when it is not."""
        policy = self.of(rule)
        if not policy.enabled or audience not in policy.audience:
            return None
        shown = min(severity, policy.most, key=lambda one: LOUDNESS[one])
        return shown if LOUDNESS[shown] >= LOUDNESS[policy.least] else None


def load_policy(path: Path | None = None) -> CardPolicy:
    """Read a policy file; the shipped one without a path.

    Raises:
        PolicyRefused: it cannot be read, is no TOML, or has a member that is unknown or wrong.
    """
    where = path or Path(str(files("cds_service") / "data" / "card_policy.toml"))
    try:
        raw = where.read_bytes()
        table = tomllib.loads(raw.decode("utf-8"))
        return CardPolicy(**table | {"sha256": hashlib.sha256(raw).hexdigest()})
    except OSError as error:
        raise PolicyRefused(f"card policy {where}: it cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyRefused(f"card policy {where}: it is no TOML ({error})") from None
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        )
        raise PolicyRefused(f"card policy {where}: {faults}") from None
