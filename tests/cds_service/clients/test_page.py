"""The operator's page about refused tokens, and the banners of every page."""

from collections.abc import Callable

from pydantic import SecretStr

from tests.cds_service.clients.conftest import House
from tests.tokens import Signer, ec_key

Make = Callable[..., House]
KEY = "a key of the operator"
PATH = "/operator/refused-tokens"


def test_it_says_why_and_escapes_what_the_token_says(make_house: Make) -> None:
    house = make_house(operator_key=SecretStr(KEY))
    evil = Signer(key=ec_key(), issuer="<script>alert(1)</script>")
    assert house.post(evil.token("x")).status_code == 401

    page = house.client.get(PATH, headers={"Authorization": f"Bearer {KEY}"}).get_data(as_text=True)

    assert "no registered client has this issuer" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_it_wants_the_key_of_the_operator(make_house: Make) -> None:
    house = make_house(operator_key=SecretStr(KEY))
    answer = house.client.get(PATH)
    assert answer.status_code == 401
    assert "Basic" in answer.headers["WWW-Authenticate"]


def test_in_production_without_a_key_there_is_no_page(house: House) -> None:
    assert house.client.get(PATH).status_code == 404


def test_every_page_of_a_sandbox_says_that_it_is_one(make_house: Make) -> None:
    house = make_house(mode="sandbox")
    pages = [house.client.get(path).get_data(as_text=True) for path in ("/", PATH)]
    assert all("Sandbox mode" in page for page in pages)


def test_production_has_no_such_banner(house: House) -> None:
    assert "Sandbox mode" not in house.client.get("/").get_data(as_text=True)
