"""patient-view and order-sign for every Synthea patient of the shared test data."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fhir_mappings.concepts import ConceptTable
from tests.cds_service.card_rules import assert_valid_cards
from tests.end_to_end.conftest import Service
from tests.end_to_end.fhir_store import FhirStore

# Every kind of gap that these patients may leave. A new kind has to be looked at first.
KNOWN_GAPS = {
    "encounter-missing",
    "medication-unresolved",
    "name-cut",
    "order-without-medication",
    "outside-vocabulary",
    "prompt-cut",
    "setting-unknown",
}
LISINOPRIL = {
    "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "314076"}],
    "text": "lisinopril 10 MG Oral Tablet",
}


def patients(folder: Path) -> Iterator[list[dict[str, Any]]]:
    with gzip.open(folder / "data" / "fhir" / "synthea" / "bundles.ndjson.gz", "rt") as lines:
        for line in lines:
            yield [entry["resource"] for entry in json.loads(line)["entry"]]


def draft_of(resources: list[dict[str, Any]], patient_id: str) -> dict[str, Any]:
    """The patient's latest order, drafted again; lisinopril for who never had one."""
    orders = [r for r in resources if r["resourceType"] == "MedicationRequest"]
    latest = max(orders, key=lambda order: str(order.get("authoredOn")), default={})
    named = {k: deepcopy(v) for k, v in latest.items() if k.startswith("medication")}
    return {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient_id}"},
        **(named or {"medicationCodeableConcept": LISINOPRIL}),
    }


def hook_call(hook: str, context: dict[str, Any], prefetch: dict[str, Any]) -> dict[str, Any]:
    return {"hook": hook, "hookInstance": str(uuid4()), "context": context, "prefetch": prefetch}


def test_every_patient_is_answered_with_valid_cards_and_audited(
    service: Service, test_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps: Counter[str] = Counter()
    cards: Counter[str] = Counter()
    conditions: Counter[str] = Counter()
    requests, unresolved, calls = 0, Counter[str](), 0
    table = ConceptTable.load("conditions")
    for resources in patients(test_data):
        patient_id = next(r["id"] for r in resources if r["resourceType"] == "Patient")
        context = {"userId": "Practitioner/d1", "patientId": patient_id}
        prefetch = FhirStore(resources).prefetch(context)
        drafts = [{"resource": draft_of(resources, patient_id)}]
        orders = {"draftOrders": {"resourceType": "Bundle", "entry": drafts}}
        for hook in ("patient-view", "order-sign"):
            body = hook_call(hook, context | (orders if hook == "order-sign" else {}), prefetch)
            answer = service.call(f"lamo-{hook}", body)
            assert answer.status_code == 200, answer.get_data(as_text=True)
            assert_valid_cards(answer.json["cards"], patient_id)
            newest = service.tools.audit_log.list_events(limit=1)[0]
            stored = service.tools.audit_log.find_event(newest.event_id).body
            assert stored["hook_instance"] == body["hookInstance"]
            assert stored["cards"] == answer.json["cards"]
            gaps.update(gap["kind"] for gap in stored["gaps"])
            cards.update(f"{hook} {card['indicator']}" for card in answer.json["cards"])
            calls += 1
        for resource in resources:
            if resource["resourceType"] == "MedicationRequest":
                requests += 1
                unresolved.update(unresolved_name(service, resource))
            if resource["resourceType"] == "Condition":
                conditions[str(is_known(table, resource))] += 1
    share = 1 - unresolved.total() / requests
    with capsys.disabled():
        print(f"\n{calls} calls answered; gaps: {dict(gaps)}; cards: {dict(cards)}")
        print(f"MedicationRequests resolved: {share:.1%} of {requests}; not: {dict(unresolved)}")
        known = conditions["True"] / conditions.total()
        print(f"Conditions with a concise title: {known:.1%} of {conditions.total()}")
    assert set(gaps) <= KNOWN_GAPS
    assert share >= 0.98


def unresolved_name(service: Service, request: dict[str, Any]) -> list[str]:
    concept = request.get("medicationCodeableConcept", {})
    codings = [(c.get("system"), c.get("code"), c.get("display")) for c in concept["coding"]]
    found = service.tools.tables.formulary.resolve(codings, concept.get("text"))
    return [] if found.ingredients else [str(concept.get("text") or codings)]


def is_known(table: ConceptTable, condition: dict[str, Any]) -> bool:
    code = condition["code"]
    codings = [(c.get("system"), c.get("code")) for c in code.get("coding", [])]
    return table.find(codings, code.get("text")) is not None
