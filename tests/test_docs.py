"""The documents say what the code does."""

from pathlib import Path

from cds_service.settings import Settings, env_name

DOCS = Path(__file__).parents[1] / "docs"


def test_every_setting_is_documented_as_the_code_describes_it() -> None:
    page = " ".join((DOCS / "settings.md").read_text().split())
    for name, field in Settings.model_fields.items():
        assert f"`{env_name(name)}`" in page
        assert " ".join(str(field.description).split()) in page
