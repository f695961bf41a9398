"""Who looked at what, whom and why; everybody sees their own looks."""

from cds_service.reviewer.asked import Filters
from cds_service.reviewer.lines import look_lines
from cds_service.reviewer.listing import Listed, listed
from cds_service.reviewer.pages import Seen, desk, page, viewer
from cds_service.reviewer.roles import EVERYBODY

LOOKS = Filters(kinds=("access",), names=("user_ref", "detail", "outcome", "first_day", "last_day"))
OWN = Filters(kinds=("access",), names=("detail", "outcome", "first_day", "last_day"))


@page("/access", {"compliance", "administrator"})
def access_log() -> Seen:
    """All looks."""
    return _seen(listed(LOOKS), "review/access.html")


@page("/access", {"compliance"}, methods=["POST"])
def looks_at_patient() -> Seen:
    """Those at a patient, with a reason; by POST, so that no address names them."""
    return _seen(listed(LOOKS), "review/access.html")


@page("/access/mine", EVERYBODY)
def own_looks() -> Seen:
    """The viewer's own looks."""
    return _seen(listed(OWN, fixed={"user_ref": viewer().user}), "review/own_looks.html")


def _seen(found: Listed, template: str) -> Seen:
    return Seen(
        template=template,
        part="review/access_results.html",
        values={
            **found.values,
            "lines": look_lines(found.page.rows, viewer().roles, desk().read_model),
            "choices": desk().read_model.values(LOOKS.kinds),
            "clients": desk().read_model.values(("decision",))["client"],
        },
        look=found.look,
    )
