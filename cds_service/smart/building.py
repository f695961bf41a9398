"""The app's desk as the settings have it."""

from cds_service.audit.database import open_engine
from cds_service.audit.evidence import Evidence
from cds_service.clients.registry import ClientRegistry
from cds_service.keys.building import build_keys
from cds_service.smart.app_key import FILE, AppKey
from cds_service.smart.desk import SmartDesk
from cds_service.smart.launching import CALLBACK, Launching
from cds_service.smart.sessions import SmartSessions
from cds_service.tools import Tools


def build_smart_desk(tools: Tools) -> SmartDesk:
    """What the app works with, made in each process. Nothing is connected yet.

    Raises:
        ClientRefused: the clients file cannot be used.
        KeysRefused: the keys, or the app's own, cannot be used.
    """
    settings = tools.settings
    engine, keys = open_engine(settings.database_url, durable=False), build_keys(settings)
    registry = ClientRegistry(engine, settings.clients_file)
    app_key = AppKey(settings.var_dir / FILE)
    return SmartDesk(
        base_url=settings.base_url,
        tools=tools,
        evidence=Evidence(settings.database_url, settings.var_dir),
        registry=registry,
        sessions=SmartSessions(engine, keys, tools.clock),
        launching=Launching(
            redirect_uri=settings.base_url + CALLBACK,
            registry=registry,
            guard=tools.fhir.guard,
            keys=keys,
            app_key=app_key,
            clock=tools.clock,
        ),
        app_key=app_key,
        clock=tools.clock,
    )
