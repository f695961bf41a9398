"""Which of the scopes that an app asks for it is granted: never one that it did not ask for."""

from collections.abc import Sequence

from cds_service.sandbox.fhir.grants import SCOPE, V1, Grant
from cds_service.sandbox.fhir.parameters import PARAMETERS

_LEVELS = {"patient": ("patient/", "user/"), "user": ("user/",)}  # that cover it; no system/ here


def granted(asked: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """The scopes of a request that the app may have, as it wrote them, each once.

    Args:
        asked: parted by spaces.
        allowed: the most that the app is registered for.
    """
    return tuple(one for one in dict.fromkeys(asked.split()) if _is_covered(one, allowed))


def _is_covered(scope: str, allowed: Sequence[str]) -> bool:
    if "/" not in scope:
        return scope in allowed
    found = SCOPE.fullmatch(scope)
    if found is None or found[1] not in _LEVELS:
        return False
    grant = Grant(scopes=tuple(one for one in allowed if one.startswith(_LEVELS[found[1]])))
    types = PARAMETERS if found[2] == "*" else (found[2],)
    return all(grant.allows(one, letter) for one in types for letter in V1.get(found[3], found[3]))
