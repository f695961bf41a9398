"""The pages, one module for each; importing this package makes them."""

from cds_service.reviewer.views import accounts, home, own_account, provider, sign_in

__all__ = ["accounts", "home", "own_account", "provider", "sign_in"]
