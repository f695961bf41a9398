"""The list of events, and the search for those of a patient."""

from cds_service.cards.policy import RULES
from cds_service.reviewer.asked import Filters
from cds_service.reviewer.lines import event_lines
from cds_service.reviewer.listing import listed
from cds_service.reviewer.pages import Seen, desk, page, viewer
from cds_service.reviewer.roles import PATIENTS, Role

SEARCHERS: frozenset[Role] = PATIENTS | frozenset[Role]({"operator"})
EVENTS = Filters(
    kinds=("decision", "feedback", "error"),
    names=(
        "kind",
        "outcome",
        "service_id",
        "hook",
        "client",
        "model",
        "rule",
        "medication",
        "user_ref",
        "request_id",
        "card",
        "event_id",
        "first_day",
        "last_day",
    ),
)


@page("/events", SEARCHERS)
def search() -> Seen:
    """Search events."""
    return _seen()


@page("/events", PATIENTS, methods=["POST"])
def search_patient() -> Seen:
    """Those of a patient, with a reason; by POST, so that no address names them."""
    return _seen()


def _seen() -> Seen:
    found = listed(EVENTS)
    read_model = desk().read_model
    lines = event_lines(found.page.rows, viewer().roles, read_model, desk().formulary)
    choices = {**read_model.values(EVENTS.kinds), "rule": sorted(RULES)}
    return Seen(
        template="review/search.html",
        part="review/search_results.html",
        values={
            **found.values,
            "lines": lines,
            "choices": choices,
            "saved": read_model.saved(viewer().account),
        },
        look=found.look,
    )
