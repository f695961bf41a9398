"""The artifact that ships: small, safe to load, and better than the same list for everyone."""

import json
from pathlib import Path
from typing import Any

from lamo.artifact import bundled_artifact_folder
from lamo.deadline import Deadline
from lamo.notes.digest import digest_record
from lamo.prompts import render_prompt
from lamo.synthetic.generator import synthesize
from tests.end_to_end.conftest import Service

MOST_BYTES = 12_000_000
FRESH_SEED = 99_001  # no patient of it was trained, calibrated or measured on


def jaccard(chosen: set[str], prescribed: frozenset[str]) -> float:
    union = chosen | prescribed
    return len(chosen & prescribed) / len(union) if union else 1.0


def test_it_is_small_and_holds_no_code() -> None:
    paths = [path for path in bundled_artifact_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in paths) <= MOST_BYTES
    assert {path.suffix for path in paths} <= {".json", ".safetensors", ".md"}


def test_it_says_everywhere_that_it_is_a_demonstration(service: Service) -> None:
    artifact = service.tools.artifact
    assert artifact.is_demonstration
    assert "Not for clinical use" in artifact.notice
    discovery: Any = service.client.get("/cds-services").json
    assert all("not for clinical use" in one["description"] for one in discovery["services"])


def test_what_is_ordered_twice_is_explained_once(service: Service, examples: Path) -> None:
    call = json.loads((examples / "order-sign.json").read_text())
    drafts = call["context"]["draftOrders"]["entry"]
    again = [{"resource": {**one["resource"], "id": f"again-{n}"}} for n, one in enumerate(drafts)]
    drafts += again
    assert service.call("lamo-order-sign", call).status_code == 200
    log = service.tools.audit_log
    rows = log.find_event(log.list_events(limit=1)[0].event_id).body["explained"]
    explained = [(one["label"], one["section"], one["fact"]) for one in rows]
    assert len(explained) == len(set(explained)) > 0


def test_it_beats_the_prevalence_list_on_fresh_patients(service: Service) -> None:
    vocabulary = service.tools.artifact.vocabulary
    labels = [entry.label for entry in vocabulary]
    length = round(sum(entry.base_rate for entry in vocabulary))
    ranked = sorted(vocabulary, key=lambda entry: -entry.base_rate)
    everyone = {entry.label for entry in ranked[:length]}
    ours, theirs, count = 0.0, 0.0, 0
    for visit in synthesize(30, FRESH_SEED):
        digest = digest_record(visit.record, service.tools.notes.rules)
        prompt, _ = render_prompt(visit.record, digest)
        scores = service.tools.scorer.score(prompt, labels, Deadline.after_ms(60_000))
        chosen = {e.label for e in vocabulary if scores[e.label] >= e.recommend_at}
        ours += jaccard(chosen, visit.prescribed)
        theirs += jaccard(everyone, visit.prescribed)
        count += 1
    print(f"Jaccard on {count} fresh visits: {ours / count:.3f}, prevalence {theirs / count:.3f}")
    assert ours > 2 * theirs
