"""Each event of the log as an R4 AuditEvent, after the Basic Audit Log Patterns of IHE.

What is claimed by `meta.profile`, and what is not:

- A decision is a PatientQuery: a client asks a server about one patient. The request is told by its
  first line; its body holds the patient. It is claimed where the client is known by its URL: a
  client that is known by a name alone has no network address, which the profile wants.
- Feedback is a PatientCreate, or a Create where its card is none of ours; claimed likewise.
- What was refused or failed: the profiles are of successes alone.
- A look at the log is a read, and an export a disclosure, but the log does not keep from which
  address a person came, and a disclosure has one patient: neither profile is fulfilled.
- Administration and retention are no RESTful exchanges.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cds_service.audit.exports.rows import Exported
from fhir_mappings.audit_events import (
    APPLICATION,
    AUTHOR,
    DOMAIN_RESOURCE,
    INFORMED,
    INTERACTIONS,
    RECEIVER,
    REPORT,
    REST,
    SECURITY_RESOURCE,
    SENDER,
    Happened,
    Outcome,
    at_host,
    at_url,
    audit_event,
    machine,
    patient,
    person,
    query,
    thing,
    transaction,
)
from fhir_mappings.codes import DCM, LIFECYCLE, Json, coding, identified, referred

Body = Mapping[str, Any]
EXPORT = coding(DCM, "110106", "Export")
LOG_USED = coding(DCM, "110101", "Audit Log Used")
ACTIVITY = coding(DCM, "110100", "Application Activity")
DISCLOSED = coding(LIFECYCLE, "disclose", "Disclose Record Lifecycle Event")
RETENTION = {
    "erase-patient": coding(LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event"),
    "purge": coding(LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event"),
    "hold-add": coding(LIFECYCLE, "hold", "Add Legal Hold Record Lifecycle Event"),
    "hold-remove": coding(LIFECYCLE, "unhold", "Remove Legal Hold Record Lifecycle Event"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How what is ours is named outside: by identifier systems below the service's URL."""

    base_url: str

    def ours(self, kind: str, value: str, resource_type: str | None = None) -> Json:
        """A logical reference to an event, a client, an account, or a patient by pid."""
        return identified(self.system(kind), value, resource_type)

    def system(self, kind: str) -> str:
        """The identifier system of one kind of thing."""
        return f"{self.base_url}/audit/{kind}"

    def patient(self, event: Exported) -> Json | None:
        """Who the event is about: by the client's id where that is at hand, else by pid."""
        pid, patient_id = event.body.get("patient"), event.private.get("patient_id")
        if pid is None:
            return None
        named = self.ours("patient", pid, "Patient")
        if patient_id is None:
            return named
        reference = patient_id if "/" in patient_id else f"Patient/{patient_id}"
        return referred(reference, self.system("patient-id"))

    def service(self) -> Json:
        """The service itself."""
        return identified(self.system("service"), self.base_url, "Device")


def to_audit_event(event: Exported, names: Names) -> Json:
    """The AuditEvent of an event."""
    return _MADE.get(event.body["kind"], _administration)(event, names)


def _decision(event: Exported, names: Names) -> Json:
    body, whom = event.body, names.patient(event)
    asked = f"POST /cds-services/{body['service_id']}"
    entities = [query(f"{asked} HTTP/1.1"), transaction(body["request_id"])]
    network = _network(body["client"])
    happened = _happened(
        body,
        kind=REST,
        subtypes=[coding(INTERACTIONS, "operation"), coding(names.system("hook"), body["hook"])],
        action="E",
        profile="PatientQuery" if network and whom else None,
    )
    agents = [*_exchange(body, names, network), *_user(event, names, INFORMED)]
    entities += [patient(whom)] if whom else []
    return audit_event(happened, agents, entities, names.service())


def _feedback(event: Exported, names: Names) -> Json:
    body, whom = event.body, names.patient(event)
    card = body.get("card", event.private.get("card"))
    about = names.ours("event", body["event_id"]) if card is None else names.ours("card", card)
    network = _network(body["client"])
    created = ("PatientCreate" if whom else "Create") if network else None
    happened = _happened(
        body, kind=REST, subtypes=[coding(INTERACTIONS, "create")], action="C", profile=created
    )
    entities = [thing(REPORT, about, {"outcome": body["outcome"]})]
    entities += [transaction(body["request_id"]), *([patient(whom)] if whom else [])]
    return audit_event(happened, _exchange(body, names, network), entities, names.service())


