"""Which address is open to whom. What is not named here is for registered clients alone."""

from flask import Request, g

from cds_service.doors import Doors
from cds_service.observing.operator_key import require_operator
from cds_service.trust import Presented

OPEN = frozenset(  # nothing of a patient stands there
    {"cds.show_icon", "cds.show_landing", "cds.show_model_card", "cds.show_model_card_page"}
    | {"operate.tell_alive", "operate.tell_ready", "operate.show_api"}
)
# Their tokens are spent once they are let in: a flood of a client must not reach the database
ADMITTED = frozenset({"cds.call_service", "cds.take_feedback"})
FOR_PEOPLE = frozenset({"review", "smart"})  # have doors of their own
OPERATORS = frozenset({"operate.show_metrics", "operate.show_refused_tokens"})


def identify_caller(request: Request, doors: Doors) -> None:
    """Put the caller of a request into `g.caller`, before any of its body is read.

    A preflight of a browser carries no token, and an address that is none leads to a 404.

    Raises:
        Untrusted: nobody who may call.
        NotForClient: a client that may not call this service.
        NotOperator: an address for operators, without their key.
    """
    endpoint = request.endpoint
    if request.blueprint in FOR_PEOPLE:
        return
    if endpoint is None or endpoint in OPEN or request.method == "OPTIONS":
        return
    if endpoint in OPERATORS:
        require_operator()
        return
    presented = _presented(request, doors)
    g.caller = g.watch.run("token", doors.identify, presented, g.deadline)
    if endpoint not in ADMITTED:
        doors.spend(g.caller, g.request_id, g.deadline)


def _presented(request: Request, doors: Doors) -> Presented:
    settings = doors.settings
    certificate = None
    if settings.certificate_header and settings.is_proxy(request.remote_addr):
        certificate = request.headers.get(settings.certificate_header) or None
    return Presented(
        url=f"{settings.base_url}{request.path}",
        authorization=request.headers.get("Authorization"),
        certificate=certificate,
        service_id=(request.view_args or {}).get("service_id"),
        request_id=g.request_id,
    )
