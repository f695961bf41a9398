"""HealthChain as a service of its own, for benchmarks.shell; run by a Python that has it.

    python -m venv /tmp/peer && /tmp/peer/bin/pip install healthchain
    /tmp/peer/bin/python -m uvicorn benchmarks.peer_service:app --port 8099 --workers 2

It does what its documentation shows: the adapter turns the prefetch into FHIR objects, and a card
goes back. It verifies no token, scores nothing and records nothing.
"""

from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.io import CdsFhirAdapter
from healthchain.models import Card, CDSRequest, CDSResponse
from healthchain.models.responses.cdsresponse import IndicatorEnum, Source

app = HealthChainAPI()
hooks = CDSHooksService()
adapter = CdsFhirAdapter()


@hooks.hook("patient-view", id="peer")  # type: ignore[untyped-decorator]
def answer(request: CDSRequest) -> CDSResponse:
    """One card about how much was read."""
    document = adapter.parse(request)
    read = len(document.fhir.prefetch_resources)
    card = Card(
        summary=f"{read} kinds of resources were read",
        indicator=IndicatorEnum.info,
        source=Source(label="peer"),
    )
    return CDSResponse(cards=[card])


app.register_service(hooks)
