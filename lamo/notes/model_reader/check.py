"""Before the first note: is the endpoint there, has it the model, does it keep to a schema?"""

from lamo.deadline import Deadline
from lamo.notes.model_reader.answers import Answerless, WrongForm, read_found
from lamo.notes.model_reader.endpoint import Conversation, Endpoint
from lamo.notes.model_reader.failures import ContextExceeded
from lamo.notes.model_reader.plan import EndpointRefused, ModelReaderPlan
from lamo.notes.model_reader.prompt import SECTIONS

CHECK_S = 60.0  # a model that is loaded on its first request needs some of it
_SHOWN = 20  # names of models in a message
_NOTE = """History of present illness: Fell at home, painful wrist.
Past medical history: Gout.
Allergies: Penicillin.
Medications on admission: Allopurinol 100 mg daily.
"""  # invented


def check_endpoint(plan: ModelReaderPlan, seconds: float = CHECK_S) -> None:
    """List the endpoint's models and read one invented note.

    Raises:
        EndpointRefused: not reached, key not taken, no such model, or no answer that keeps to a
            schema; says what was found and what to do.
    """
    endpoint = Endpoint(plan)
    with endpoint.opened(Deadline.after_ms(seconds * 1000)) as conversation:
        _check_model(conversation, plan)
        _check_schema(conversation, plan)


def _check_model(conversation: Conversation, plan: ModelReaderPlan) -> None:
    try:
        there = conversation.models()
    except Answerless as failure:
        raise EndpointRefused(
            f"the note model's endpoint {plan.url} {failure} when asked for its models: start it, "
            "or mend the settings that name it and its key"
        ) from None
    if plan.model not in there:
        shown = ", ".join(sorted(there)[:_SHOWN]) or "none"
        raise EndpointRefused(
            f"the endpoint {plan.url} has no model {plan.model}; it has {shown}: name one of them, "
            "or have it loaded"
        )


def _check_schema(conversation: Conversation, plan: ModelReaderPlan) -> None:
    try:
        read_found(conversation.ask(SECTIONS, _NOTE).content, SECTIONS)
    except WrongForm as failure:
        raise EndpointRefused(
            f"the note model {plan.model} {failure}: wanted is an endpoint with structured output "
            "(response_format json_schema, strict), which vLLM, llama.cpp and OpenAI have"
        ) from None
    except ContextExceeded:
        raise EndpointRefused(
            f"the note model {plan.model} has no room for the prompt and a note of four lines: "
            f"start it with the context that LAMO_NOTES_CONTEXT_TOKENS ({plan.context_tokens}) says"
        ) from None
    except Answerless as failure:
        raise EndpointRefused(
            f"the note model {plan.model} {failure} when asked to read an invented note, for which "
            f"it has {plan.answer_tokens} tokens and a minute: mend what it says"
        ) from None
