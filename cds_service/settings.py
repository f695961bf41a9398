"""Everything that an operator may choose. Built once at start, frozen, passed down."""

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cds_service.hooks.request import is_plain_url
from cds_service.reviewer.roles import ROLES

PREFIX = "LAMO_"


def _split(value: object) -> object:
    """Read a list from the environment: words parted by commas or spaces."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def _plain(name: str) -> AliasChoices:
    return AliasChoices(name, f"{PREFIX}{name}")


_DATABASE = r"^(sqlite|postgresql(\+psycopg)?)://"


class Settings(BaseSettings):
    """Everything that an operator may choose. A description says what is accepted."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, populate_by_name=True)

    mode: Literal["sandbox", "production"] = Field(
        "sandbox",
        description="sandbox, which takes callers without proof and says so on every page, or "
        "production, which takes registered clients alone",
    )
    host: str = Field(
        "127.0.0.1", validation_alias=_plain("HOST"), description="an address to listen on"
    )
    port: int = Field(
        8080, ge=0, le=65535, validation_alias=_plain("PORT"), description="a port, 0 to 65535"
    )
    var_dir: Path = Field(
        Path("var"), validation_alias=_plain("VAR_DIR"), description="a folder for what is kept"
    )
    database_url: str = Field(
        default_factory=lambda data: _sqlite_in(data.get("var_dir", Path("var"))),
        pattern=_DATABASE,
        description="sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE",
    )
    database_owner_url: str | None = Field(
        None,
        pattern=_DATABASE,
        description="the same database as the role that owns its tables, for upgrades, erasing, "
        "purging, holds and rotating keys; unset for LAMO_DATABASE_URL",
    )
    database_reader_url: str | None = Field(
        None,
        pattern=_DATABASE,
        description="the same database as a role that only reads, for listing, showing, verifying "
        "and exporting; unset for LAMO_DATABASE_URL",
    )
    database_sequencer_url: str | None = Field(
        None,
        pattern=_DATABASE,
        description="the same database as the role of the sequencer; unset for LAMO_DATABASE_URL",
    )
    artifact: Path | None = Field(
        None,
        description="the folder of a model artifact that is served whatever `lamo-cds model` says; "
        "unset for the active one, or the bundled demonstration",
    )
    models_dir: Path = Field(
        default_factory=lambda data: data.get("var_dir", Path("var")) / "models",
        description="the folder of model artifacts that `lamo-cds model` keeps",
    )
    deadline_ms: int = Field(
        500, ge=50, le=60_000, description="milliseconds for a whole call, 50 to 60000"
    )
    max_body_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="the largest request body in bytes, from 1024"
    )
    cds_hooks_version: Literal["2.0.0", "3.0.0"] = Field(
        "2.0.0", description="2.0.0 or 3.0.0: the version of CDS Hooks that discovery states"
    )
    clients_file: Path | None = Field(
        None,
        description="a TOML file of registered clients, beside those of `lamo-cds clients`; unset "
        "for those alone",
    )
    client_rate: float = Field(
        50.0, gt=0, le=100_000, description="requests a second that one client may send, above 0"
    )
    client_in_flight: int = Field(
        16, ge=1, le=10_000, description="requests of one client at once, in all processes"
    )
    operator_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="a secret of 16 characters or more that opens /metrics and /operator; unset "
        "leaves them closed in production and open in sandbox mode",
    )
    allow_demonstration: bool = Field(
        False, description="true or false: whether production may serve a demonstration model"
    )
    proxy_addresses: Words = Field(
        (),
        description="addresses or networks of proxies whose client certificate header is believed, "
        "parted by spaces; empty for none",
    )
    certificate_header: str | None = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$",
        description="the header in which such a proxy names the subject of a verified client "
        "certificate, as X-Client-Certificate-Subject; unset for none",
    )
    outbound_networks: Words = Field(
        (),
        description="networks beside the public internet that may be read from, as 10.0.0.0/8, "
        "parted by spaces; sandbox mode may always read from this machine",
    )
    traces_url: str | None = Field(
        None,
        description="the URL of an OpenTelemetry collector (OTLP over HTTP) that traces go to; "
        "unset for none",
    )
    worker_calls: int = Field(
        20_000,
        ge=0,
        le=100_000_000,
        description="requests after which a process is replaced by a fresh one, 0 for never",
    )
    fhir_allowed_bases: Words = Field(
        (),
        description="base URLs of FHIR servers that may be read for callers that are not "
        "registered, parted by spaces; empty for any https server and, in sandbox mode, http on "
        "this machine",
    )
    fhir_ca_file: Path | None = Field(
        None, description="a PEM file of authorities for FHIR servers; unset for the public ones"
    )
    cors_origins: Words = Field(
        ("http://localhost:*", "http://127.0.0.1:*", "https://sandbox.cds-hooks.org"),
        description="browser origins that may call, parted by spaces, ':*' for any port",
    )
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="processes, 1 to 64; on a processor they share one copy of the model",
    )
    threads: int = Field(
        8,
        ge=1,
        le=256,
        description="calls that a process works on at once, 1 to 256; as many more wait for up to "
        "half of their deadline, and the others are told to come again",
    )
    model_threads: int | None = Field(
        None,
        ge=1,
        le=256,
        description="processor threads for the model of a process, 1 to 256; unset for one with a "
        "small model, else the machine's, shared among the workers",
    )
    model_device: str = Field(
        "cpu",
        pattern=r"^(cpu|cuda(:\d+)?)$",
        description="cpu, cuda or cuda:N: where the model runs",
    )
    model_dtype: Literal["float32", "bfloat16", "fastest"] = Field(
        "float32",
        description="float32, bfloat16, or fastest: whichever multiplies faster here, measured at "
        "the start",
    )
    scorer_url: str | None = Field(
        None, description="the URL of a scoring server; unset to score in this process"
    )
    scorer_dialect: Literal["vllm", "completions", "llama.cpp"] = Field(
        "vllm", description="how that server is asked: vllm, completions or llama.cpp"
    )
    scorer_key: SecretStr | None = Field(
        None, description="a key that the scoring server wants as a bearer token"
    )
    prompt_tokens: int = Field(
        2000,
        ge=200,
        le=1_000_000,
        description="the longest prompt in tokens, from 200; of a longer chart whole sections are "
        "left out",
    )
    notes_url: str | None = Field(
        None,
        description="the URL of an OpenAI-compatible endpoint that reads clinical notes, with its "
        "/v1; unset to read them by rules alone",
    )
    notes_model: str | None = Field(
        None, description="the name of the note model, as that endpoint lists it"
    )
    notes_key: SecretStr | None = Field(
        None, description="a key that the note endpoint wants as a bearer token"
    )
    notes_hosts: Words = Field(
        (),
        description="host names that patients' notes may be sent to, parted by spaces; this "
        "machine needs no entry",
    )
    notes_ca_file: Path | None = Field(
        None,
        description="a PEM file of authorities for the note endpoint; unset for the public ones",
    )
    notes_context_tokens: int = Field(
        8192, ge=1024, le=10_000_000, description="tokens that the note model takes, from 1024"
    )
    notes_seconds: float = Field(
        30.0, gt=0, le=3600, description="the longest reading of one note by the model, in seconds"
    )
    keys: SecretStr | None = Field(
        None,
        description="the text of a key file, with which what is kept of patients is encrypted; "
        "unset for the file keys.json in VAR_DIR, which is made at the first start",
    )
    model_queue: int = Field(
        32, ge=1, le=1000, description="calls that may wait for the model in a process, 1 to 1000"
    )
    prefix_cache_mib: int = Field(
        256, ge=0, le=1_000_000, description="MiB of read patients kept for their next call, from 0"
    )
    card_policy: Path | None = Field(
        None, description="a TOML file that says which cards are shown; unset for the shipped draft"
    )
    oidc_issuer: str | None = Field(
        None,
        description="the https URL of an OpenID Connect provider where people sign in to /review, "
        "exactly as it names itself; unset for local accounts alone",
    )
    oidc_client_id: str | None = Field(
        None, description="what the OpenID Connect provider calls this service"
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="the secret that the OpenID Connect provider gave this service"
    )
    oidc_roles_claim: str = Field(
        "roles", min_length=1, description="the claim of an ID token that lists a person's roles"
    )
    oidc_roles: Words = Field(
        (),
        description="which value of that claim is which role, as hospital-review=reviewer, parted "
        "by spaces; empty where the values are reviewer, compliance, operator and administrator",
    )
    site_attributes: Path | None = Field(
        None,
        description="a TOML file with what this site states in the model card (source attributes "
        "14, 27 and 29); unset leaves them to be filled by the site",
    )
    heads_url: str | None = Field(
        None,
        pattern=r"^https://",
        description="the https URL that each signed head of the audit log is sent to by POST, as "
        "text/plain; unset for none",
    )
    heads_syslog: str | None = Field(
        None,
        pattern=r"^((udp|tcp)://.+:[0-9]{1,5}|/.+)$",
        description="where each signed head goes by syslog (RFC 5424): udp://HOST:PORT, "
        "tcp://HOST:PORT or the path of a socket of this machine; unset for none",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    public_url: str | None = Field(
        None, description="the https URL under which clients reach the service, behind a proxy"
    )

    @field_validator("public_url", "scorer_url", "notes_url", "traces_url", "heads_url")
    @classmethod
    def _url_is_plain(cls, value: str | None) -> str | None:
        if value is not None and not is_plain_url(value):
            raise ValueError("not an absolute http(s) URL")
        return value.rstrip("/") if value else None

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer_is_plain(cls, value: str | None) -> str | None:
        if value is not None and not is_plain_url(value):
            raise ValueError("not an absolute http(s) URL")
        return value  # whole: it is compared with what the provider says, last slash and all

    @field_validator("oidc_roles")
    @classmethod
    def _roles_are_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parts = [word.rpartition("=") for word in value]
        if not all(said and role in ROLES for said, _, role in parts):
            raise ValueError("not VALUE=ROLE")
        return value

    @field_validator("fhir_allowed_bases")
    @classmethod
    def _bases_are_plain(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(is_plain_url(base) for base in value):
            raise ValueError("not absolute http(s) URLs")
        return tuple(base.rstrip("/") for base in value)

    @field_validator("outbound_networks", "proxy_addresses")
    @classmethod
    def _networks_are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(network)) for network in value)

    def is_proxy(self, address: str | None) -> bool:
        """Whether a request comes from a proxy whose word on certificates is believed."""
        try:
            found = ip_address(address or "")
        except ValueError:
            return False
        return any(found in ip_network(network) for network in self.proxy_addresses)

    @property
    def owner_url(self) -> str:
        """Of the database, as the role that keeps it."""
        return self.database_owner_url or self.database_url

    @property
    def reader_url(self) -> str:
        """Of the database, as the role that only reads."""
        return self.database_reader_url or self.database_url

    @property
    def sequencer_url(self) -> str:
        """Of the database, as the role of the sequencer."""
        return self.database_sequencer_url or self.database_url

    @property
    def is_open(self) -> bool:
        """Whether anybody who reaches this machine may call."""
        return not (self.is_production or self.is_loopback)

    @property
    def is_loopback(self) -> bool:
        """Whether it listens to this machine alone."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_production(self) -> bool:
        """Whether only registered clients are served."""
        return self.mode == "production"

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The browser origins that may call; in production none but those that were named."""
        named = "cors_origins" in self.model_fields_set
        return self.cors_origins if named or not self.is_production else ()

    @property
    def base_url(self) -> str:
        """The URL to tell people: the public one, else where the service listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


def _sqlite_in(var_dir: Path) -> str:
    return f"sqlite:///{var_dir.absolute() / 'audit.db'}"
