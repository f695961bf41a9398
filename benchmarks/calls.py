"""Hook calls for benchmarks: the real web part in this process, and charts of any length."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from cds_service.audit.migrate import upgrade
from cds_service.clients.building import build_trust
from cds_service.decision import decide
from cds_service.doors import Doors
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile
from cds_service.logs import configure_logs
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from cds_service.web.app import create_app
from lamo.deadline import Deadline
from lamo.model_card import model_card
from lamo.prompts import Prompt
from lamo.scoring.base import Scorer
from lamo.scoring.tokens import CandidateTokens
from tests.fakes import admit_all

T = TypeVar("T")

EXAMPLES = Path(__file__).parents[1] / "examples"
MOST_CONDITIONS, MOST_PROCEDURES = 40, 20  # that a prompt holds
PRONOUNCEABLE = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo")


@dataclass(frozen=True, slots=True)
class House:
    """The service, and a client in front of it."""

    settings: Settings
    tools: Tools
    client: FlaskClient

    def post(self, body: Mapping[str, Any]) -> float:
        """Make a call; milliseconds until the answer is there, the audit row included."""
        started = time.perf_counter()
        answer = self.client.post(f"/cds-services/lamo-{body['hook']}", json=body)
        if answer.status_code != 200:
            raise SystemExit(f"the service answered {answer.status_code}: {answer.get_data()!r}")
        return (time.perf_counter() - started) * 1000

    def events(self) -> list[dict[str, Any]]:
        """The audit rows, oldest first."""
        with create_engine(self.settings.database_url).connect() as connection:
            rows = connection.execute(text("SELECT body FROM event ORDER BY event_id")).scalars()
            return [json.loads(row) for row in rows]


@contextmanager
def opened(settings: Settings, scorer: Scorer | None = None) -> Iterator[House]:
    """The service over an audit log of its own."""
    configure_logs("warning")
    upgrade(settings.database_url)
    SigningFile(settings.var_dir / SIGNING_FILE).create()
    tools = build_tools(settings, scorer=scorer)
    trust = build_trust(settings)
    doors = Doors(
        settings=settings,
        recorder=tools.audit_log,
        identify=trust.identify,
        spend=trust.spend,
        admit=admit_all,
        decide=partial(decide, tools=tools),
        is_demonstration=tools.artifact.is_demonstration,
        model_card=lambda: model_card(tools.artifact, {}, {}),
    )
    try:
        yield House(settings, tools, create_app(doors).test_client())
    finally:
        tools.audit_log.close()


def example(name: str = "order-sign") -> dict[str, Any]:
    """A call that ships with the project."""
    body: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return body


def renamed(body: Mapping[str, Any], hook: str, patient: str) -> dict[str, Any]:
    """The same chart of another patient, at another hook."""
    earlier = body["context"]["patientId"]
    call: dict[str, Any] = json.loads(json.dumps(body).replace(earlier, patient))
    call["hook"] = hook
    if hook == "order-select":
        first = call["context"]["draftOrders"]["entry"][0]["resource"]
        call["context"]["selections"] = [f"{first['resourceType']}/{first['id']}"]
    if hook == "patient-view":
        del call["context"]["draftOrders"]
    return call


def with_long_chart(body: Mapping[str, Any], words: int, number: int) -> dict[str, Any]:
    """The call with so many more words in its lists, other words for every number.

    The words are in no table, so the prompt prints them as the record has them.
    """
    call = deepcopy(dict(body))
    patient = {"reference": f"Patient/{call['context']['patientId']}"}
    names = iter(_phrases(words, number))
    conditions = [
        {"resourceType": "Condition", "id": f"long-{i}", "subject": patient, "code": {"text": name}}
        for i, name in zip(range(MOST_CONDITIONS), names, strict=False)
    ]
    done = {"resourceType": "Procedure", "status": "completed", "subject": patient}
    procedures = [
        done | {"id": f"done-{i}", "code": {"text": name}}
        for i, name in zip(range(MOST_PROCEDURES), names, strict=False)
    ]
    for key, more in (("conditions", conditions), ("procedures", procedures)):
        entries = [{"resource": resource} for resource in more]
        call["prefetch"][key] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    return call


def _phrases(words: int, number: int) -> list[str]:
    """So many invented words, evenly in as many phrases as the lists have room for."""
    phrases = MOST_CONDITIONS + MOST_PROCEDURES
    counts = [words // phrases + (place < words % phrases) for place in range(phrases)]
    made = (_word(number * 100_000 + at) for at in range(words))
    return [" ".join(next(made) for _ in range(count)) for count in counts if count]


def _word(number: int) -> str:
    syllables = []
    for _ in range(4):
        number, rest = divmod(number, len(PRONOUNCEABLE))
        syllables.append(PRONOUNCEABLE[rest])
    return "".join(syllables)


def words_for(house: House, remembering: "RememberingScorer", tokens: int) -> int:
    """How many words make a prompt of about so many tokens, found by asking for more and more."""
    few, many = 0, tokens
    while many - few > 1:
        words = (few + many) // 2
        house.post(with_long_chart(renamed(example(), "order-sign", "probe"), words, 0))
        if remembering.tokens_of_last(house.tools) <= tokens:
            few = words
        else:
            many = words
    return few


@dataclass
class RememberingScorer:
    """A scorer that remembers the prompts that it was given."""

    scorer: Scorer
    prompts: list[Prompt] = field(default_factory=list)

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        """Score, and keep the prompt."""
        self.prompts.append(prompt)
        return self.scorer.score(prompt, candidates, deadline)

    def tokens_of_last(self, tools: Tools) -> int:
        """Tokens of the last prompt."""
        return len(CandidateTokens(tools.artifact).encode(self.prompts[-1].text))


def alone(do: Callable[..., T], *given: Any) -> T:
    """Do something in a process of its own, where no other thread multiplies matrices."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(do, *given).result()


def quantile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of the others is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
