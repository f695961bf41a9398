"""Who may do what under /review: four roles, and what each page asks for."""

from collections.abc import Mapping
from typing import Literal

Role = Literal["reviewer", "compliance", "operator", "administrator"]

ROLES: Mapping[Role, str] = {
    "reviewer": "looks at decisions with what is protected in them, for clinical safety",
    "compliance": "looks at decisions and at who looked, verifies, exports",
    "operator": "stops services and rules, sees that it works; nothing of patients",
    "administrator": "makes accounts, and sees who looked; nothing of patients",
}
PATIENTS: frozenset[Role] = frozenset({"reviewer", "compliance"})  # who sees what is protected
EVERYBODY: frozenset[Role] = frozenset(ROLES)
