"""Which of the scopes that an app asks for it is granted: never one that it did not ask for."""

from collections.abc import Sequence

from cds_service.sandbox.fhir.grants import SCOPE, V1, Grant
from cds_service.sandbox.fhir.parameters import PARAMETERS

DOES = {"c": "create", "r": "read", "u": "change", "d": "delete", "s": "search"}
WORDS = {
    "launch": "to know the chart that is open",
    "launch/patient": "to know the patient that you choose",
    "openid": "to know that it is you",
    "fhirUser": "to know who you are in the EHR",
    "offline_access": "to go on while you are away",
    "online_access": "to go on while you are signed in",
}
_LEVELS = {"patient": ("patient/", "user/"), "user": ("user/",)}  # that cover it; no system/ here


def granted(asked: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """The scopes of a request that the app may have, as it wrote them, each once.

    Args:
        asked: parted by spaces.
        allowed: the most that the app is registered for.
    """
    return tuple(one for one in dict.fromkeys(asked.split()) if _is_covered(one, allowed))


def in_words(scope: str) -> str:
    """What a scope that is granted allows, for the person who is asked."""
    found = SCOPE.fullmatch(scope)
    if found is None:
        return WORDS.get(scope, "")
    does = [DOES[letter] for letter in V1.get(found[3], found[3])]
    what = "everything" if found[2] == "*" else found[2]
    whose = "of this patient" if found[1] == "patient" else "that you may see"
    return f"to {' and '.join(does)} {what} {whose}"


def _is_covered(scope: str, allowed: Sequence[str]) -> bool:
    found = SCOPE.fullmatch(scope)
    if found is None:
        return scope in allowed
    if found[1] not in _LEVELS:
        return False
    grant = Grant(scopes=tuple(one for one in allowed if one.startswith(_LEVELS[found[1]])))
    types = PARAMETERS if found[2] == "*" else (found[2],)
    return all(grant.allows(one, letter) for one in types for letter in V1.get(found[3], found[3]))
