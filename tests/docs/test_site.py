"""The documents as a site: built strictly, and whole without a network."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT

FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(?:https?:)?//"""
    r"""|<link[^>]*\srel=["']?(?:stylesheet|preconnect|icon|preload)[^>]*href=["']?(?:https?:)?//"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("material") is None:
        pytest.skip("MkDocs Material is not installed: pip install --editable '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    command += ["--config-file", "docs/site/mkdocs.yml", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_of_the_documents_becomes_one_of_the_site(site: Path) -> None:
    wanted = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in DOCS}
    wanted = {page.with_name("index.html") if page.stem == "README" else page for page in wanted}
    assert wanted <= {page.relative_to(site) for page in site.rglob("*.html")}


def test_no_page_of_the_site_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = [page.read_text("utf-8") for page in site.rglob("*.html")]
    assert not [found for page in pages for found in FETCHED.findall(page)]
    assert all("site/iframe-worker.js" in page for page in pages)


def test_files_of_the_repository_that_pages_link_to_come_along(site: Path) -> None:
    policy = ROOT / "cds_service" / "data" / "card_policy.toml"
    copied = site / "repository" / "cds_service" / "data" / "card_policy.toml.txt"
    assert copied.read_bytes() == policy.read_bytes()
    assert 'href="repository/cds_service/data/card_policy.toml.txt"' in (
        site / "cards.html"
    ).read_text("utf-8")
