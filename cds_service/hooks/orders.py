"""The orders in the context of a hook, and which of them are being chosen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cds_service.errors import MalformedRequest
from cds_service.hooks.discovery import Service
from cds_service.hooks.members import found_at, object_at
from fhir_mappings.record import Gap
from fhir_mappings.references import LocalName, local_name

MAX_ORDERS = 200
NO_ORDERS = Gap(
    kind="no-orders-named",
    where="context",
    meaning="This call named no orders, so no order was checked.",
    shown=True,
)
NOT_AMONG = Gap(
    kind="selection-unknown",
    where="context.selections",
    meaning="What is being chosen is not among the draft orders that were sent: they were checked, "
    "and it was not.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the context says of orders."""

    drafts: tuple[Mapping[str, Any], ...] = ()  # every resource of the bundle, as sent
    selections: tuple[str, ...] = ()  # as sent; order-select only
    gaps: tuple[Gap, ...] = ()

    @property
    def doses(self) -> dict[str, str]:
        """The dose as each draft words it, by reference; none where that cannot be read."""
        found = {}
        for one in self.drafts:
            dosages = one.get("dosageInstruction")
            first = dosages[0] if isinstance(dosages, list) and dosages else None
            text = first.get("text") if isinstance(first, dict) else None
            if isinstance(text, str):
                found[f"{one.get('resourceType')}/{one.get('id')}"] = text
        return found


def read_orders(service: Service, context: Mapping[str, Any]) -> Orders:
    """Read the orders that the hook of this service carries.

    A selection that no draft has is no reason to refuse: the drafts are all judged, and a refusal
    would take that away. It is shown unless drafts without an id may be what it means.

    Raises:
        MalformedRequest: a member is missing or of the wrong type; names it.
    """
    if service.orders_field is None:
        return Orders()
    if _is_a_screen_without_orders(service, context):
        return Orders(gaps=(NO_ORDERS,))
    entries = _entries(service.orders_field, context)
    drafts = tuple(one for entry in entries if isinstance(one := entry.get("resource"), dict))
    selections = _selections(service, context)
    gaps = (*_unknown(selections, entries), *_empty(len(entries) - len(drafts)))
    return Orders(drafts=drafts, selections=selections, gaps=gaps)


def _is_a_screen_without_orders(service: Service, context: Mapping[str, Any]) -> bool:
    """Whether the client only says whose chart is open.

    The sandbox client, when its prescribing view is clicked again, sends order-select and
    order-sign with patientId and userId alone. That is a screen without an order: it is served,
    and a gap says that no order was checked. Orders missing from any fuller context are an error.
    """
    told = {name for name in ("draftOrders", "selections", "encounterId") if name in context}
    return service.orders_field == "draftOrders" and not told


def _entries(field: str, context: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The entries of the Bundle of drafts; what is no object is an empty one."""
    name, wanted = f"context.{field}", "a FHIR Bundle of draft orders"
    bundle = object_at(context, field, name, wanted)
    entries = bundle.get("entry") or []
    if bundle.get("resourceType") != "Bundle" or not isinstance(entries, list):
        raise MalformedRequest(name, "an object of another kind", wanted)
    if len(entries) > MAX_ORDERS:
        raise MalformedRequest(name, f"{len(entries)} entries", f"at most {MAX_ORDERS} entries")
    return [entry if isinstance(entry, dict) else {} for entry in entries]


def _empty(count: int) -> tuple[Gap, ...]:
    """A gap that counts the entries without a resource, of which nobody can say what they order."""
    if not count:
        return ()
    told = "1 draft order holds" if count == 1 else f"{count} draft orders hold"
    meaning = f"{told} no resource, and could not be checked."
    return (Gap(kind="draft-empty", where="draftOrders", meaning=meaning, shown=True),)


def _selections(service: Service, context: Mapping[str, Any]) -> tuple[str, ...]:
    if service.hook != "order-select":
        return ()
    wanted = "an array of references such as MedicationRequest/123"
    found = context.get("selections")
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise MalformedRequest("context.selections", found_at(context, "selections"), wanted)
    return tuple(found)


def _unknown(selections: Iterable[str], entries: Sequence[Mapping[str, Any]]) -> tuple[Gap, ...]:
    """A gap when a selection is none of the drafts, by id, by fullUrl, or by a version of them."""
    names = [_names_of(entry) for entry in entries]
    known = {name for of_one in names for name in of_one}
    known |= {LocalName(None, name.id) for name in known}
    strange = sum(local_name(one) not in known for one in set(selections))
    nameless = sum(not of_one for of_one in names)
    return (replace(NOT_AMONG, shown=strange > nameless),) if strange else ()


def _names_of(entry: Mapping[str, Any]) -> tuple[LocalName, ...]:
    resource, url = entry.get("resource"), entry.get("fullUrl")
    named = (local_name(url),) if isinstance(url, str) and url else ()
    if isinstance(resource, dict) and isinstance(resource.get("id"), str):
        return (LocalName(str(resource.get("resourceType")), resource["id"]), *named)
    return named
