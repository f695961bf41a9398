"""The sinks of the settings, started in a process."""

import threading

from cds_service.audit.sinks.courier import run_sink
from cds_service.audit.sinks.https import HttpsSink
from cds_service.audit.sinks.sink import Sink
from cds_service.audit.sinks.syslog import SyslogSink
from cds_service.outbound.guard import Guard
from cds_service.settings import Settings


def sinks_of(settings: Settings) -> list[Sink]:
    """The sinks that the settings name.

    Raises:
        SettingsError: the file of authorities cannot be used.
    """
    found: list[Sink] = []
    if settings.heads_url is not None:
        found.append(HttpsSink(url=settings.heads_url, guard=Guard.of(settings)))
    if settings.heads_syslog is not None:
        found.append(SyslogSink(target=settings.heads_syslog))
    return found


def start_sinks(settings: Settings) -> threading.Event:
    """Run each in a thread of this process, which ends with the process; the event ends them."""
    stopped = threading.Event()
    for sink in sinks_of(settings):
        arguments, name = (sink, settings.var_dir, stopped), f"head-sink-{sink.name}"
        threading.Thread(target=run_sink, args=arguments, name=name, daemon=True).start()
    return stopped
