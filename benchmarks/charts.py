"""Hook calls with the prefetch of real-looking charts: Synthea's, from the shared test data."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.end_to_end.fhir_store import FhirStore
from tests.end_to_end.test_real_patients import draft_of, hook_call

RESOURCES = 60
LARGE = 10_000  # conditions of one bundle


def calls_of(hook: str, most: int = 50) -> list[dict[str, Any]]:
    """Calls of `hook`, each with a prefetch of 60 resources, of different patients."""
    folder = os.environ.get("LAMO_TEST_DATA")
    if not folder:
        raise SystemExit("LAMO_TEST_DATA is not set: name the folder of shared test data")
    calls: list[dict[str, Any]] = []
    for chart in _charts(Path(folder)):
        call = _call(hook, chart)
        if _shortened(call) and len(calls) < most:
            calls.append(call)
    if not calls:
        raise SystemExit(f"no patient of the test data has a chart of {RESOURCES} resources")
    return calls


def large_call() -> dict[str, Any]:
    """A patient-view with a bundle of LARGE conditions, the first ones repeated under new ids."""
    call = calls_of("patient-view", 1)[0]
    found = [entry["resource"] for entry in call["prefetch"]["conditions"]["entry"]]
    conditions = [{**found[n % len(found)], "id": f"large-{n}"} for n in range(LARGE)]
    call["prefetch"]["conditions"]["entry"] = [{"resource": one} for one in conditions]
    return call


def _charts(folder: Path) -> Iterator[list[dict[str, Any]]]:
    path = folder / "data" / "fhir" / "synthea" / "bundles.ndjson.gz"
    with gzip.open(path, "rt") as lines:
        for line in lines:
            yield [entry["resource"] for entry in json.loads(line)["entry"]]


def _call(hook: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    patient_id = next(r["id"] for r in resources if r["resourceType"] == "Patient")
    context: dict[str, Any] = {"userId": "Practitioner/d1", "patientId": patient_id}
    prefetch = FhirStore(resources).prefetch(context)
    if hook == "order-sign":
        drafts = [{"resource": draft_of(resources, patient_id)}]
        context["draftOrders"] = {"resourceType": "Bundle", "entry": drafts}
    return hook_call(hook, context, prefetch)


def _shortened(call: dict[str, Any]) -> bool:
    """Take from the longest lists until there are RESOURCES; False when there are fewer."""
    bundles = [value for value in call["prefetch"].values() if value and "entry" in value]
    over = 1 + sum(len(bundle["entry"]) for bundle in bundles) - RESOURCES
    for _ in range(over):
        max(bundles, key=lambda bundle: len(bundle["entry"]))["entry"].pop()
    return over >= 0
