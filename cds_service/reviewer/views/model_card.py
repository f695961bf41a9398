"""The model card, beside the other pages."""

from cds_service.reviewer.pages import Seen, desk, page
from cds_service.reviewer.roles import EVERYBODY
from cds_service.web.model_card import card_values


@page("/model-card", EVERYBODY)
def model_card() -> Seen:
    """Show what is stated and measured of the model that is served."""
    return Seen(template="review/model_card.html", values=card_values(desk().model_card()))
