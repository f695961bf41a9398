"""Tokens against several processes of the real service."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.production import PUBLIC_URL, production
from tests.served import Served, served
from tests.tokens import Signer, ec_key

SIGNER = Signer(key=ec_key(), kid="kid-1")
PATH = "/cds-services/lamo-order-sign"
EXAMPLE = json.loads((Path(__file__).parents[3] / "examples" / "order-sign.json").read_text())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("var")
    settings = production(folder, SIGNER) | {"LAMO_WORKERS": "2"}
    with served(folder, **settings) as running:
        yield running


def call(service: Served, token: str) -> int:
    told = {"Authorization": f"Bearer {token}"}
    return requests.post(service.url + PATH, json=EXAMPLE, headers=told, timeout=60).status_code


def test_one_of_many_senders_of_a_token_passes_whichever_process_answers(service: Served) -> None:
    for _ in range(3):
        token = SIGNER.token(PUBLIC_URL + PATH)
        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(pool.map(call, [service] * 8, [token] * 8))
        assert statuses == [200] + [401] * 7


@pytest.mark.parametrize("size", [9_000, 1_000_000])
def test_a_token_that_is_far_too_long_is_refused(service: Served, size: int) -> None:
    try:
        status = call(service, "a" * size)
    except requests.ConnectionError:  # cut off while it was sending
        status = 431
    assert status in (400, 431)


def test_a_body_that_says_it_is_compressed_is_not_inflated(service: Served) -> None:
    told = SIGNER.headers(PUBLIC_URL + PATH) | {"Content-Encoding": "gzip"}
    told |= {"Content-Type": "application/json"}
    answer = requests.post(service.url + PATH, data=b"\x1f\x8b" * 50, headers=told, timeout=60)
    assert answer.status_code == 400
