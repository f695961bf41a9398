"""How the audit log names who looks."""

import pytest

from cds_service.smart.users import kind_of, user_of

BASE = "https://ehr.example.org/fhir"


@pytest.mark.parametrize(
    ("said", "user", "kind"),
    [
        (f"{BASE}/Patient/1", "Patient/1", "Patient"),
        ("https://b.example.org/Patient/1", "https://b.example.org/Patient/1", "Patient"),
        ("https://b.example.org/Patient/1/", "subject/sub", "subject"),
        ("https://b.example.org/Patient/1/_history/2", "subject/sub", "subject"),
    ],
)
def test_a_user_is_a_reference_whose_type_is_told(said: str, user: str, kind: str) -> None:
    found = user_of({"fhirUser": said, "sub": "sub"}, BASE)
    assert (found, kind_of(found)) == (user, kind)
