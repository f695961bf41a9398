"""Systemic or local, from words; None where an order leaves it open."""

import pytest

from fhir_mappings.routes import by_words


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
        ("Voltarol 1.16% Emulgel", False),
        ("Fluticasone Nasal Spray", False),
        ("120 ACTUAT Fluticasone Metered Dose Inhaler", False),
        ("albuterol 2 puffs q4h", False),
        ("Miconazole Vaginal Cream", False),
        ("mesalamine enema", False),
        ("chlorhexidine 0.12% oral rinse", False),
        ("Lidocaine 0.05 MG/MG Medicated Patch", False),
        ("Lidocaine 5% medicated plasters", False),
        ("Clotrimazole 500mg pessaries", False),
        ("Enoxaparin 40mg pre-filled syringes", True),
        ("lidocaine patch", None),
        ("acetaminophen suppository", None),
        ("metoprolol 25 daily", None),
        ("", None),
    ],
)
def test_the_words_for_form_and_route_decide(text: str, answer: bool | None) -> None:
    assert by_words(text) is answer
