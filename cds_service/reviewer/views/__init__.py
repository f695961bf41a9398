"""The pages, one module for each; importing this package makes them."""

from cds_service.reviewer.views import home, sign_in

__all__ = ["home", "sign_in"]
