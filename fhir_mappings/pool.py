"""The resources of one call, sorted by type, each once, another patient's set aside."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from fhir_mappings.elements import Element
from fhir_mappings.gaps import Gaps
from fhir_mappings.references import local_name, place_of, points_to
from fhir_mappings.versions import as_r4

_TYPE_OF_KEY = {
    "patient": "Patient",
    "conditions": "Condition",
    "procedures": "Procedure",
    "documents": "DocumentReference",
    "allergies": "AllergyIntolerance",
    "medications": "MedicationRequest",
    "statements": "MedicationStatement",
    "encounters": "Encounter",
    "observations": "Observation",
}
KEY_OF_TYPE = {kind: key for key, kind in _TYPE_OF_KEY.items()}
_READ_AS = {"MedicationOrder": "MedicationRequest"}  # DSTU2's name for it
_NAMES = ("medicationCodeableConcept", "medicationReference", "code", "substance")
_STATED = (*_NAMES, "status")  # a medication of the same is one order, however it is dosed
_UNSAID = frozenset({"meta", "text"})  # of the server's making: no news of the patient
_CHECKED = ("allergies", "medications", "statements")  # a rule misses what is lost here
_BOTH = (*_CHECKED, "conditions", "observations")  # of which either may be what speaks


class Pool:
    """Where every mapper finds its resources, and references are followed."""

    def __init__(self, patient_id: str, gaps: Gaps) -> None:
        self._patient_id = patient_id
        self._gaps = gaps
        self._by_type: dict[str, list[Element]] = {}
        self._by_name: dict[tuple[str, str], Element] = {}
        self._said: dict[tuple[str, str], list[object]] = {}  # under each id

    def add_prefetched(self, prefetched: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Take in what the client sent, by prefetch key; a resource met twice counts once.

        Where two of one id differ, nobody knows which holds: rules see both, and a gap says so.
        """
        for key, resources in prefetched.items():
            place = key if key in _TYPE_OF_KEY else "prefetch"
            for resource in _as_list(resources):
                element = self._element(resource, place)
                if element is not None and self._is_ours(element):
                    self._keep(element)

    def add_drafts(self, drafts: Sequence[Mapping[str, Any]]) -> tuple[Element, ...]:
        """The draft resources in their order; what they refer to can be found afterwards."""
        found = [self._element(draft, "draftOrders") for draft in _as_list(drafts)]
        elements = tuple(element for element in found if element is not None)
        for element in elements:
            if type_of(element) == "Medication":
                self._keep(element)
        return elements

    def of_type(self, resource_type: str) -> Sequence[Element]:
        """Every resource that is read as that type, in the order received."""
        return self._by_type.get(resource_type, ())

    def all(self) -> Iterable[Element]:
        """Every resource that was kept, by type."""
        return chain.from_iterable(self._by_type.values())

    def find(self, reference: str | None, holder: Element) -> Element | None:
        """What a reference in `holder` points to: contained in it, or sent with the call."""
        if not reference:
            return None
        if reference.startswith("#"):
            inside = holder.many("contained")
            return next((item for item in inside if item.text("id") == reference[1:]), None)
        name = local_name(reference)
        return self._by_name.get((name.type or "", name.id))

    def is_another_patients(self, element: Element) -> bool:
        """Whether its subject is anyone but the patient of the call; no subject: the patient."""
        if type_of(element) == "Patient":
            found = element.text("id")
            return found is not None and not points_to(found, "Patient", self._patient_id)
        subject = element.reference("subject") or element.reference("patient")
        if subject is None:
            return False
        subject = subject.removeprefix("#")  # a contained Patient is the one of its own id
        return not points_to(subject, "Patient", self._patient_id)

    def _element(self, resource: object, key: str) -> Element | None:
        if not isinstance(resource, Mapping):
            is_checked = key in _CHECKED or key == "draftOrders"
            self._gaps.malformed(key, "of the list", shown=is_checked)
            return None
        stated = resource.get("resourceType")
        if isinstance(stated, str) and stated.isascii() and stated.isalpha():
            where = place_of(stated[:64], resource.get("id"))
            return Element(as_r4(resource), where, self._gaps)
        self._gaps.malformed(key, "resourceType")
        assumed = _TYPE_OF_KEY.get(key, "MedicationRequest" if key == "draftOrders" else "Basic")
        where = place_of(assumed, resource.get("id"))
        return Element(as_r4({**resource, "resourceType": assumed}), where, self._gaps)

    def _is_ours(self, element: Element) -> bool:
        if read_as(element) not in KEY_OF_TYPE or not self.is_another_patients(element):
            return True
        meaning = "the resource is about another patient than the call: it was set aside"
        is_person = type_of(element) == "Patient"  # the wrong chart: to be said aloud
        self._gaps.add("other-patient", element.where, meaning, shown=is_person)
        return False

    def _is_news(self, element: Element, resource_id: str) -> bool:
        """Whether its id is new, or it says something else than what came under it before."""
        key = KEY_OF_TYPE.get(read_as(element), "")
        said = self._said.setdefault((type_of(element), resource_id), [])
        whole, told = _whole(element), _told(element, key)
        if said and whole not in said:
            meaning = "two resources of one id differ, and nobody can tell which of them holds"
            self._gaps.add("id-twice", element.where, meaning)
        is_news = not said or (key in _BOTH and told not in said)
        said += [whole, told]
        return is_news

    def _keep(self, element: Element) -> None:
        resource_type, resource_id = type_of(element), element.text("id")
        if resource_id is not None:
            if not self._is_news(element, resource_id):
                return
            self._by_name.setdefault((resource_type, resource_id), element)
            self._by_name.setdefault(("", resource_id), element)  # for a urn
        self._by_type.setdefault(read_as(element), []).append(element)


def _whole(element: Element) -> Mapping[str, Any]:
    return {name: value for name, value in element.node.items() if name not in _UNSAID}


def _told(element: Element, key: str) -> object:
    """What of it makes another entry: of a medication its name and whether it is taken."""
    if key in ("medications", "statements"):
        return tuple(element.node.get(name) for name in _STATED)
    return _whole(element)


def type_of(element: Element) -> str:
    """Its resource type, as references to it name it."""
    return str(element.node.get("resourceType"))


def read_as(element: Element) -> str:
    """The type of R4 that it is read as."""
    return _READ_AS.get(type_of(element), type_of(element))


def reference_to(element: Element) -> str | None:
    """How the record refers to it: "Condition/123"; None without an id."""
    resource_id = element.text("id")
    return f"{type_of(element)}/{resource_id}" if resource_id else None


def _as_list(value: object) -> Iterable[object]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)
