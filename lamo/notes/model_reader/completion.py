"""From the body of a chat completion to the model's answer, whatever an endpoint sends."""

from dataclasses import dataclass
from typing import Any

from lamo.notes.model_reader.answers import Answerless, WrongForm, read_json

_MOST_FINGERPRINT_CHARS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer of the model."""

    content: str
    prompt_tokens: int = 0  # as the endpoint counts; 0 where it does not say
    completion_tokens: int = 0
    fingerprint: str | None = None  # of weights and server, where the provider names one


def read_body(content: bytes, kind: str) -> dict[str, Any]:
    """The JSON object of an answer.

    Args:
        content: the bytes of the body.
        kind: its content type, as the header has it.

    Raises:
        WrongForm: it is not that.
    """
    if not kind.partition(";")[0].strip().lower().endswith("json"):
        raise WrongForm("its content type is not JSON's")
    body = read_json(content)
    if not isinstance(body, dict):
        raise WrongForm("its body is no object")
    return body


def read_completion(body: dict[str, Any]) -> Completion:
    """The first choice of a chat completion.

    Raises:
        Answerless: it is no whole answer, or none at all.
    """
    choice = _first(body.get("choices"))
    message = _object(choice.get("message"))
    if choice.get("finish_reason") == "length":
        raise Answerless(
            "was cut off in its answer, which is longer than may be, or was started with less "
            "context than LAMO_NOTES_CONTEXT_TOKENS says",
            may_try_again=True,
        )
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        raise Answerless("refused to answer", may_try_again=True)
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        raise WrongForm("it has no content")
    usage, fingerprint = _object(body.get("usage")), body.get("system_fingerprint")
    return Completion(
        content=content,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        fingerprint=_printable(fingerprint) if isinstance(fingerprint, str) else None,
    )


def _first(choices: object) -> dict[str, Any]:
    if not isinstance(choices, list) or not choices:
        raise WrongForm("it has no choices")
    return _object(choices[0])


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _printable(text: str) -> str | None:
    return "".join(c for c in text if c.isprintable())[:_MOST_FINGERPRINT_CHARS] or None
