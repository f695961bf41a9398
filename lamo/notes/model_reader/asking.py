"""One question after the other about one note: tries, pauses, pieces that turn out too long."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from secrets import SystemRandom

from lamo.deadline import Deadline
from lamo.notes.model_reader.answers import Answerless, Found, read_found
from lamo.notes.model_reader.chunks import cut_evenly
from lamo.notes.model_reader.completion import Completion
from lamo.notes.model_reader.endpoint import Conversation
from lamo.notes.model_reader.failures import ContextExceeded
from lamo.notes.model_reader.prompt import Question

FIRST_PAUSE_S = 0.5  # before the second try; twice as long before each further one
LONGEST_PAUSE_S = 8.0
MOST_HALVINGS = 4  # of one piece that the model's context does not take: sixteenths of it
_random = SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long one note is asked about."""

    tries: int  # of one question, the first included
    deadline: Deadline
    pause: Callable[[float], None]  # seconds


@dataclass(slots=True)
class Tally:
    """What it took to read one note."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0  # completions that came, usable or not
    chunks: int = 0  # pieces in which the note was read
    tries: int = 0  # requests that were made, those without an answer included
    fingerprints: dict[str, None] = field(default_factory=dict)

    def add(self, completion: Completion) -> None:
        """Count one completion."""
        self.calls += 1
        self.prompt_tokens += completion.prompt_tokens
        self.completion_tokens += completion.completion_tokens
        if completion.fingerprint:
            self.fingerprints[completion.fingerprint] = None

    def usage(self) -> dict[str, int]:
        """The numbers by name."""
        names = ("prompt_tokens", "completion_tokens", "calls", "chunks", "tries")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks about one note until there are answers or the time or the tries are used up."""

    conversation: Conversation
    patience: Patience
    tally: Tally = field(default_factory=Tally)

    def over(
        self, question: Question, pieces: Sequence[str], halvings: int = MOST_HALVINGS
    ) -> list[Found]:
        """The answers about all pieces, in order; one that is too long is halved.

        Raises:
            Answerless: one of them has no usable answer.
        """
        found: list[Found] = []
        for piece in pieces:
            try:
                found.append(self.once(question, piece))
            except ContextExceeded:
                halves = cut_evenly(piece, 2)
                if not halvings or len(halves) < 2:
                    raise
                found += self.over(question, halves, halvings - 1)
        return found

    def once(self, question: Question, piece: str) -> Found:
        """The answer about one piece, in as many tries as it may take.

        Raises:
            ContextExceeded: the piece is too long for the model.
            Answerless: no usable answer.
        """
        for number in range(self.patience.tries - 1):
            try:
                return self._try(question, piece)
            except Answerless as failure:
                if not failure.may_try_again:
                    raise
                self._pause(number, failure)
        return self._try(question, piece)

    def _try(self, question: Question, piece: str) -> Found:
        self.tally.tries += 1
        completion = self.conversation.ask(question, piece)
        self.tally.add(completion)
        return read_found(completion.content, question)

    def _pause(self, number: int, failure: Answerless) -> None:
        seconds = failure.after_s
        if seconds is None:
            backoff = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**number)
            seconds = backoff * _random.uniform(0.5, 1.0)
        if seconds >= self.patience.deadline.left_s():
            raise Answerless(f"{failure}, and there is no time left to ask again") from None
        self.patience.pause(seconds)
