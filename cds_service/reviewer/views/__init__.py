"""The pages, one module for each; importing this package makes them."""

from cds_service.reviewer.views import (
    accounts,
    administration,
    home,
    model_card,
    own_account,
    provider,
    sign_in,
)

__all__ = [
    "accounts",
    "administration",
    "home",
    "model_card",
    "own_account",
    "provider",
    "sign_in",
]
