"""What the deploying site states in the model card: a TOML file of its own.

[attributes]
14 = "Trained on our own visits of 2022 to 2024; adults of all wards."
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from lamo.model_card import numbers_of_site

MOST = 4000  # characters of one text


class SiteAttributesRefused(Exception):  # noqa: N818 - a situation, named as such
    """The file cannot be used; says where it is wrong."""


def load_site_attributes(path: Path | None) -> Mapping[int, str]:
    """The texts by number of the attribute; none without a file.

    Raises:
        SiteAttributesRefused: it cannot be read, is no TOML, or states what is not the site's.
    """
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _refused(path, f"it cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _refused(path, f"it is no TOML ({error})") from None
    texts = table.pop("attributes", None)
    if table or not isinstance(texts, dict):
        raise _refused(path, "wanted one table [attributes] and nothing else")
    known = {str(number) for number in numbers_of_site()}
    if strange := sorted(set(texts) - known):
        told = ", ".join(sorted(known, key=int))
        raise _refused(path, f"found attributes {', '.join(strange)}, wanted some of {told}")
    if not all(isinstance(text, str) and 0 < len(text.strip()) <= MOST for text in texts.values()):
        raise _refused(path, f"wanted each attribute as a text of 1 to {MOST} characters")
    return {int(number): text.strip() for number, text in texts.items()}


def _refused(path: Path, why: str) -> SiteAttributesRefused:
    return SiteAttributesRefused(f"site attributes {path}: {why}")
