"""A FHIR R4 server of the tests: reads, and the searches of our own prefetch templates."""

from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cds_service.hooks.discovery import PREFETCH, resolve_template
from tests.fakes import send_json

Resource = dict[str, Any]


class FhirStore:
    """Resources by type; used by calls that prefetch and by a loopback server alike."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources: dict[str, list[Resource]] = {}
        for resource in resources:
            self.resources.setdefault(resource["resourceType"], []).append(resource)

    def answer(self, query: str) -> Resource | None:
        """The answer to `Type/id` or `Type?search`, without the base."""
        parts = urlsplit(query)
        if not parts.query:
            resource_type, _, resource_id = parts.path.partition("/")
            found = self.resources.get(resource_type, [])
            return next((r for r in found if r.get("id") == unquote(resource_id)), None)
        return self._search(parts.path, parse_qs(parts.query))

    def prefetch(self, context: Mapping[str, Any]) -> dict[str, Resource | None]:
        """What a CDS Client would send: each of our templates resolved and asked."""
        tokens = {name: value for name, value in context.items() if isinstance(value, str)}
        return {
            wanted.key: self.answer(resolve_template(wanted.template, tokens))
            for wanted in PREFETCH
        }

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one HTTP request; for the default of a loopback server."""
        answer = self.answer(handler.path.removeprefix("/fhir/"))
        send_json(handler, answer, 404 if answer is None else 200)

    def _search(self, resource_type: str, query: Mapping[str, list[str]]) -> Resource:
        found = [
            resource
            for resource in self.resources.get(resource_type, [])
            if _is_of(resource, query["patient"][0]) and _has_status(resource, query)
        ]
        if "category" in query:
            found = [r for r in found if query["category"][0] in str(r.get("category"))]
        if "code" in query:
            codes = [code.rpartition("|")[2] for code in query["code"][0].split(",")]
            found = [r for r in found if any(code in str(r.get("code")) for code in codes)]
        if query.get("_sort"):
            found.sort(key=_dated, reverse=query["_sort"][0].startswith("-"))
        page = found[: int(query["_count"][0])]
        return {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [{"resource": resource} for resource in page],
        }


def _is_of(resource: Resource, patient: str) -> bool:
    subject = resource.get("subject") or resource.get("patient") or {}
    return str(subject.get("reference", "")).rpartition("/")[2].endswith(patient)


def _has_status(resource: Resource, query: Mapping[str, list[str]]) -> bool:
    return "status" not in query or resource.get("status") in query["status"][0].split(",")


def _dated(resource: Resource) -> str:
    period = resource.get("period") or resource.get("performedPeriod") or {}
    dated = resource.get("authoredOn") or resource.get("performedDateTime") or period.get("start")
    return str(dated or resource.get("date") or "")
