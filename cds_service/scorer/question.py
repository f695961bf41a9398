"""One request for scores, in the words of vLLM's generative scoring; all else is refused."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError


class Unanswerable(Exception):  # noqa: N818 - a situation, named as such
    """The request cannot be answered. The message repeats no token: tokens are a patient's."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Question(BaseModel):
    """The candidates of one group behind one prompt, all in token ids."""

    model_config = ConfigDict(strict=True, frozen=True)

    model: str  # the group's adapter, as /v1/models lists it
    query: list[int]  # the prompt up to the candidate's name
    items: list[list[int]]  # what follows it, one for each candidate
    label_token_ids: list[int]  # of Yes and No
    apply_softmax: Literal[True]
    add_special_tokens: Literal[False]


def read_question(body: bytes) -> Question:
    """Read a request's body.

    Raises:
        Unanswerable: it is not of the form; names the members at fault.
    """
    try:
        return Question.model_validate_json(body)
    except ValidationError as error:
        faults = {".".join(map(str, detail["loc"][:1])) or "body" for detail in error.errors()}
        raise Unanswerable(
            400,
            f"found another form in {', '.join(sorted(faults))}, wanted what the vllm dialect of "
            "lamo-cds sends: set LAMO_SCORER_DIALECT=vllm, with the same release on both sides",
        ) from None
