"""What is for operators is open in a sandbox, and behind their key wherever there is one."""

from base64 import b64encode

import pytest
from pydantic import SecretStr

from cds_service.settings import Settings
from tests.cds_service.observing.conftest import Opened

KEY = "a key of the operator's"


def basic(password: str) -> str:
    return "Basic " + b64encode(f"anybody:{password}".encode()).decode()


def test_without_a_key_a_sandbox_is_open_and_production_has_nothing_to_see(
    opened: Opened, settings: Settings
) -> None:
    production = settings.model_copy(update={"mode": "production"})
    assert opened(settings).get("/metrics").status_code == 200
    answer = opened(production).get("/metrics")
    assert answer.status_code == 404
    assert answer.get_json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("mode", ["sandbox", "production"])
@pytest.mark.parametrize("shown", [f"Bearer {KEY}", f"bearer {KEY}", basic(KEY)])
def test_the_key_opens_as_a_token_and_as_a_password(
    opened: Opened, settings: Settings, mode: str, shown: str
) -> None:
    keyed = settings.model_copy(update={"mode": mode, "operator_key": SecretStr(KEY)})
    answer = opened(keyed).get("/metrics", headers={"Authorization": shown})
    assert answer.status_code == 200


WRONG = (None, "", "Bearer", "Bearer ", f"Bearer {KEY}x", f"Digest {KEY}", KEY, "Basic !", "Basic")
STRANGE = (basic(""), basic(KEY[:-1]), "Bearer \xe9\xff", "Basic \xff", f"Bearer {'k' * 9000}")


@pytest.mark.parametrize("shown", [*WRONG, *STRANGE])
def test_anything_else_does_not(opened: Opened, settings: Settings, shown: str | None) -> None:
    keyed = settings.model_copy(update={"operator_key": SecretStr(KEY)})
    headers = {} if shown is None else {"Authorization": shown}
    answer = opened(keyed).get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert KEY not in answer.text
