"""Reading Bundles as clients and servers send them: entries may be anything."""

from collections.abc import Iterator, Mapping
from typing import Any

Resource = Mapping[str, Any]


def unpack(page: Resource) -> Iterator[Resource]:
    """The resources of a Bundle, included ones too, or the one resource that it is."""
    if page.get("resourceType") != "Bundle":
        yield page
    yield from (resource for resource in _entries(page) if not is_outcome(resource))


def next_link(page: Resource) -> str | None:
    """The link to the next page of a search, as sent; it may be relative."""
    links = page.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next":
            url = link.get("url")
            return url if isinstance(url, str) and url else None
    return None


def is_outcome(resource: Resource) -> bool:
    """Whether something is told about a query instead of its answer."""
    return resource.get("resourceType") == "OperationOutcome"


def tells_of_failure(page: Resource) -> bool:
    """Whether an entry says that a part of the search failed; warnings do not."""
    return any(_is_severe(resource) for resource in _entries(page) if is_outcome(resource))


def lacks_resources(page: Resource) -> bool:
    """Whether it has entries without a resource: something was found and not sent."""
    entries = page.get("entry")
    return isinstance(entries, list) and len(entries) > sum(1 for _ in _entries(page))


def entries_of(page: Resource) -> Iterator[Resource]:
    """Its entries that hold a resource."""
    entries = page.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield entry


def _entries(page: Resource) -> Iterator[Resource]:
    return (entry["resource"] for entry in entries_of(page))


def _is_severe(outcome: Resource) -> bool:
    issues = outcome.get("issue")
    return isinstance(issues, list) and any(
        isinstance(issue, dict) and issue.get("severity") in ("error", "fatal") for issue in issues
    )
