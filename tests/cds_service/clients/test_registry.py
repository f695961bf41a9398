"""The registry and the memory of tokens, on both kinds of database, and the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, Text, cast, literal, update

from cds_service.audit.database import AuditFailure, open_engine
from cds_service.audit.migrate import upgrade
from cds_service.cli import main
from cds_service.clients.client import ClientRefused, client_from
from cds_service.clients.clients_file import ClientsFile, read_clients_file
from cds_service.clients.models import ClientRow
from cds_service.clients.refused import RefusedTokens
from cds_service.clients.registry import ClientRegistry
from cds_service.clients.seen_tokens import SeenTokens
from cds_service.observing.checks import DatabaseChecks
from cds_service.observing.health import Unwell
from cds_service.production import HalfConfigured, check_clients, check_production
from cds_service.settings import Settings
from tests.cds_service.clients.conftest import SIGNER, registered
from tests.tokens import ISSUER, jwk_of, rsa_key

pytest_plugins = ["tests.cds_service.audit_fixtures"]

GOOD = {"name": "ehr-1", "issuer": ISSUER, "jwks": SIGNER.jwks}
PRIVATE = {"keys": [jwk_of(SIGNER.key, d="secret")]}
WEAK = {"keys": [jwk_of(rsa_key(1024))]}
ENCRYPTING = {"keys": [jwk_of(SIGNER.key, use="enc")]}

WRONG = {
    "no name": ({"name": ""}, "name"),
    "the log's name for nobody": ({"name": "anonymous"}, "its own events"),
    "the log's name for its pages": ({"name": "Lamo-CDS.review"}, "its own events"),
    "a name with a space": ({"name": "a b"}, "name"),
    "an app without a FHIR server": ({"smart_client_id": "app"}, "fhir_bases beside"),
    "an app of another proof": ({"smart_auth": "secret"}, "smart_auth"),
    "a frame of a page": ({"frame_origins": ["https://a.example/page"]}, "without a path"),
    "a frame of any page": ({"frame_origins": ["https://*.a.example"]}, "without a path"),
    "a frame over http": ({"frame_origins": ["http://a.example"]}, "without a path"),
    "no keys": ({"jwks": None}, "jwks_url or jwks"),
    "keys twice": ({"jwks_url": "https://a.example/k"}, "jwks_url or jwks"),
    "nothing to recognise it by": ({"issuer": None, "jwks": None}, "issuer with its keys"),
    "the public sandbox": ({"issuer": "https://sandbox.cds-hooks.org"}, "public"),
    "a private key": ({"jwks": PRIVATE}, "private"),
    "a key of 1024 bits": ({"jwks": WEAK}, "2048"),
    "a key for encryption": ({"jwks": ENCRYPTING}, "no key with a kid"),
    "no key set": ({"jwks": []}, "jwks"),
    "a key URL with a user": ({"jwks": None, "jwks_url": "https://u@a.example"}, "jwks_url"),
    "a service that is not offered": ({"services": ["lamo"]}, "no service is called lamo"),
    "a base that is no URL": ({"fhir_bases": ["ehr"]}, "fhir_bases"),
    "a token that lives a day": ({"longest_token_s": 86400}, "longest_token_s"),
    "an unknown member": ({"color": "red"}, "color"),
}


@pytest.fixture
def engine(audit_url: str) -> Iterator[Engine]:
    made = open_engine(audit_url, durable=False)
    yield made
    made.dispose()


@pytest.mark.parametrize(("change", "told"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_definition_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(ClientRefused, match=told):
        client_from(GOOD | change)


def test_a_client_is_kept_as_it_was_told(engine: Engine) -> None:
    client = registered(tenants=["a"], fhir_bases=["https://ehr.example.org/r4/"])
    ClientRegistry(engine).add(client)

    (listed,) = ClientRegistry(engine).list_all()
    assert listed.client == client
    assert listed.client.fhir_bases == ("https://ehr.example.org/r4",)


@pytest.mark.parametrize(
    "other",
    [
        {"issuer": "https://b.example"},
        {"name": "ehr-2"},
        {"name": "ehr-2", "issuer": f"{ISSUER}/"},
        {"name": "ehr-2", "issuer": ISSUER.replace("ehr", "EHR", 1)},
    ],
    ids=["the same name", "the same issuer", "a slash more", "a host in capitals"],
)
def test_two_clients_share_nothing_they_are_known_by(engine: Engine, other: dict[str, str]) -> None:
    registry = ClientRegistry(engine)
    registry.add(registered())
    with pytest.raises(ClientRefused, match="another client has the same"):
        registry.add(registered(**other))


def test_a_change_of_nobody_is_refused(engine: Engine) -> None:
    with pytest.raises(ClientRefused, match="no client 'x'"):
        ClientRegistry(engine).set_disabled("x", disabled=True)


def test_the_list_goes_on_for_a_minute_without_the_database(audit_url: str) -> None:
    seconds, engine = [0.0], open_engine(audit_url, durable=False)
    registry = ClientRegistry(engine, clock=lambda: seconds[0])
    registry.add(registered())
    assert registry.by_issuer(ISSUER)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE client RENAME TO gone")

    seconds[0] = 59.0
    assert registry.by_issuer(ISSUER)
    seconds[0] = 61.0
    with pytest.raises(AuditFailure):
        registry.by_issuer(ISSUER)
    engine.dispose()


def test_a_token_is_taken_once_and_forgotten_when_it_has_expired(engine: Engine) -> None:
    seconds = [0.0]
    seen = SeenTokens(engine, clock=lambda: seconds[0])
    assert seen.take("ehr-1", "a", expires_at=100, now=0)
    assert not seen.take("ehr-1", "a", expires_at=100, now=0)
    assert seen.take("ehr-2", "a", expires_at=100, now=0)

    seconds[0] = 61.0
    assert seen.take("ehr-1", "b", expires_at=300, now=200)
    with engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT expires_at FROM seen_token").scalars().all()
    assert left == [300]


def test_a_flood_of_refusals_is_one_row(engine: Engine) -> None:
    refused = RefusedTokens(engine)
    for number in range(1000):
        refused.note("", "issuer", f"found {number}", f"request-{number}")

    rows = refused.latest()
    assert sum(row.count for row in rows) == 1000
    assert len(rows) <= 2  # two when the minute changed
    assert rows[0].detail == "found 999"


def test_a_file_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clients.toml"
    path.write_text("[[clients]]\nname = 'a'\n")
    with pytest.raises(ClientRefused, match="nothing else"):
        read_clients_file(path)


def write_client(path: Path, *names: str, issuer: str = ISSUER) -> None:
    (path.parent / "keys.json").write_text(json.dumps(SIGNER.jwks))
    table = '[[client]]\nname = "{}"\nissuer = "{}{}"\njwks = "keys.json"\n'
    path.write_text("".join(table.format(name, issuer, name) for name in names))


def test_a_changed_file_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "clients.toml"
    write_client(path, "a")
    clients = ClientsFile(path)
    write_client(path, "a", "b")
    assert [client.name for client in clients.clients()] == ["a", "b"]
    path.write_text("half a l")
    assert [client.name for client in clients.clients()] == ["a", "b"]


@pytest.mark.parametrize("content", ['client = ["x"]', "client = 1"])
def test_what_is_no_table_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "clients.toml").write_text(content)
    with pytest.raises(ClientRefused, match="nothing else"):
        ClientsFile(tmp_path / "clients.toml")


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    write_client(tmp_path / "clients.toml", "a", "a")
    with pytest.raises(ClientRefused, match="two clients have the name 'a'"):
        ClientsFile(tmp_path / "clients.toml")


def test_one_of_the_file_that_clashes_is_set_aside_and_the_others_go_on(
    tmp_path: Path, engine: Engine
) -> None:
    path = tmp_path / "clients.toml"
    write_client(path, "ehr-1", "other")
    ClientRegistry(engine).add(registered(issuer="https://b.example"))  # knows no file
    registry = ClientRegistry(engine, path)
    clashes = {(one.client.name, one.source): one.clash for one in registry.list_all()}
    assert clashes == {("ehr-1", "database"): "", ("ehr-1", "file"): "name", ("other", "file"): ""}
    assert registry.by_issuer(f"{ISSUER}ehr-1") is None
    assert registry.by_issuer(f"{ISSUER}other")


@pytest.mark.parametrize(
    "definition",
    ["not json", '{"name": "other", "issuer": 5}', "[" * 100_000],
    ids=["text", "member", "deep"],
)
def test_a_row_that_is_no_client_is_set_aside_and_the_others_go_on(
    engine: Engine, definition: str
) -> None:
    registry = ClientRegistry(engine)
    registry.add(registered())
    registry.add(registered(name="other", issuer="https://b.example"))
    define(engine, definition)

    found = registry.look()
    assert [one.client.name for one in found.listed] == ["ehr-1"]
    assert [one.name for one in found.broken] == ["other"]
    checks = DatabaseChecks(engine.url.render_as_string(hide_password=False))
    with pytest.raises(Unwell, match="1 set aside"):
        checks.clients_can_be_read()
    checks.close()
    assert registry.by_issuer(ISSUER)
    assert registry.by_issuer("https://b.example") is None
    with pytest.raises(ClientRefused, match="the same name"):
        registry.add(registered(name="other", issuer="https://c.example"))
    registry.remove("other")
    assert registry.look().broken == ()


def define(engine: Engine, definition: Any) -> None:
    """What somebody does who may write to the database."""
    change = update(ClientRow).filter_by(name="other")
    with engine.begin() as connection:
        connection.execute(change.values(definition=definition))


def test_a_broken_client_is_mended_by_what_is_set(engine: Engine) -> None:
    registry = ClientRegistry(engine)
    client = registered(name="other")
    registry.add(client)
    define(engine, client.model_copy(update={"issuer": 5}).model_dump_json(warnings=False))
    with pytest.raises(ClientRefused, match="issuer"):
        registry.change("other", tenants=["a"])
    registry.change("other", issuer=ISSUER)
    assert registry.by_issuer(ISSUER)


class TestProduction:
    """Production mode starts whole or not at all."""

    def settings(self, tmp_path: Path, **changes: object) -> Settings:
        told = {"mode": "production", "public_url": "https://cds.example.org"} | changes
        return Settings(var_dir=tmp_path, **told)  # type: ignore[arg-type]

    def test_whole(self, tmp_path: Path, engine: Engine) -> None:
        registry, settings = ClientRegistry(engine), self.settings(tmp_path)
        registry.add(registered())
        check_production(settings, is_demonstration=False)
        check_clients(settings, registry.list_all())

    def test_everything_that_is_missing_is_listed(self, tmp_path: Path) -> None:
        settings = self.settings(
            tmp_path,
            public_url="http://cds.example.org",
            cors_origins=("http://localhost:*",),
            certificate_header="X-Subject",
        )
        with pytest.raises(HalfConfigured) as raised:
            check_production(settings, is_demonstration=True)
        names = ("PUBLIC_URL", "ARTIFACT", "CORS_ORIGINS", "PROXY_ADDRESSES")
        assert [name for name in names if name not in str(raised.value)] == []

    def test_a_disabled_client_is_none(self, tmp_path: Path, engine: Engine) -> None:
        registry = ClientRegistry(engine)
        registry.add(registered())
        registry.set_disabled("ehr-1", disabled=True)
        with pytest.raises(HalfConfigured, match="no client may call"):
            check_clients(self.settings(tmp_path), registry.list_all())

    def test_a_sandbox_needs_nothing(self, tmp_path: Path) -> None:
        settings = Settings(var_dir=tmp_path)
        check_production(settings, is_demonstration=True)
        check_clients(settings, ())


class TestCommands:
    """`lamo-cds clients` as an operator types it."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> str:
        path = tmp_path / "jwks.json"
        path.write_text(json.dumps(SIGNER.jwks))
        return str(path)

    def run(self, tmp_path: Path, *words: str) -> Result:
        return CliRunner(env={"VAR_DIR": str(tmp_path)}).invoke(main, ["clients", *words])

    def test_from_adding_to_disabling(self, tmp_path: Path, keys: str) -> None:
        added = self.run(tmp_path, "add", "ehr-1", "--issuer", ISSUER, "--jwks", keys)
        assert "ok: ehr-1 is registered" in added.output
        assert "ehr-1  may call" in self.run(tmp_path, "list").output
        assert self.run(tmp_path, "rotate", "ehr-1", "--jwks", keys).exit_code == 0
        assert self.run(tmp_path, "disable", "ehr-1").exit_code == 0
        listed = json.loads(self.run(tmp_path, "list", "--json").output)
        assert (listed["name"], bool(listed["disabled_at"])) == ("ehr-1", True)
        assert self.run(tmp_path, "enable", "ehr-1").exit_code == 0

    def test_keys_that_cannot_be_fetched_are_told(self, tmp_path: Path) -> None:
        url = "https://127.0.0.1:9/keys.json"
        words = ("add", "ehr-1", "--issuer", ISSUER, "--jwks-url", url)
        answer = self.run(tmp_path, *words)
        assert (answer.exit_code, "cannot be used" in answer.output) == (1, True)
        assert self.run(tmp_path, *words, "--unchecked").exit_code == 0

    @pytest.mark.parametrize("words", [("list",), ("refused",)])
    def test_nothing_yet(self, tmp_path: Path, words: tuple[str, ...]) -> None:
        upgrade(f"sqlite:///{tmp_path}/audit.db")
        answer = self.run(tmp_path, *words)
        assert (answer.exit_code, answer.output.startswith("no ")) == (0, True)

    def test_what_only_reads_makes_no_database(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, "list").exit_code == 1
        assert not (tmp_path / "audit.db").exists()

    def test_what_is_registered_can_be_changed_and_forgotten(
        self, tmp_path: Path, keys: str
    ) -> None:
        self.run(tmp_path, "add", "ehr-1", "--issuer", ISSUER, "--jwks", keys, "--tenant", "a")
        base = "https://ehr.example.org/r4"
        self.run(tmp_path, "set", "ehr-1", "--fhir-base", base, "--tenant", "")
        listed = json.loads(self.run(tmp_path, "list", "--json").output)
        assert (listed["fhir_bases"], listed.get("tenants")) == ([base], None)
        assert "is forgotten" in self.run(tmp_path, "remove", "ehr-1").output
        assert "no client is registered" in self.run(tmp_path, "list").output

    def test_a_pem_file_is_told_from_a_key_set(self, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        path.write_text("-----BEGIN PUBLIC KEY-----")
        answer = self.run(tmp_path, "add", "ehr-1", "--issuer", ISSUER, "--jwks", str(path))
        assert "found a PEM file, wanted a JWK Set" in answer.output

    @pytest.mark.parametrize(
        "definition", [b"\0", cast(literal(b"\xff"), Text)], ids=["blob", "text"]
    )
    def test_a_broken_one_is_named_by_list_and_check(
        self, tmp_path: Path, keys: str, definition: Any
    ) -> None:
        self.run(tmp_path, "add", "other", "--issuer", ISSUER, "--jwks", keys)
        engine = open_engine(f"sqlite:///{tmp_path}/audit.db")
        define(engine, definition)
        engine.dispose()
        listed = json.loads(self.run(tmp_path, "list", "--json").output)
        assert (listed["name"], "JSON" in listed["broken"]) == ("other", True)
        checked = CliRunner(env={"VAR_DIR": str(tmp_path)}).invoke(main, ["check"])
        assert "warn  clients set aside" in checked.output
        assert checked.exit_code == 0
        assert self.run(tmp_path, "disable", "other").exit_code == 0
        assert "is forgotten" in self.run(tmp_path, "remove", "other").output

    def test_a_client_that_is_not_there(self, tmp_path: Path) -> None:
        upgrade(f"sqlite:///{tmp_path}/audit.db")
        answer = self.run(tmp_path, "disable", "x")
        assert (answer.exit_code, "no client 'x'" in answer.output) == (1, True)
