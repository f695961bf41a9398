"""Systemic or local, from words and codes; None where an order leaves it open."""

import pytest

from fhir_mappings.routes import is_systemic

SNOMED = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("lisinopril 10 MG Oral Tablet", True),
        ("1 ML Epinephrine 1 MG/ML Injection", True),
        ("Docusate 100 MG softgel", True),
        ("nitroglycerin 0.4 mg SL prn", True),
        ("fentanyl 0.025 MG/HR Transdermal System", True),
        ("NuvaRing 21 Day Vaginal Ring", True),
        ("Levonorgestrel 52 MG Intrauterine System", True),
        ("timolol 5 MG/ML Ophthalmic Solution", False),
        ("Ciprofloxacin 3 MG/ML Otic Solution", False),
        ("latanoprost eye drops", False),
        ("Hydrocortisone 10 MG/ML Topical Cream", False),
        ("Diclofenac 1% gel", False),
        ("Fluticasone Nasal Spray", False),
        ("120 ACTUAT Fluticasone Metered Dose Inhaler", False),
        ("albuterol 2 puffs q4h", False),
        ("Miconazole Vaginal Cream", False),
        ("mesalamine enema", False),
        ("chlorhexidine 0.12% oral rinse", False),
        ("Lidocaine 0.05 MG/MG Medicated Patch", False),
        ("lidocaine patch", None),
        ("acetaminophen suppository", None),
        ("metoprolol 25 daily", None),
        ("", None),
    ],
)
def test_the_words_for_form_and_route_decide(text: str, answer: bool | None) -> None:
    assert is_systemic([text]) is answer


@pytest.mark.parametrize(
    ("code", "answer"),
    [("26643006", True), ("54485002", False), ("PO", True), ("OU", False), ("999", None)],
)
def test_a_coded_route_decides_before_the_words(code: str, answer: bool | None) -> None:
    assert is_systemic(["timolol"], route=[(SNOMED, code, None)]) is answer


def test_a_code_goes_before_words_and_an_unknown_one_leaves_them() -> None:
    drops = "ciprofloxacin eye drops"
    assert is_systemic([drops], route=[(SNOMED, "26643006", None)]) is True
    assert is_systemic(["ciprofloxacin"], route=[(None, "x", "Ophthalmic route")]) is False
    assert is_systemic(["ciprofloxacin", "500 mg tablet"]) is True


def test_what_is_given_by_the_nose_to_reach_the_blood_is_systemic() -> None:
    assert is_systemic(["naloxone 4 MG/ACTUAT Nasal Spray"], rxcuis=["7242"]) is True
    assert is_systemic(["fluticasone nasal spray"], rxcuis=["41126"]) is False
    assert is_systemic(["nasal spray"], rxcuis=["7242", "41126"]) is False
