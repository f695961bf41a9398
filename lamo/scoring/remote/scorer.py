"""`Scorer` over a server: a request per group, side by side, all within the call's deadline."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lamo.artifact import Artifact
from lamo.deadline import Deadline
from lamo.prompts import Prompt
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.remote.breaker import Breaker
from lamo.scoring.remote.dialects import DIALECTS, Asked, Dialect
from lamo.scoring.remote.http import ServerHttp
from lamo.scoring.tokens import CandidateTokens

HASH_CHARACTERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePlan:
    """Where the server is and how it is asked."""

    url: str
    dialect: Dialect
    key: str | None = field(default=None, repr=False)
    attempts: int = 2
    side_by_side: int = 8  # requests of one process at once
    failures: int = 5  # in a row, after which the server is left alone
    cool_s: float = 10.0  # for so long


class RemoteScorer:
    """Scores on a server. Safe to share between threads."""

    def __init__(self, artifact: Artifact, plan: RemotePlan) -> None:
        self.artifact = artifact
        self.speaks = DIALECTS[plan.dialect](ServerHttp(plan.url, plan.key, plan.attempts))
        self._tokens = CandidateTokens(artifact)
        self._answers = (artifact.answer_token_ids["Yes"], artifact.answer_token_ids["No"])
        self._names = adapter_names(artifact)
        self._group_of = {entry.label: entry.group for entry in artifact.vocabulary}
        self._pool = ThreadPoolExecutor(plan.side_by_side, thread_name_prefix="scoring")
        self._breaker = Breaker(plan.failures, plan.cool_s)

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        """Return the log-odds of Yes against No by candidate label (see `Scorer`)."""
        self._breaker.check()
        prefix = self._tokens.encode(prompt.text)
        by_group: dict[str, list[str]] = {}
        for label in candidates:
            by_group.setdefault(self._group_of[label], []).append(label)
        asked = [self._asked(prefix, group, labels) for group, labels in by_group.items()]
        try:
            answers = list(self._pool.map(self.speaks.log_odds, asked, [deadline] * len(asked)))
        except ScorerUnavailable:
            self._breaker.failed()
            raise
        self._breaker.worked()
        labels = [label for some in by_group.values() for label in some]
        return dict(zip(labels, [value for some in answers for value in some], strict=True))

    def _asked(self, prefix: list[int], group: str, labels: Sequence[str]) -> Asked:
        suffixes = [self._tokens.suffix(label) for label in labels]
        return Asked(self._names[group], prefix, suffixes, self._answers)


def adapter_names(artifact: Artifact) -> dict[str, str]:
    """The name under which a server has each group's adapter: the hash of its weights is in it.

    Prefix caches are kept by name: other weights under an earlier name would be answered from
    what the earlier ones had read.
    """
    return {
        group.name: f"{group.name}-{_weights_hash(artifact, group.adapter)}"
        for group in artifact.groups
    }


def _weights_hash(artifact: Artifact, adapter: str) -> str:
    return artifact.files[f"{adapter}/adapter_model.safetensors"][:HASH_CHARACTERS]
