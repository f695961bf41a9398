# ruff: noqa: N818 - an error is named after the situation
"""Why nothing was read from another machine."""

LATE = "did not answer in time"
UNREACHED = "could not be reached"


class ReadFailed(Exception):
    """There is no usable answer. The text completes "because the FHIR server ..."."""


class ServerDown(ReadFailed):
    """Nobody answered, or only to say that it cannot: status 5xx."""
