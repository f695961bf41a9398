"""The process that reads documents for `reading_room`: bytes come in on stdin, text goes to stdout.

    python -P -m cds_service.notes.reading_room_child

Lengths come first, big-endian. A request is REQUEST, the content type, the document; a reply is
REPLY and UTF-8: the text, or the reason that there is none. At the end of stdin it exits, so it
does not outlive its parent by more than the document at hand.
"""

import importlib
import math
import os
import resource
import struct
import sys
import time
from typing import BinaryIO

from fhir_mappings.attachments import UnreadText, text_of

MEMORY = 2**30  # bytes of address space; it has about 40 MB when idle
CPU_S = 10  # seconds of processor time for one document
REQUEST = struct.Struct(">II")  # bytes of the content type, bytes of the document
REPLY = struct.Struct(">BI")  # READ or UNREAD, bytes of what follows
READ, UNREAD = 0, 1
# Optional parts of pypdf, for what it is not asked: less to start, less that hostile bytes reach.
_UNUSED = ("Crypto", "PIL", "cryptography", "fontTools")
_READERS = ("ccda", "html", "pdf", "rtf")


def main() -> None:
    """Answer requests until there are no more."""
    sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # None: not to be imported
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no document in a dump
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # nor in another file
    requests, replies = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no reply
    for reader in _READERS:  # now, while nobody waits
        importlib.import_module(f"fhir_mappings.attachments.{reader}")
    while header := requests.read(REQUEST.size):
        _allow_time()
        content_length, length = REQUEST.unpack(header)
        content_type = requests.read(content_length).decode("utf-8", "replace")
        _answer(requests.read(length), content_type, replies)


def _answer(data: bytes, content_type: str, replies: BinaryIO) -> None:
    try:
        outcome, words = READ, text_of(data, content_type)
    except UnreadText as error:
        outcome, words = UNREAD, str(error)
    encoded = words.encode()
    replies.write(REPLY.pack(outcome, len(encoded)) + encoded)
    replies.flush()


def _allow_time() -> None:
    """Let the kernel end this process when one document takes CPU_S more than was used so far."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + CPU_S, hard))


if __name__ == "__main__":
    main()
