"""The real service as an integrator finds it. Started once for all tests that only call it."""

from collections.abc import Iterator

import pytest

from tests.cds_service.deployments import ORIGIN, Deployed
from tests.fakes import loopback_fhir
from tests.production import production
from tests.served import served
from tests.tokens import KID, Signer, ec_key


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder, signer = tmp_path_factory.mktemp("var"), Signer(key=ec_key(), kid=KID)
    with loopback_fhir() as fhir:
        settings = production(folder, signer, fhir.base)
        settings |= {"LAMO_MODE": "sandbox", "LAMO_CORS_ORIGINS": ORIGIN}
        settings |= {"LAMO_FHIR_ALLOWED_BASES": fhir.base}
        with served(folder, **settings) as running:
            yield Deployed(url=running.url, var_dir=folder, signer=signer, fhir=fhir)