def _error(event: Exported, names: Names) -> Json:
    body = event.body
    subtypes = [coding(INTERACTIONS, "operation"), coding(names.system("error"), body["code"])]
    happened = _happened(body, kind=REST, subtypes=subtypes, action="E")
    asked = f"POST /cds-services/{body.get('service_id') or ''}"
    entities = [query(asked), transaction(body["request_id"])]
    agents = _exchange(body, names, _network(body["client"]))
    return audit_event(happened, agents, entities, names.service())


def _access(event: Exported, names: Names) -> Json:
    body, whom = event.body, names.patient(event)
    user = event.private.get("user_reference", body["user"])
    is_export = body.get("sha256") is not None
    subtypes = [DISCLOSED] if is_export else [coding(INTERACTIONS, "read"), LOG_USED]
    happened = _happened(
        body,
        kind=EXPORT if is_export else REST,
        subtypes=subtypes,
        action="R",
        purpose=event.private.get("purpose"),
    )
    agents = [
        person(INFORMED, names.ours("account", user), _roles(body, names)),
        machine(SENDER, names.service(), at_url(names.base_url)),
    ]
    looked_at = body.get("looked_at")
    what = names.ours("event", looked_at) if looked_at else names.ours("page", body["page"])
    told = {name: str(body[name]) for name in ("page", "rows", "sha256") if body.get(name)}
    entities = [thing(REPORT if is_export else DOMAIN_RESOURCE, what, told)]
    entities += [transaction(body["request_id"]), *([patient(whom)] if whom else [])]
    return audit_event(happened, agents, entities, names.service())


def _administration(event: Exported, names: Names) -> Json:
    body = event.body
    action = coding(names.system("action"), str(body.get("action", body["kind"])))
    happened = _happened(
        body,
        kind=ACTIVITY,
        subtypes=[action],
        action="U",
        purpose=event.private.get("reason"),
    )
    by = person(AUTHOR, names.ours("account", str(body.get("user", body["client"]))))
    entities = [thing(SECURITY_RESOURCE, names.ours("subject", str(body.get("subject", "log"))))]
    entities += [transaction(body["request_id"])] if body.get("request_id") else []
    return audit_event(happened, [by], entities, names.service())


def _retention(event: Exported, names: Names) -> Json:
    body, whom = event.body, names.patient(event)
    kind = RETENTION.get(body["action"], ACTIVITY)
    action = coding(names.system("action"), body["action"])
    is_end = body["action"] in ("erase-patient", "purge")
    happened = _happened(body, kind=kind, subtypes=[action], action="D" if is_end else "U")
    agents = [
        person(AUTHOR, names.ours("account", body["client"])),
        machine(APPLICATION, names.service(), None),
    ]
    told = {name: str(count) for name, count in body["counts"].items()}
    entities = [thing(DOMAIN_RESOURCE, names.ours("event", body["event_id"]), told)]
    return audit_event(
        happened, agents, entities + ([patient(whom)] if whom else []), names.service()
    )


_MADE: Mapping[str, Callable[[Exported, Names], Json]] = {
    "decision": _decision,
    "feedback": _feedback,
    "error": _error,
    "access": _access,
    "administration": _administration,
    "retention": _retention,
}


def _happened(body: Body, **parts: Any) -> Happened:
    cards = body.get("card_count")
    return Happened(
        event_id=body["event_id"],
        recorded=body["recorded_at"],
        outcome=_outcome(body),
        told=body["outcome"] if cards is None else f"{body['outcome']}, {cards} cards",
        **parts,
    )


def _outcome(body: Body) -> Outcome:
    if body["status"] >= 500:
        return "8"
    return "4" if body["status"] >= 400 else "0"


def _exchange(body: Body, names: Names, network: Json | None) -> list[Json]:
    """The client, which is the source of what is asked or told, and the service."""
    client = names.ours("client", body["client"])
    return [
        machine(SENDER, client, network),
        machine(RECEIVER, names.service(), at_url(names.base_url)),
    ]


def _user(event: Exported, names: Names, role: Json) -> list[Json]:
    user = event.private.get("user_reference", event.body.get("user"))
    return [person(role, referred(user, names.system("user")))] if user else []


def _roles(body: Body, names: Names) -> list[Json]:
    return [coding(names.system("role"), role) for role in body.get("roles", ())]


def _network(client: str) -> Json | None:
    """Where a client is in the network, where it is known by its URL."""
    try:
        host = urlsplit(client).hostname
    except ValueError:
        return None
    return at_host(host) if host else None
