"""gunicorn, told what to do by the settings instead of a file."""

import gc
import math
import os
import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

from cds_service.logs import where_raised
from cds_service.observing.processes import counts_folder, worker_left
from cds_service.observing.server import JsonLogger
from cds_service.serving.client_limits import ROWS, ClientLimits
from cds_service.serving.worker import SEND_S, WholeRequestWorker
from cds_service.settings import Settings

log = structlog.get_logger()

SILENCE_S = 120  # a process that says nothing for longer is replaced; loading may take a while
KEEP_ALIVE_S = 75  # longer than proxies keep a connection (60), so that they are who closes it
CONNECTIONS = 500  # of a process, more wait in the backlog
BACKLOG = 256  # connections that no process has taken, while one is replaced
REFUSING = 4  # threads for calls that find no place to wait
RETRY_S = 1.0  # before a process that could not begin is started again
LOOK_AGAIN_S = 0.05
TAKE_OVER_S = 60.0  # until those who go on at SIGHUP have loaded; then the others end all the same
RARELY = (20_000, 20, 50)  # a call makes some 10,000 objects, and leaves none of them in a cycle
RECYCLED_WITHIN = 5  # a fifth of worker_calls: so far apart are the ends of processes


class Server(BaseApplication):  # type: ignore[misc]
    """The process that starts and replaces those that answer."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Flask],
        limits: ClientLimits,
        when_ready: Callable[[], None],
        renew: Callable[[], bool],
    ) -> None:
        """Take what each process answers with, made by it after the fork, and what all share.

        Args:
            settings: of the service.
            load: makes it.
            limits: of clients, in all processes.
            when_ready: called once, when the first process listens.
            renew: called by that process at SIGHUP: whether all others are to be replaced.
        """
        self.settings, self._renew = settings, renew
        self._load, self._limits, self._when_ready = load, limits, when_ready
        self._replaces = False  # whether the process that is forked next takes another's place
        self._loaded = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)  # counts those that have
        self._awaited, self._await_until = 0, 0.0
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn before it starts."""
        hooks = {
            "when_ready": lambda _: self._when_ready(),
            "pre_fork": lambda arbiter, worker: self._begin(arbiter, worker),
            "child_exit": lambda _, worker: self._end(worker),
        }
        for name, value in (gunicorn_options(self.settings) | hooks).items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until told to stop."""
        try:
            TakingOver(self).run()
        except RuntimeError as error:
            raise SystemExit(f"Error: {error}") from None

    def look_again(self) -> bool:
        """Called in the first process at SIGHUP: whether the others are to be replaced.

        Those that are there go on until the new ones have loaded; but not where each loads a model
        of its own into a device, which may not have room for two.
        """
        try:
            is_renewed = self._renew()
        except Exception as error:  # noqa: BLE001 - told; what is served has to go on
            log.error("not_renewed", error=type(error).__name__, where=where_raised(error))
            return False
        self._take_count()
        waits = self.settings.model_device == "cpu"
        self._awaited = self.settings.workers if waits else 0
        self._await_until = time.monotonic() + TAKE_OVER_S
        return is_renewed

    def have_loaded(self) -> bool:
        """Whether the new processes can take over from the old ones."""
        self._awaited = max(0, self._awaited - self._take_count())
        return not self._awaited or time.monotonic() > self._await_until

    def _take_count(self) -> int:
        """How many processes have loaded since this was asked last."""
        try:
            return os.eventfd_read(self._loaded)
        except BlockingIOError:
            return 0

    def load(self) -> Flask:
        """Called by gunicorn in each worker.

        gunicorn ends the whole service when one cannot begin. That is right at the start; later on
        the others go on, and it is tried again.
        """
        try:
            app = self._load()
        except Exception as error:
            if not self._replaces:
                raise
            log.error("process_failed", error=type(error).__name__, where=where_raised(error))
            time.sleep(RETRY_S)
            raise SystemExit(1) from None
        os.eventfd_write(self._loaded, 1)
        log.info("process_loaded")
        return app

    def _begin(self, arbiter: Any, worker: Any) -> None:
        """Give the process that is forked next a row of the counts that no other one has."""
        taken = {other.row for other in arbiter.WORKERS.values()}
        worker.row = self._limits.row = min(set(range(ROWS)) - taken)
        self._limits.clear(worker.row)
        self._replaces = worker.age > self.settings.workers

    def _end(self, worker: Any) -> None:
        """Forget what a process had in hand that has ended, killed or not."""
        self._limits.clear(worker.row)
        worker_left(worker.pid, counts_folder(self.settings.var_dir))


class TakingOver(Arbiter):  # type: ignore[misc]
    """gunicorn's first process, which ends old processes when the new ones have loaded."""

    def reload(self) -> None:
        """Called by gunicorn at SIGHUP."""
        if self.app.look_again():
            super().reload()

    def manage_workers(self) -> None:
        """Called by gunicorn once a second: it starts processes that lack, and ends the oldest."""
        while not (self.app.have_loaded() or self.SIG_QUEUE.qsize()):
            self.reap_workers()
            time.sleep(LOOK_AGAIN_S)
        super().manage_workers()


def share_memory() -> None:
    """Have what is loaded now shared by the processes that are forked next."""
    gc.collect()
    gc.freeze()  # a collection would write to what is shared, and so copy it
    gc.set_threshold(*RARELY)


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """What gunicorn is told. Its access log is off: ours says the same without addresses."""
    return {
        "bind": [f"{settings.host}:{settings.port}"],
        "backlog": BACKLOG,
        "workers": settings.workers,
        "worker_class": WholeRequestWorker,
        "worker_connections": CONNECTIONS,
        "logger_class": JsonLogger,
        "loglevel": settings.log_level,
        "threads": 2 * settings.threads + REFUSING,  # working, waiting, being refused
        "max_requests": settings.worker_calls,
        "max_requests_jitter": settings.worker_calls // RECYCLED_WITHIN,
        "timeout": SILENCE_S,
        "graceful_timeout": math.ceil(settings.deadline_ms / 1000 + SEND_S),
        "keepalive": KEEP_ALIVE_S,
        "limit_request_line": 2048,
        "limit_request_fields": 64,
        "limit_request_field_size": 8190,
        "forwarded_allow_ips": "",  # what a proxy says of its client is not believed
        "http_protocols": "h1",
        "http2_cleartext": "off",
        "control_socket_disable": True,
    }
