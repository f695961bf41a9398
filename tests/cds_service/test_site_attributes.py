"""What the deploying site states in the model card."""

from pathlib import Path

import pytest

from cds_service.site_attributes import SiteAttributesRefused, load_site_attributes


def test_texts_are_read_by_number(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('[attributes]\n14 = "our own visits"\n27 = " Jaccard 0.6 of 400 visits "\n')
    assert load_site_attributes(path) == {14: "our own visits", 27: "Jaccard 0.6 of 400 visits"}
    assert load_site_attributes(None) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[attributes]\n21 = "0.99"', "found attributes 21, wanted some of 14, 27, 29"),
        ("[attributes]\n14 = 5", "as a text of 1 to 4000"),
        ('[attributes]\n14 = " "', "as a text of 1 to 4000"),
        ('[texts]\n14 = "a"', "one table .attributes. and nothing else"),
        ("attributes = 1", "one table .attributes. and nothing else"),
        ("[attri", "it is no TOML"),
    ],
)
def test_what_the_site_may_not_state_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(SiteAttributesRefused, match=told):
        load_site_attributes(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SiteAttributesRefused, match="cannot be read"):
        load_site_attributes(tmp_path / "none.toml")
