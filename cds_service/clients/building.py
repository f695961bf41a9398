"""Trust as the settings have it."""

from cds_service.audit.database import open_engine
from cds_service.clients.keys import ClientKeys, Fetch
from cds_service.clients.refused import RefusedTokens
from cds_service.clients.registry import ClientRegistry
from cds_service.clients.seen_tokens import SeenTokens
from cds_service.outbound.fetch import fetch_json
from cds_service.outbound.guard import Guard
from cds_service.settings import Settings
from cds_service.trust import Trust

MAX_KEYS_BYTES = 256 * 1024


def key_fetcher(settings: Settings) -> Fetch:
    """How key sets are fetched: behind the guard of everything that goes out."""
    guard = Guard.of(settings)
    return lambda url, deadline: fetch_json(url, guard, deadline, MAX_KEYS_BYTES)


def build_trust(settings: Settings) -> Trust:
    """The registry and memory of tokens behind one engine, made in each process.

    Raises:
        ClientRefused: the clients file cannot be used.
    """
    engine = open_engine(settings.database_url, durable=False)
    return Trust(
        registry=ClientRegistry(engine, settings.clients_file),
        keys=ClientKeys(key_fetcher(settings)),
        seen=SeenTokens(engine),
        refused=RefusedTokens(engine),
        takes_anonymous=not settings.is_production,
    )
