"""Whatever is sent to the sandbox: no 5xx, and of the FHIR server always valid FHIR.

Both are the same at every run; raise `max_examples` and take `derandomize` away to look further.
"""

import json
from copy import deepcopy
from typing import Any

from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st

from cds_service.sandbox.app import SandboxDesk
from cds_service.sandbox.fhir.parameters import PARAMETERS
from cds_service.sandbox.fhir.search import INCLUDES, RESULT
from tests.cds_service.sandbox.sandboxes import body_of
from tests.cds_service.web.test_fuzz import AGAIN, GONE, SAME, TEXTS, WILD, change, places

TYPES = st.sampled_from([*PARAMETERS, "Device", "", "metadata", ".well-known"])
NAMES = st.sampled_from(sorted({name for known in PARAMETERS.values() for name in known} | RESULT))
MODIFIED = st.builds("{}{}".format, NAMES, st.sampled_from(["", "", "", ":not", ":missing", ":x"]))
VALUES = st.one_of(
    st.sampled_from(
        ["ge2026", "lt2026-02-30", "9999-12-31", "0001", "|", "a|b|c", "-_id", "2" * 30]
    ),
    st.sampled_from([*INCLUDES, "true", "0", "-1", "synthetic-29", "Patient/synthetic-29", ","]),
    TEXTS,
)
PAIRS = st.lists(st.tuples(MODIFIED, VALUES), max_size=4)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "X"])


def assert_well(answer: Any) -> None:
    assert answer.status_code < 500, answer.data
    if answer.data and answer.content_type == "application/fhir+json":
        body_of(answer, answer.status_code)


def plain(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without what no client could encode."""
    return [(name, value.encode("utf-8", "replace").decode()) for name, value in pairs]


@given(TYPES, PAIRS, st.booleans())
@runs(SAME, max_examples=120)
def test_any_search_is_answered(ehr: FlaskClient, kind: str, pairs: Any, posted: bool) -> None:
    if posted:
        form: dict[str, list[str]] = {}
        for name, value in plain(pairs):
            form.setdefault(name, []).append(value)
        assert_well(ehr.post(f"/fhir/{kind}/_search", data=form))
    else:
        assert_well(ehr.get(f"/fhir/{kind}", query_string=plain(pairs)))


@given(st.data())
@runs(SAME, max_examples=80)
def test_any_draft_is_kept_or_refused(
    ehr: FlaskClient, sandbox: SandboxDesk, data: st.DataObject
) -> None:
    draft: Any = deepcopy(sandbox.patients[0].drafts[0])
    for path in data.draw(st.lists(st.sampled_from(list(places(draft))), min_size=1, max_size=2)):
        change(draft, path, data.draw(WILD | st.sampled_from([GONE, AGAIN])))
    body = json.dumps(draft).encode("utf-8", "surrogatepass")
    method = data.draw(st.sampled_from(["POST", "PUT"]))
    url = "/fhir/MedicationRequest" + ("/synthetic-65-v1-draft-2" if method == "PUT" else "")
    assert_well(ehr.open(url, method=method, data=body, content_type="application/fhir+json"))


@given(st.sampled_from(["/", "/fhir/", "/auth/", "/.well-known/"]), st.text(), METHODS)
@runs(SAME, max_examples=80)
def test_any_address_and_method_is_answered(
    ehr: FlaskClient, start: str, rest: str, method: str
) -> None:
    assert_well(ehr.open(start + rest, method=method, data=rest.encode()))


SMART = "response_type client_id redirect_uri scope state aud launch code_challenge code_verifier "
SMART += "code_challenge_method grant_type code refresh_token client_assertion token nonce"
FORMS = st.dictionaries(
    st.sampled_from(SMART.split()),
    TEXTS | st.sampled_from(["browser-app", "hospital-app", "code", "S256", "authorization_code"]),
)


@given(st.sampled_from(["authorize", "token", "revoke", "introspect"]), FORMS)
@runs(SAME, max_examples=80)
def test_any_form_gets_an_answer_of_the_authorization_server(
    ehr: FlaskClient, where: str, form: dict[str, str]
) -> None:
    answer = ehr.post(f"/auth/{where}", data=dict(plain(list(form.items()))))
    assert_well(answer)
    assert answer.status_code in (400, 401)
    assert answer.get_json()["error"]
