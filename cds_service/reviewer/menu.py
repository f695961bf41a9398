"""What stands in the menu, in which order."""

from collections.abc import Collection, Sequence

from cds_service.reviewer.pages import MAY_SEE
from cds_service.reviewer.roles import Role

MENU = (
    ("review.search", "Events"),
    ("review.overrides", "Overrides"),
    ("review.drift", "Drift"),
    ("review.integrity", "Integrity"),
    ("review.exports", "Exports"),
    ("review.access_log", "Access log"),
    ("review.changes", "Changes"),
    ("review.administration", "Administration"),
    ("review.accounts", "Accounts"),
    ("review.model_card", "Model card"),
    ("review.own_account", "Your account"),
)


def menu_of(roles: Collection[Role]) -> Sequence[tuple[str, str]]:
    """Endpoints and labels of what a viewer with these roles may see."""
    return [
        (endpoint, label)
        for endpoint, label in MENU
        if not MAY_SEE.get(endpoint, frozenset()).isdisjoint(roles)
    ]
