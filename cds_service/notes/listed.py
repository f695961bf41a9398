"""What an operator hands to `lamo-cds notes`: patient ids and an access token, in files."""

from pathlib import Path

from cds_service.hooks.request import FHIR_ID, TOKEN


class ListRefused(Exception):  # noqa: N818 - a situation, named as such
    """A file or an id cannot be used; says what was found, what is wanted and what to do."""


def patient_ids(path: Path) -> tuple[str, ...]:
    """The patient ids of a file, one a line, each once; lines that begin with # are comments.

    Raises:
        ListRefused: it is no text, names no patient, or a line is no FHIR id.
    """
    numbered = enumerate((line.strip() for line in _text(path).splitlines()), 1)
    ids = {
        checked_id(line, f"{path}, line {number}"): None
        for number, line in numbered
        if line and not line.startswith("#")
    }
    if not ids:
        raise ListRefused(f"{path}: found no patient id, wanted one a line: write them there")
    return tuple(ids)


def checked_id(text: str, where: str) -> str:
    """The id itself, where it is one as a hook sends it.

    Raises:
        ListRefused: it is no FHIR id.
    """
    if FHIR_ID.fullmatch(text) and text.strip("."):
        return text
    bare = text.removeprefix("Patient/")
    is_id = bare != text and FHIR_ID.fullmatch(bare)
    hint = f"write {bare}" if is_id else "write the id of a Patient resource"
    raise ListRefused(
        f"{where}: found no patient id, wanted 1 to 64 letters, digits, dots and dashes: {hint}"
    )


def access_token(path: Path) -> str:
    """The one token that a file holds.

    Raises:
        ListRefused: it is empty, or holds more than one line or what no HTTP header takes.
    """
    token = _text(path).strip()
    if not TOKEN.fullmatch(token):
        found = "nothing" if not token else "several lines, spaces or other odd characters"
        raise ListRefused(
            f"{path}: found {found}, wanted one access token alone: write it there, or leave "
            "--token-file out to read without one"
        )
    return token


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ListRefused(f"{path}: found bytes that are not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise ListRefused(f"{path}: cannot be read ({error.strerror})") from None
