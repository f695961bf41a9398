# ruff: noqa: N818 - an error is named after the situation
"""Why the app shows nothing. A text is for the person in front of it, and names no patient."""

from typing import ClassVar


class AppRefused(Exception):
    """The app shows nothing. `why`, where it differs, is for the operator's log alone."""

    status: ClassVar[int] = 400

    def __init__(self, told: str, why: str = "") -> None:
        super().__init__(told)
        self.why = why or told


class LaunchRefused(AppRefused):
    """The app was not opened by a registered EHR in the way that was asked for."""


class NotAllowed(LaunchRefused):
    """The EHR does not let this person use the app."""

    status = 403

    def __init__(self, why: str) -> None:
        super().__init__(
            "Your EHR does not allow you to open this app. If you need it, ask your EHR's team to "
            "give you access; the cards in your EHR do not depend on it.",
            why,
        )


class EhrSilent(LaunchRefused):
    """What the EHR says of its sign-in could not be had, or cannot be used."""

    status = 502

    def __init__(self, why: str) -> None:
        super().__init__(
            "The EHR's authorization server could not be asked. Try again, or tell your EHR's "
            "team.",
            why,
        )


class SessionOver(AppRefused):
    """Nobody is signed in, or not any more."""

    status = 401

    def __init__(self) -> None:
        super().__init__(
            "Your look at this advice has ended, or this browser keeps no cookies for it. "
            "Open the evidence from the card again."
        )


class NotYours(AppRefused):
    """A decision that is not about the patient whose chart is open."""

    status = 403

    def __init__(self) -> None:
        super().__init__(
            "This advice was not given for the patient whose chart is open in your EHR, so it is "
            "not shown. Open the evidence from a card in the chart of its patient."
        )


class NotKept(AppRefused):
    """A decision of which nothing that is protected is left, or can be opened."""

    status = 410

    def __init__(self) -> None:
        super().__init__(
            "What this advice rested on is not kept any more, or cannot be opened now."
        )
