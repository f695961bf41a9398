import pytest

from fhir_mappings.attachments import UnreadText, text_of

PAGE = """<!DOCTYPE html><html><head><title>no</title><style>no</style></head><body>
<h2>Allergies:</h2><ul><li>Penicillin</li><li>Codeine</li></ul><script>no()</script>
<p hidden>no</p><p style="color:red; display: none">no</p><!-- no --><template>no</template>
<table><tr><td>Aspirin</td><td>81 mg</td></tr><tr><td>Metformin hydrochloride</td></tr></table>
<img src="http://127.0.0.1:9/no"><iframe src="http://127.0.0.1:9/"></iframe></body></html>"""


def test_a_page_reads_as_it_is_seen() -> None:
    lines = [line.strip() for line in text_of(PAGE.encode(), "text/html").split("\n")]
    assert [line for line in lines if line] == [
        *("Allergies:", "* Penicillin", "* Codeine", "Aspirin | 81 mg", "Metformin hydrochloride")
    ]


@pytest.mark.parametrize("begins", ["<html><body>", "<!DOCTYPE html>", "<p>HPI: fell</p>", "\n "])
def test_html_that_comes_as_plain_text_is_read_without_its_tags(begins: str) -> None:
    page = f"{begins}<div class='x'>Allergies: <b>penicillin</b></div>".encode()
    assert text_of(page, "text/plain").splitlines()[-1] == "Allergies: penicillin"


@pytest.mark.parametrize("text", ["<5 mmol/l lactate", "<b Allergies: latex", "a <b>c</b>", "<s>"])
def test_plain_text_with_an_angle_stays_as_it_is(text: str) -> None:
    assert text_of(text.encode(), "text/plain") == text


def test_text_after_something_hidden_stays() -> None:
    assert text_of(b"<p>no <b hidden>no</b>known allergies", "text/html") == "no known allergies"


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ("<p>fièvre".encode("cp1252"), "text/html; charset=iso-8859-1"),
        ("<meta charset='latin1'><p>fièvre".encode("cp1252"), "text/html"),
        ('<meta content="text/html; charset=latin1"><p>fièvre'.encode("cp1252"), "text/html"),
        ("<meta charset='latin1'><p>fièvre".encode(), "text/html; charset=utf-8"),
        ("<p>fièvre".encode(), "text/html"),
        (
            '<?xml version="1.0" encoding="utf-8"?><html><p>fièvre</p></html>'.encode(),
            "application/xhtml+xml",
        ),
    ],
)
def test_the_charset_is_the_declared_one_then_that_of_meta(data: bytes, content_type: str) -> None:
    assert text_of(data, content_type) == "fièvre"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<div>" * 100_000 + b"aspirin", "nested too deeply"),
        (b"<table><tr><td>" * 50_000 + b"aspirin", "nested too deeply"),
        (b"<table>" + b"<tr><td>aspirin<td>81 mg" * 200_000, "more than 50,000 elements"),
        (b"<p>" * 5, "its text is empty"),
        (b"", "its text is empty"),
        (b"<p>\xff", "its bytes are not text in its charset"),
    ],
)
def test_bombs_and_empty_pages_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadText, match=reason):
        text_of(data, "text/html")
