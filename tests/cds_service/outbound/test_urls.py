"""How a URL is spelled decides before anything is looked up."""

import pytest

from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.urls import Origin, is_same_base, is_under, origin_of


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/",  # 127.0.0.1 as one decimal number
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.01/",
        "https://1.2.3.4.5/",
        "https://ehr.example./",
        "https://ehr..example/",
        "https://.example/",
        "https://user@ehr.example/",
        "https://@ehr.example/",
        "https://:pass@ehr.example/",
        "https://ehr.example@evil.example/",
        "https://ehr.example\\@evil.example/",
        "https://ehr.example\\.evil.example/",
        "https://ehr.example:0/",
        "https://ehr.example:99999/",
        "https://ehr.example:port/",
        "https://ehr.exa%6dple/",
        "https://ehr.example\t/",
        "https://ehr\n.example/",
        " https://ehr.example/",
        "https://ehr.example/a b",
        "https://bücher.example/",
        "https://\u212aehr.example/",  # the Kelvin sign, which is a k in lower case
        "https://ehr\u3002example/",  # a full stop to IDNA
        "https://①②⑦.0.0.1/",
        "https://[fe80::1%25eth0]/",
        "https://[v1.x]/",
        "https://[127.0.0.1]/",
        "https://[::1/",
        "https:///fhir",
        "https:/ehr.example",
        "//ehr.example/",
        "ehr.example",
        "",
        "file:///etc/passwd",
        "gopher://127.0.0.1:1/x",
        "ftp://ehr.example/",
        f"https://{'a' * 64}.example/",
        f"https://ehr.example/{'a' * 9000}",
    ],
)
def test_odd_spellings_are_refused(url: str) -> None:
    with pytest.raises(ReadFailed, match=r"has an address (that cannot be read|of an odd form)"):
        origin_of(url)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://EHR.Example/fhir", Origin("https", "ehr.example", 443)),
        ("HTTPS://ehr.example:443", Origin("https", "ehr.example", 443)),
        ("http://ehr.example/", Origin("http", "ehr.example", 80)),
        ("https://xn--bcher-kva.example/", Origin("https", "xn--bcher-kva.example", 443)),
        ("https://my_ehr/x?name=Müller", Origin("https", "my_ehr", 443)),
        ("https://127.0.0.1:8443/", Origin("https", "127.0.0.1", 8443)),
        ("https://[2001:DB8::1]:8443/", Origin("https", "2001:db8::1", 8443)),
    ],
)
def test_plain_ones_have_one_origin(url: str, origin: Origin) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("base", "same"),
    [
        ("https://ehr.example/fhir", True),
        ("https://ehr.example/fhir/", True),
        ("https://EHR.example:443/fhir", True),
        ("https://ehr.example/FHIR", False),
        ("https://ehr.example/fhir/tenant", False),
        ("https://ehr.example", False),
        ("https://ehr.example:8443/fhir", False),
        ("http://ehr.example/fhir", False),
        ("https://ehr.example.evil/fhir", False),
        ("https://evil@ehr.example/fhir", False),
        ("https://ehr.example/fhir/../fhir", False),
        ("https://ehr.example/x/../fhir", False),
        ("https://ehr.example./fhir", False),
    ],
)
def test_a_base_is_the_same_or_another(base: str, same: bool) -> None:
    assert is_same_base(base, "https://ehr.example/fhir") is same


@pytest.mark.parametrize("path", ["/fhir%2fx", "/fhir/%2e%2e/x", "/fhir/..\\x", "/fhir//x"])
def test_a_path_that_others_may_read_otherwise_is_not_under_a_base(path: str) -> None:
    assert not is_under(f"https://ehr.example{path}", "https://ehr.example/fhir")
