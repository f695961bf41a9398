"""The documents say what the code does."""

import re
from pathlib import Path

from cds_service.environment import env_name
from cds_service.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"


def test_every_setting_is_documented_as_the_code_describes_it() -> None:
    page = " ".join((DOCS / "settings.md").read_text().split())
    for name, field in Settings.model_fields.items():
        assert f"`{env_name(name)}`" in page
        assert " ".join(str(field.description).split()) in page


def anchors(page: str) -> set[str]:
    """What the headings of a page of the repository are linked by, as GitHub names them."""
    lines = (DOCS.parent / page).read_text(encoding="utf-8").splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if re.match("#+ ", line)]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}
