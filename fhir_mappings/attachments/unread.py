"""What is too large, and how a document that was not read says why."""

LARGEST_BYTES = 5_000_000  # of a document, decoded from base64
LARGEST_TEXT = 1_000_000  # characters of the text that is in it


class UnreadText(Exception):  # noqa: N818 - a situation, named as such
    """A document whose text we do not have.

    Its message completes "a document was not read: ..." and never quotes the document.
    """
