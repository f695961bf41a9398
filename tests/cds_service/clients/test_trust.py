"""What is registered of a client decides what it may do."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cds_service.clients.registry import ClientRegistry
from tests.cds_service.clients.conftest import (
    BASE,
    KEYS_URL,
    SERVICE,
    SIGNER,
    House,
    registered,
)
from tests.tokens import Signer, ec_key

Make = Callable[..., House]
SUBJECT = "CN=ehr,O=Example"
PROXY = {"certificate_header": "X-Client-Subject", "proxy_addresses": ("127.0.0.1",)}


def with_client(make_house: Make, engine: Engine, **changes: object) -> House:
    ClientRegistry(engine).add(registered(**changes))
    return make_house()


def test_a_client_calls_only_services_that_it_is_registered_for(
    make_house: Make, engine: Engine
) -> None:
    house = with_client(make_house, engine, services=["lamo-patient-view"])

    answer = house.post(SIGNER.token(SERVICE))

    assert answer.status_code == 403
    assert "not registered for this service" in answer.json["issue"][0]["diagnostics"]


def test_tenants_are_compared_where_they_are_registered(make_house: Make, engine: Engine) -> None:
    house = with_client(make_house, engine, tenants=["north"])

    tokens = [SIGNER.token(SERVICE, tenant=one) for one in ("north", "south", None, ["north"])]

    assert [house.post(one).status_code for one in tokens] == [200, 401, 401, 401]
    assert house.reasons() == ["tenant"]


def test_an_alias_of_the_audience_may_be_registered(make_house: Make, engine: Engine) -> None:
    house = with_client(make_house, engine, audiences=["sand_man"])
    assert house.post(SIGNER.token("sand_man")).status_code == 200


def test_a_shorter_life_of_tokens_may_be_registered(make_house: Make, engine: Engine) -> None:
    house = with_client(make_house, engine, longest_token_s=60)
    assert house.post(SIGNER.token(SERVICE)).status_code == 401
    assert house.reasons() == ["lifetime"]


def test_a_disabled_client_is_refused_within_seconds(house: House) -> None:
    assert house.post(SIGNER.token(SERVICE)).status_code == 200
    house.trust.registry.set_disabled("ehr-1", disabled=True)
    house.passed_s[0] += 6

    assert house.post(SIGNER.token(SERVICE)).status_code == 401
    assert house.reasons() == ["disabled"]


def test_without_any_token_nothing_but_open_addresses_answers(house: House) -> None:
    gets = {path: house.client.get(path).status_code for path in ("/", "/livez", "/cds-services")}
    assert gets == {"/": 200, "/livez": 200, "/cds-services": 401}
    assert house.post(None).status_code == 401


def test_every_address_but_the_open_ones_is_closed(house: House) -> None:
    app = house.client.application
    open_to_all = {"/", "/favicon.ico", "/livez", "/readyz", "/openapi.json", "/model-card"}
    open_to_all |= {"/model-card.html"}
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<service_id>", "lamo-order-sign")
        for method in (rule.methods or set()) - {"OPTIONS"}:
            status = house.client.open(path, method=method).status_code
            assert status in (200, 401, 404)
            assert (status == 200) is (path in open_to_all), (method, path, status)


def test_a_preflight_needs_no_token(make_house: Make) -> None:
    house = make_house(cors_origins=("https://ehr.example.org",))
    asked = {"Origin": "https://ehr.example.org", "Access-Control-Request-Method": "POST"}

    answer = house.client.options("/cds-services/lamo-order-sign", headers=asked)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"


def test_a_401_carries_the_origin_too(make_house: Make) -> None:
    house = make_house(cors_origins=("https://ehr.example.org",))
    answer = house.post(None, Origin="https://ehr.example.org")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"


def test_in_production_no_origin_is_allowed_unless_it_is_named(house: House) -> None:
    answer = house.post(None, Origin="http://localhost:8080")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_one_of_many_senders_of_the_same_token_passes(house: House) -> None:
    token = SIGNER.token(f"{BASE}/cds-services")
    client = house.client.application.test_client

    def post(_: int) -> int:
        told = {"Authorization": f"Bearer {token}"}
        return client().get("/cds-services", headers=told).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(post, range(16)))
    assert statuses == [200] + [401] * 15


def test_a_token_is_remembered_over_a_restart(make_house: Make, house: House) -> None:
    token = SIGNER.token(SERVICE)
    assert house.post(token).status_code == 200
    assert make_house().post(token).status_code == 401


def test_a_client_of_a_file_is_known(make_house: Make, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps(SIGNER.jwks))
    path = tmp_path / "clients.toml"
    path.write_text(f'[[client]]\nname = "f"\nissuer = "{SIGNER.issuer}"\njwks = "keys.json"\n')

    assert make_house(clients_file=path).post(SIGNER.token(SERVICE)).status_code == 200


class TestCertificates:
    """Mutual TLS, ended at a proxy that names the subject of the certificate."""

    def test_it_is_enough_for_a_client_without_issuer(
        self, make_house: Make, engine: Engine
    ) -> None:
        ClientRegistry(engine).add(registered(issuer=..., jwks=..., certificate=SUBJECT))
        house = make_house(**PROXY)
        assert house.post(None, **{"X-Client-Subject": SUBJECT}).status_code == 200
        assert house.post(None, **{"X-Client-Subject": "CN=other"}).status_code == 401

    def test_beside_a_token_both_have_to_fit(self, make_house: Make, engine: Engine) -> None:
        ClientRegistry(engine).add(registered(certificate=SUBJECT))
        house = make_house(**PROXY)
        told = {"X-Client-Subject": SUBJECT}
        assert house.post(SIGNER.token(SERVICE), **told).status_code == 200
        assert house.post(SIGNER.token(SERVICE)).status_code == 401
        assert house.post(None, **told).status_code == 401

    def test_from_another_address_than_the_proxy_it_is_nothing(
        self, make_house: Make, engine: Engine
    ) -> None:
        ClientRegistry(engine).add(registered(issuer=..., jwks=..., certificate=SUBJECT))
        house = make_house(**PROXY | {"proxy_addresses": ("10.0.0.1",)})
        assert house.post(None, **{"X-Client-Subject": SUBJECT}).status_code == 401


class TestKeysAtAUrl:
    """Keys that are fetched, kept and fetched again."""

    @pytest.fixture
    def house(self, make_house: Make, engine: Engine) -> House:
        house = with_client(make_house, engine, jwks=..., jwks_url=KEYS_URL)
        house.keys.sets[KEYS_URL] = SIGNER.jwks
        return house

    def test_they_are_fetched_once(self, house: House) -> None:
        statuses = {house.post(SIGNER.token(SERVICE)).status_code for _ in range(5)}
        assert (statuses, house.keys.asked) == ({200}, [KEYS_URL])

    def test_a_new_kid_is_looked_up(self, house: House) -> None:
        house.post(SIGNER.token(SERVICE))
        rotated = Signer(key=ec_key(), kid="second")
        house.keys.sets[KEYS_URL] = rotated.jwks
        house.passed_s[0] += 20

        assert house.post(rotated.token(SERVICE)).status_code == 200
        assert house.post(SIGNER.token(SERVICE)).status_code == 401  # the old one is gone

    def test_a_flood_of_unknown_kids_does_not_reach_the_key_server(self, house: House) -> None:
        for number in range(40):
            house.post(SIGNER.sign(SIGNER.claims(SERVICE), kid=f"kid-{number}"))
        assert len(house.keys.asked) == 1

    def test_while_the_key_server_is_down_known_keys_go_on_for_a_day(self, house: House) -> None:
        house.post(SIGNER.token(SERVICE))
        house.keys.is_down = True
        house.passed_s[0] += 80_000
        ahead = {"iat": SIGNER.claims("")["iat"] + 80_000, "exp": SIGNER.claims("")["exp"] + 80_000}
        assert house.post(SIGNER.token(SERVICE, **ahead)).status_code == 200

        house.passed_s[0] += 10_000
        later = {name: value + 10_000 for name, value in ahead.items()}
        assert house.post(SIGNER.token(SERVICE, **later)).status_code == 401
        assert "keys-unavailable" in house.reasons()

    def test_without_keys_nobody_passes(self, house: House) -> None:
        house.keys.is_down = True
        assert house.post(SIGNER.token(SERVICE)).status_code == 401
        assert house.reasons() == ["keys-unavailable"]

    @pytest.mark.parametrize(
        "url",
        [
            "https://ehr.example.org.evil.example/keys.json",
            "https://ehr.example.org@evil.example/keys.json",
            "https://ehr.example.org/%2e%2e/keys.json",
            "https://EHR.example.org/keys.json",
            "https://ehr.example.org:8443/keys.json",
            "https://xn--ehr-example.org/keys.json",
        ],
    )
    def test_a_jku_that_is_not_the_registered_one_is_refused(self, house: House, url: str) -> None:
        stranger = Signer(key=ec_key())
        house.keys.sets[url] = stranger.jwks

        answer = house.post(stranger.sign(stranger.claims(SERVICE), jku=url))

        assert (answer.status_code, house.keys.asked) == (401, [])
        assert house.reasons() == ["key-url"]

    @pytest.mark.parametrize("broken", [[], {}, {"keys": []}, {"keys": [7]}, "text", None])
    def test_a_broken_key_set_lets_nobody_pass(self, house: House, broken: object) -> None:
        house.keys.sets[KEYS_URL] = broken
        assert house.post(SIGNER.token(SERVICE)).status_code == 401


class TestSandboxMode:
    """Anonymous callers are taken; registered ones are held to their tokens."""

    @pytest.fixture
    def house(self, make_house: Make, engine: Engine) -> House:
        ClientRegistry(engine).add(registered())
        return make_house(mode="sandbox")

    def test_no_token_is_anonymous(self, house: House) -> None:
        assert house.post(None).status_code == 200

    def test_a_token_of_nobody_registered_is_anonymous_and_noted(self, house: House) -> None:
        stranger = Signer(key=ec_key(), issuer="https://sandbox.cds-hooks.org")
        answer = house.post(stranger.token(SERVICE))
        assert answer.status_code == 200
        assert answer.headers["Lamo-Caller"] == "anonymous; token-refused=public-key"
        assert house.reasons() == ["public-key"]

    def test_a_registered_client_is_held_to_its_token(self, house: House) -> None:
        stranger = Signer(key=ec_key())
        assert house.post(SIGNER.token(SERVICE)).status_code == 200
        assert house.post(stranger.token(SERVICE)).status_code == 401
