"""Who changed what, when, and why."""

from cds_service.reviewer.asked import Filters
from cds_service.reviewer.lines import change_lines
from cds_service.reviewer.listing import listed
from cds_service.reviewer.pages import Seen, desk, page, viewer

CHANGES = Filters(
    kinds=("administration", "retention"), names=("user_ref", "detail", "first_day", "last_day")
)


@page("/changes", {"operator", "administrator", "compliance"})
def changes() -> Seen:
    """All changes, newest first."""
    found = listed(CHANGES)
    return Seen(
        template="review/changes.html",
        part="review/changes_results.html",
        values={
            **found.values,
            "lines": change_lines(found.page.rows, viewer().roles, desk().read_model),
            "choices": desk().read_model.values(CHANGES.kinds),
        },
        look=found.look,
    )
