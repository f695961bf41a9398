"""What the app asks to be allowed: to know who looks, and to read what advice is made from."""

from cds_service.hooks.discovery import PREFETCH

# Medications that orders refer to and the texts of notes are read one by one
_BESIDE = ("Medication", "Binary")


def scopes() -> str:
    """The scopes of a launch (SMART App Launch 2): reading alone, of one patient's chart.

    The types are those of the prefetch, so that a fact can be left out of the same record that the
    advice was made from.
    """
    types = dict.fromkeys(wanted.resource_type for wanted in PREFETCH)
    searched = [f"patient/{one}.{'r' if one == 'Patient' else 'rs'}" for one in types]
    beside = [f"patient/{one}.r" for one in _BESIDE if one not in types]
    return " ".join(["launch", "openid", "fhirUser", *searched, *beside])
