"""One chat completion of an OpenAI-compatible endpoint, through the openai client.

The client's own retries are off, and of its headers only what an endpoint needs is sent (wire.py).
It logs methods and status codes at DEBUG, no bodies; a test holds it to that.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx2
import openai

from lamo.deadline import Deadline
from lamo.notes.model_reader.answers import Answerless, WrongForm
from lamo.notes.model_reader.completion import Completion, read_body, read_completion
from lamo.notes.model_reader.failures import told
from lamo.notes.model_reader.plan import ModelReaderPlan, check_plan, tls_of
from lamo.notes.model_reader.prompt import Question
from lamo.notes.model_reader.wire import DeadlineTransport

_NO_KEY = "none"  # the client wants one; an endpoint without keys ignores it


class Endpoint:
    """The endpoint of a plan. Safe to share between threads: every note has its own connections."""

    def __init__(self, plan: ModelReaderPlan) -> None:
        """Check the plan; nothing is sent yet.

        Raises:
            EndpointRefused: no note may be sent there.
        """
        check_plan(plan)
        self._plan, self._tls = plan, tls_of(plan)

    @contextmanager
    def opened(self, deadline: Deadline) -> Iterator["Conversation"]:
        """What can be asked until the deadline; its connections are closed behind it."""
        transport = DeadlineTransport(deadline, self._tls)
        with (
            httpx2.Client(transport=transport, trust_env=False, follow_redirects=False) as http,
            openai.OpenAI(
                base_url=self._plan.url,
                api_key=self._plan.key or _NO_KEY,
                admin_api_key="",  # what is None is read from the environment
                organization="",
                project="",
                webhook_secret="",
                max_retries=0,
                # what OPENAI_CUSTOM_HEADERS says must not replace the key
                default_headers={"Authorization": f"Bearer {self._plan.key or _NO_KEY}"},
                http_client=http,
            ) as client,
        ):
            yield Conversation(client, self._plan, deadline)


class Conversation:
    """The requests about one note. Every one has the time that is left until the deadline."""

    def __init__(self, client: openai.OpenAI, plan: ModelReaderPlan, deadline: Deadline) -> None:
        self._client, self._plan, self._deadline = client, plan, deadline

    def ask(self, question: Question, text: str) -> Completion:
        """Ask once.

        Raises:
            ContextExceeded: the text is too long for the model.
            Answerless: no usable answer; whether it may be asked again is in it.
        """
        try:
            answer = self._client.chat.completions.with_raw_response.create(
                model=self._plan.model,
                messages=question.messages(text),
                temperature=0,
                max_tokens=self._plan.answer_tokens,
                response_format={
                    "type": "json_schema",
                    "json_schema": {
                        "name": question.name,
                        "schema": question.schema(),
                        "strict": True,
                    },
                },
                timeout=self._left_s(),
            )
        except openai.OpenAIError as error:
            raise told(error) from None
        return read_completion(read_body(answer.content, _kind(answer.headers)))

    def models(self) -> Sequence[str]:
        """The names that the endpoint lists.

        Raises:
            Answerless: no list.
        """
        try:
            answer = self._client.models.with_raw_response.list(timeout=self._left_s())
        except openai.OpenAIError as error:
            raise told(error) from None
        rows = read_body(answer.content, _kind(answer.headers)).get("data")
        if not isinstance(rows, list):
            raise WrongForm("its list of models is none")
        return [str(row.get("id")) for row in rows if isinstance(row, dict)]

    def _left_s(self) -> float:
        left = self._deadline.left_s()
        if not left:
            raise Answerless("did not answer in time")
        return left


def _kind(headers: httpx2.Headers) -> str:
    return str(headers.get("content-type", ""))
