"""What the openai client raises, told in words that hold nothing of the note and no key.

An endpoint's own message may quote the prompt back, so it is looked at and never passed on.
"""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai

from lamo.notes.model_reader.answers import Answerless
from lamo.notes.model_reader.wire import Unusable

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})  # may go through the next time
_SAYS_WHEN = frozenset({429, 503})  # whose Retry-After is heeded
_ABOUT_CONTEXT = re.compile(
    r"context.{0,20}(?:length|size|window)|maximum context|exceeds? .{0,40}context|"
    r"(?:prompt|input) is too long|too many (?:input )?tokens|max_model_len",
    re.IGNORECASE,
)
_WHAT_TO_DO = {
    400: "the endpoint does not take the request, or not its strict json_schema response_format",
    401: "it wants another key",
    403: "the key may not use this model",
    404: "it has no such model or path",
}


class ContextExceeded(Answerless):
    """The piece is too long for the model: shorter ones may do."""


def told(error: openai.OpenAIError) -> Answerless:
    """The failure in our words."""
    if isinstance(error, openai.APIStatusError):
        return _status(error)
    if isinstance(error, openai.APITimeoutError):
        return Answerless("did not answer in time")
    cause = error.__cause__
    if isinstance(cause, Unusable):
        return Answerless(str(cause), may_try_again=True)
    reason = "cannot be reached, or broke the connection off"
    return Answerless(f"{reason} ({type(cause or error).__name__})", may_try_again=True)


def _status(error: openai.APIStatusError) -> Answerless:
    status = error.status_code
    if status in (400, 413, 422) and _is_about_context(error):
        return ContextExceeded("has too small a context even for short pieces of the note")
    if 300 <= status < 400:
        return Answerless(f"answered {status}, a redirect, which a note never follows")
    hint = f": {_WHAT_TO_DO[status]}" if status in _WHAT_TO_DO else ""
    return Answerless(
        f"answered {status}{hint}",
        may_try_again=status in _AGAIN,
        after_s=_retry_after_s(error) if status in _SAYS_WHEN else None,
    )


def _is_about_context(error: openai.APIStatusError) -> bool:
    said = f"{error.code} {error.type} {error.message}".replace("_", " ")
    return _ABOUT_CONTEXT.search(said) is not None


def _retry_after_s(error: openai.APIStatusError) -> float | None:
    """Seconds to wait by the Retry-After header, a number or a date; None where it says nothing."""
    header = error.response.headers.get("retry-after", "")
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except (TypeError, ValueError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
