"""How a server is asked for the log-odds of Yes against No behind a prompt, by dialect.

- vllm: `POST /generative_scoring` of vLLM (prefix as query, suffixes as items, the two answers as
  label_token_ids; the score is P(Yes) / (P(Yes) + P(No))). One request for a group.
- completions: `POST /v1/completions` of any OpenAI-compatible server, token ids as prompts, the
  log-probabilities of the 20 likeliest tokens. Both answers have to be among them.
- llama.cpp: `POST /completion` of its server, the adapter chosen per request; both answers are
  raised by the same bias so that both are in the distribution that comes back.

Token ids go over the wire, never text, so that no server can cut a prompt in another way.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lamo.deadline import Deadline
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.remote.http import ServerHttp

Dialect = Literal["vllm", "completions", "llama.cpp"]
LIKELIEST = 20  # tokens that completions report
RAISED = 60.0  # bias of both answers for llama.cpp: no other token is left beside them
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Asked:
    """The candidates of one group."""

    adapter: str  # the name under which the server has it
    prefix: list[int]
    suffixes: list[list[int]]
    answers: tuple[int, int]  # tokens of Yes and No

    @property
    def prompts(self) -> list[list[int]]:
        """One full prompt per candidate."""
        return [self.prefix + suffix for suffix in self.suffixes]


class Speaks(Protocol):
    """One dialect."""

    def adapters(self, deadline: Deadline) -> frozenset[str]:
        """The names of the adapters that the server has."""

    def log_odds(self, asked: Asked, deadline: Deadline) -> list[float]:
        """One number per suffix."""


class _ListsModels:
    """Servers that list each adapter as a model."""

    def __init__(self, http: ServerHttp) -> None:
        self._http = http

    def adapters(self, deadline: Deadline) -> frozenset[str]:
        """What `/v1/models` lists."""
        answer = self._http.ask("GET", "/v1/models", None, deadline)
        with _reading("/v1/models"):
            return frozenset(str(row["id"]) for row in answer["data"])


class Vllm(_ListsModels):
    """vLLM's generative scoring."""

    def log_odds(self, asked: Asked, deadline: Deadline) -> list[float]:
        """One request; the items come back by index."""
        body = {
            "model": asked.adapter,
            "query": asked.prefix,
            "items": asked.suffixes,
            "label_token_ids": list(asked.answers),
            "apply_softmax": True,
            "add_special_tokens": False,
        }
        answer = self._http.ask("POST", "/generative_scoring", body, deadline)
        with _reading("/generative_scoring"):
            scores = {row["index"]: float(row["score"]) for row in answer["data"]}
            return [_logit(scores[index]) for index in range(len(asked.suffixes))]


class Completions(_ListsModels):
    """The completions of OpenAI-compatible servers."""

    def log_odds(self, asked: Asked, deadline: Deadline) -> list[float]:
        """One request with a prompt per candidate; the choices come back by index."""
        body = {
            "model": asked.adapter,
            "prompt": asked.prompts,
            "max_tokens": 1,
            "temperature": 0,
            "logprobs": LIKELIEST,
            "return_tokens_as_token_ids": True,
        }
        answer = self._http.ask("POST", "/v1/completions", body, deadline)
        with _reading("/v1/completions"):
            choices = {row["index"]: _likeliest(row["logprobs"]) for row in answer["choices"]}
            return [_between(choices[i], asked.answers) for i in range(len(asked.suffixes))]


class LlamaCpp:
    """The server of llama.cpp: adapters by number, loaded at its start in the order of groups."""

    def __init__(self, http: ServerHttp) -> None:
        self._http = http
        self._numbers: dict[str, int] = {}

    def adapters(self, deadline: Deadline) -> frozenset[str]:
        """The file names of `/lora-adapters`, without folder and ending."""
        rows = self._http.ask("GET", "/lora-adapters", None, deadline)
        with _reading("/lora-adapters"):
            self._numbers = {_stem(row["path"]): int(row["id"]) for row in rows}
        return frozenset(self._numbers)

    def log_odds(self, asked: Asked, deadline: Deadline) -> list[float]:
        """A request per candidate, one after the other, so that each finds the prefix cached."""
        if asked.adapter not in self._numbers:
            self.adapters(deadline)
        if asked.adapter not in self._numbers:
            raise ScorerUnavailable(f"the scoring server has no adapter {asked.adapter}")
        return [self._one(prompt, asked, deadline) for prompt in asked.prompts]

    def _one(self, prompt: list[int], asked: Asked, deadline: Deadline) -> float:
        body = {
            "prompt": prompt,
            "n_predict": 1,
            "temperature": 1.0,
            "samplers": [],
            "n_probs": 2,
            "post_sampling_probs": True,
            "logit_bias": [[token, RAISED] for token in asked.answers],
            "lora": [{"id": self._numbers[asked.adapter], "scale": 1.0}],
            "cache_prompt": True,
        }
        answer = self._http.ask("POST", "/completion", body, deadline)
        with _reading("/completion"):
            (row,) = answer["completion_probabilities"]
            chances = {int(top["id"]): float(top["prob"]) for top in row["top_probs"]}
        logs = {token: math.log(max(chance, TINY)) for token, chance in chances.items()}
        return _between(logs, asked.answers)


DIALECTS: Mapping[str, Callable[[ServerHttp], Speaks]] = {
    "vllm": Vllm,
    "completions": Completions,
    "llama.cpp": LlamaCpp,
}


class _reading:  # noqa: N801 - used as a statement
    """What is not of the wanted form is told of as such."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        if kind is not None and issubclass(kind, KeyError | TypeError | ValueError | IndexError):
            raise ScorerUnavailable(
                f"the scoring server's answer to {self._path} is not of the form that this "
                "dialect has: check the setting of the dialect and the server's version"
            ) from error


def _likeliest(logprobs: Mapping[str, Any]) -> dict[int, float]:
    """Log-probabilities by token id, of the two forms that servers have."""
    if "content" in logprobs:
        rows: Sequence[Mapping[str, Any]] = logprobs["content"][0]["top_logprobs"]
        return {_token_id(row): float(row["logprob"]) for row in rows}
    (first,) = logprobs["top_logprobs"]
    return {_token_id({"token": token}): float(value) for token, value in first.items()}


def _token_id(row: Mapping[str, Any]) -> int:
    return int(row["id"]) if "id" in row else int(str(row["token"]).removeprefix("token_id:"))


def _between(logs: Mapping[int, float], answers: tuple[int, int]) -> float:
    yes, no = answers
    if yes not in logs or no not in logs:
        raise ScorerUnavailable(
            f"the scoring server reported {len(logs)} tokens and not both answers among them"
        )
    return logs[yes] - logs[no]


def _logit(share: float) -> float:
    share = min(max(share, TINY), 1 - TINY)
    return math.log(share / (1 - share))


def _stem(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
