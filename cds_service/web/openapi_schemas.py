"""JSON schemas of what the service takes and answers, made from what reads and writes it."""

from typing import Any, get_args

from cds_service.cards.parts import TOPICS
from cds_service.hooks.discovery import PREFETCH, SERVICES, PrefetchKey, Service
from cds_service.hooks.feedback import MAX_CODE, MAX_COMMENT, MAX_ENTRIES
from cds_service.hooks.orders import MAX_ORDERS
from cds_service.hooks.request import FHIR_ID, TOKEN, USER_ID, UUID_TEXT
from medication_safety.findings import Severity

Json = dict[str, Any]
FREE: Json = {"type": "object"}  # FHIR, of which the service takes what it can read
TEXT: Json = {"type": "string"}


def request_name(service: Service) -> str:
    """The name of the schema of one service's calls."""
    return f"{service.service_id}-request"


def feedback_name() -> str:
    """The name of the schema of feedback."""
    return "Feedback"


def schemas() -> Json:
    """Every schema by its name."""
    return {request_name(service): _request(service) for service in SERVICES} | {
        feedback_name(): _feedback(),
        "Cards": _object(cards=_array(_card()), needs=("cards",)),
        "Discovery": _object(services=_array(_service()), needs=("services",)),
        "Health": _object(status={"const": "ready"}, checks=FREE, needs=("status", "checks")),
        "OperationOutcome": _outcome(),
        "Bundle": _bundle(),
    }


def _request(service: Service) -> Json:
    needed = [wanted.key for wanted in PREFETCH if wanted.required]
    token = _object(access_token=_text(TOKEN.pattern), needs=("access_token",))
    schema = _object(
        hook={"const": service.hook},
        hookInstance=_text(UUID_TEXT.pattern),
        fhirServer={"type": "string", "format": "uri"},
        fhirAuthorization=token,
        context=_context(service),
        prefetch=FREE | {"properties": {one.key: _prefetched(one) for one in PREFETCH}},
        needs=("hook", "hookInstance", "context"),
    )
    supplied = _object(prefetch=_object(needs=tuple(needed)), needs=("prefetch",))
    return schema | {
        "dependentRequired": {"fhirAuthorization": ["fhirServer"]},
        "anyOf": [{"required": ["fhirServer"]}, supplied],  # what is needed is sent, or can be read
    }


def _prefetched(wanted: PrefetchKey) -> Json:
    """The answer to one query: a resource, or a Bundle of them; null where nothing was found."""
    kind = wanted.resource_type if wanted.required else "Bundle"
    resource = _object(resourceType={"const": kind}, needs=("resourceType",))
    null = [] if wanted.required else ["null"]
    return resource | {"type": ["object", *null], "description": wanted.template}


def _context(service: Service) -> Json:
    members: Json = {
        "userId": _text(USER_ID.pattern),
        "patientId": _text(f"(Patient/)?{FHIR_ID.pattern}"),
        "encounterId": _text(f"(Encounter/)?{FHIR_ID.pattern}"),
    }
    needs = ["userId", "patientId"] + ["encounterId"] * service.needs_encounter
    if service.orders_field is not None:
        members[service.orders_field] = {"$ref": "#/components/schemas/Bundle"}
        needs.append(service.orders_field)
    if service.hook == "order-select":
        members["selections"] = _array(TEXT)
        needs.append("selections")
    return _object(**members, needs=tuple(needs))


def _bundle() -> Json:
    entry = _object(fullUrl=TEXT, resource=FREE)
    orders = _array(entry) | {"maxItems": MAX_ORDERS}
    return _object(resourceType={"const": "Bundle"}, entry=orders, needs=("resourceType",))


def _feedback() -> Json:
    short = {"type": "string", "minLength": 1, "maxLength": 64}
    part = TEXT | {"maxLength": MAX_CODE}
    coding = _object(code=part, system=part, needs=("code",))
    reason = _object(reason=coding, userComment={"type": "string", "maxLength": MAX_COMMENT})
    taken = _array(_object(id=short, needs=("id",))) | {"minItems": 1, "maxItems": MAX_ENTRIES}
    entry = _object(
        card=short,
        outcome={"enum": ["accepted", "overridden"]},
        acceptedSuggestions=taken,
        overrideReason=reason | {"minProperties": 1},
        outcomeTimestamp={"type": "string", "format": "date-time"},
        needs=("card", "outcome", "outcomeTimestamp"),
    )
    entries = _array(entry) | {"maxItems": MAX_ENTRIES}
    return _object(feedback=entries, needs=("feedback",))


def _card() -> Json:
    action = _object(
        type={"enum": ["create", "update", "delete"]},
        description=TEXT,
        resource=FREE,
        resourceId=TEXT,
        needs=("type", "description"),
    )
    suggestion = _object(
        label=TEXT,
        uuid=TEXT,
        actions=_array(action),
        needs=("label", "uuid", "actions"),
    )
    return _object(
        uuid={"type": "string", "format": "uuid"},
        summary={"type": "string", "maxLength": 139},
        detail=TEXT,
        indicator={"enum": list(get_args(Severity))},
        source=_object(label=TEXT, topic=_topic(), needs=("label", "topic")),
        suggestions=_array(suggestion),
        selectionBehavior={"enum": ["at-most-one", "any"]},
        overrideReasons=_array(_coding(TEXT)),
        links=_array(FREE),
        needs=("uuid", "summary", "indicator", "source"),
    )


def _service() -> Json:
    return _object(
        id=TEXT,
        hook=TEXT,
        title=TEXT,
        description=TEXT,
        prefetch={"type": "object", "additionalProperties": TEXT},
        usageRequirements=TEXT,
        needs=("id", "hook", "description"),
    )


def _outcome() -> Json:
    issue = _object(
        severity={"enum": ["fatal", "error", "warning", "information"]},
        code=TEXT,
        diagnostics=TEXT,
        expression=_array(TEXT),
        needs=("severity", "code", "diagnostics"),
    )
    named = {"const": "OperationOutcome"}
    issues = _array(issue) | {"minItems": 1}
    return _object(resourceType=named, id=TEXT, issue=issues, needs=("resourceType", "issue"))


def _topic() -> Json:
    return _coding({"enum": list(TOPICS)})


def _coding(code: Json) -> Json:
    return _object(code=code, system=TEXT, display=TEXT, needs=("code", "system"))


def _text(pattern: str) -> Json:
    return {"type": "string", "pattern": f"^({pattern})$"}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


def _object(*, needs: tuple[str, ...] = (), **members: Json) -> Json:
    """An object with these members; others are ignored, as CDS Hooks has it."""
    required = {"required": list(needs)} if needs else {}
    return {"type": "object", "properties": members} | required
