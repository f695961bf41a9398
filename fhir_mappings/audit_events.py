"""AuditEvent (R4): who did what with whose data, in the shapes of IHE BALP.

Source: IHE ITI Basic Audit Log Patterns 1.1.4, https://profiles.ihe.net/ITI/BALP. A profile is
claimed by `profile`, and only by a caller that has all that it asks for: a successful outcome, a
client and a server each with a network address, and of a query its text.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fhir_mappings.codes import DCM, Json, coding, plain

BALP = "https://profiles.ihe.net/ITI/BALP"
TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTIONS = "http://hl7.org/fhir/restful-interaction"
PARTICIPANTS = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ENTITIES = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
ROLES = "http://terminology.hl7.org/CodeSystem/object-role"
SOURCES = "http://terminology.hl7.org/CodeSystem/security-source-type"

REST = coding(TYPES, "rest", "RESTful Operation")
SENDER = coding(DCM, "110153", "Source Role ID")
RECEIVER = coding(DCM, "110152", "Destination Role ID")
APPLICATION = coding(DCM, "110150", "Application")
INFORMED = coding(PARTICIPANTS, "IRCP", "information recipient")
AUTHOR = coding(PARTICIPANTS, "AUT", "author (originator)")
PERSON = coding(ENTITIES, "1", "Person")
SYSTEM_OBJECT = coding(ENTITIES, "2", "System Object")
REQUEST_ID = coding(f"{BALP}/CodeSystem/BasicAuditEntityType", "XrequestId")
PATIENT = coding(ROLES, "1", "Patient")
REPORT = coding(ROLES, "3", "Report")
DOMAIN_RESOURCE = coding(ROLES, "4", "Domain Resource")
SECURITY_RESOURCE = coding(ROLES, "13", "Security Resource")
QUERY = coding(ROLES, "24", "Query")

Action = Literal["C", "R", "U", "D", "E"]
Outcome = Literal["0", "4", "8"]  # success, minor failure, serious failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What an AuditEvent says of the event itself."""

    event_id: str  # a FHIR id
    recorded: str  # RFC 3339
    kind: Json  # AuditEvent.type
    subtypes: Sequence[Json]
    action: Action
    outcome: Outcome
    told: str  # outcomeDesc
    purpose: str | None = None
    profile: str | None = None  # the name of one of BALP, which the rest fulfils


def audit_event(
    happened: Happened, agents: Sequence[Json], entities: Sequence[Json], observer: Json
) -> Json:
    """A valid R4 AuditEvent.

    Args:
        happened: what, when, and with what outcome.
        agents: made by `machine` and `person`, one at least.
        entities: made by `patient`, `query`, `thing` and `transaction`.
        observer: a reference to what recorded the event.
    """
    profile = f"{BALP}/StructureDefinition/IHE.BasicAudit.{happened.profile}"
    event: Json = {
        "resourceType": "AuditEvent",
        "id": happened.event_id,
        "meta": {"profile": [profile]} if happened.profile else None,
        "type": happened.kind,
        "subtype": list(happened.subtypes),
        "action": happened.action,
        "recorded": happened.recorded,
        "outcome": happened.outcome,
        "outcomeDesc": plain(happened.told),
        "purposeOfEvent": [{"text": plain(happened.purpose)}] if happened.purpose else None,
        "agent": list(agents),
        "source": {
            "observer": observer,
            "type": [coding(SOURCES, "4", "Application Server")],
        },
        "entity": list(entities),
    }
    return {name: value for name, value in event.items() if value}


def machine(role: Json, who: Json, network: Json | None) -> Json:
    """A system that took part: SENDER, RECEIVER or APPLICATION."""
    placed = {"network": network} if network else {}
    return {"type": {"coding": [role]}, "who": who, "requestor": False, **placed}


def person(role: Json, who: Json, roles: Sequence[Json] = ()) -> Json:
    """Whoever asked for it: INFORMED or AUTHOR, with the roles that they had."""
    had = {"role": [{"coding": [one]} for one in roles]} if roles else {}
    return {"type": {"coding": [role]}, "who": who, "requestor": True, **had}


def at_host(name: str) -> Json:
    """Where a system is in the network, by its DNS name."""
    return {"address": name, "type": "1"}


def at_url(url: str) -> Json:
    """Where a system is in the network, by its URL."""
    return {"address": url, "type": "5"}


def patient(what: Json) -> Json:
    """The patient that the event is about."""
    return {"what": what, "type": PERSON, "role": PATIENT}


def query(text: str) -> Json:
    """What was asked for, as the request said it."""
    encoded = b64encode(text.encode()).decode("ascii")
    return {"type": SYSTEM_OBJECT, "role": QUERY, "query": encoded}


def thing(role: Json, what: Json, details: Mapping[str, str] | None = None) -> Json:
    """A record, report or setting that was read, made or changed."""
    told = [{"type": name, "valueString": plain(one)} for name, one in (details or {}).items()]
    return {"what": what, "type": SYSTEM_OBJECT, "role": role} | ({"detail": told} if told else {})


def transaction(request_id: str) -> Json:
    """The X-Request-Id of the exchange."""
    return {"what": {"identifier": {"value": plain(request_id)}}, "type": REQUEST_ID}
