"""Is all of a request here? Where its head and its body end, as RFC 9112 has it, and no more.

Nothing is judged here: what is odd is called whole, and the parser behind this refuses it.
"""

import re
from contextvars import ContextVar

# when all of the request that this thread answers was here, by the monotonic clock; 0 where nobody
# knows. The time of a call runs from then on, also while it waits for a thread.
arrived_at: ContextVar[float] = ContextVar("arrived_at", default=0.0)
# whether that request came from a browser that wants a page
page_wanted: ContextVar[bool] = ContextVar("page_wanted", default=False)

LARGEST_HEAD = 64 * 1024  # bytes: a token and a few dozen fields; of trailers too
LONGEST_SIZE_LINE = 8190  # bytes before a chunk; the parser refuses a longer one
_LINE = b"\r\n"
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_PAGE = re.compile(rb"\r\naccept:[ \t]*text/html", re.IGNORECASE)  # as browsers begin it
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)


class Arrival:
    """The bytes of one request, as they come. What follows it on the connection is kept with it."""

    def __init__(self, largest_body: int) -> None:
        """Wait for a head, and for a body of at most so many bytes."""
        self.received = bytearray()
        self.is_whole = False  # all is here that has to be read
        self.is_too_large = False  # its head, or what follows its chunks: more is not taken
        self._largest_body = largest_body
        self._body_at = 0  # 0 before the head has ended
        self._ends_at: int | None = None  # of a body with a length
        self._chunk_at = 0  # where the next chunk begins, of a body in chunks

    def add(self, data: bytes) -> bool:
        """Take what came; True when it can be answered: all is here, or too much of a body."""
        looked = max(0, len(self.received) - len(_END) + 1)
        self.received += data
        if not self._body_at:
            self._find_body(looked)
        if not self._body_at:
            self.is_too_large = len(self.received) > LARGEST_HEAD
            return False
        self.is_whole = self._have_chunks_ended() if self._ends_at is None else self._is_body_here()
        return self.is_whole or self._is_body_too_large()

    @property
    def waits_for_continue(self) -> bool:
        """Whether only the head is here, and says that the body comes when it is asked for."""
        at = self._body_at
        return at == len(self.received) and _EXPECTS.search(self.received, 0, at) is not None

    @property
    def wants_page(self) -> bool:
        """Whether a browser asks for a page."""
        return _PAGE.search(self.received, 0, self._body_at) is not None

    def _find_body(self, looked: int) -> None:
        blank = len(_LINE) if self.received.startswith(_LINE) else 0  # section 2.2: one is passed
        end = self.received.find(_END, max(blank, looked))
        if end < 0:
            return
        self._body_at = self._chunk_at = end + len(_END)
        length = _LENGTH.search(self.received, 0, self._body_at)
        is_chunked = _CHUNKED.search(self.received, 0, self._body_at) is not None
        if not is_chunked or length:  # both together are refused before a body is read
            self._ends_at = self._body_at + (int(length[1]) if length and not is_chunked else 0)

    def _is_body_here(self) -> bool:
        return len(self.received) >= (self._ends_at or 0)

    def _is_body_too_large(self) -> bool:
        """The application refuses such a body by its length, or after so many bytes."""
        return (self._ends_at or len(self.received)) - self._body_at > self._largest_body

    def _have_chunks_ended(self) -> bool:
        """Section 7.1: a line with a size in hexadecimal, so many bytes and a line end, again."""
        while (line_end := self.received.find(_LINE, self._chunk_at)) >= 0:
            try:
                size = int(self.received[self._chunk_at : line_end].partition(b";")[0], 16)
            except ValueError:
                return True
            if size <= 0:
                return self._have_trailers_ended(line_end)
            self._chunk_at = line_end + len(_LINE) + size + len(_LINE)
        return len(self.received) - self._chunk_at > LONGEST_SIZE_LINE

    def _have_trailers_ended(self, at: int) -> bool:
        self.is_too_large = len(self.received) - at > LARGEST_HEAD
        return self.received.find(_END, at) >= 0
