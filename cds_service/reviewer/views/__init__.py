"""The pages, one module for each; importing this package makes them."""

from cds_service.reviewer.views import (
    access_log,
    accounts,
    administration,
    changes,
    drift,
    home,
    model_card,
    overrides,
    own_account,
    provider,
    saved_filters,
    search,
    sign_in,
)

__all__ = [
    "access_log",
    "accounts",
    "administration",
    "changes",
    "drift",
    "home",
    "model_card",
    "overrides",
    "own_account",
    "provider",
    "saved_filters",
    "search",
    "sign_in",
]
