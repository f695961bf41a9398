"""Order lines, RxNorm displays and notes to ingredients, by name."""

import pytest

from fhir_mappings.formulary import RXNORM, Formulary

TEXTS = [
    ("Priadel 400mg tablets", "Lithium"),
    ("Cozaar Comp 50/12.5", "Losartan + Hydrochlorothiazide"),
    ("Humulin I KwikPen", "Insulin isophane"),
    ("Omeprazole 20mg gastro-resistant capsules", "Omeprazole"),
    ("NovoRapid FlexPen 100units/ml solution for injection 3ml pre-filled pens", "Insulin aspart"),
    ("Furosemide 20mg/2ml solution for injection ampoules", "Furosemide"),
    ("Salbutamol 100micrograms/dose breath actuated inhaler CFC free", "Salbutamol"),
    ("Amoxicillin 250mg/5ml oral suspension paediatric sugar free", "Amoxicillin"),
    ("Co-phenotrope 2.5mg/25microgram tablets", "Diphenoxylate + Atropine"),
    ("Ipratropium bromide 250micrograms/1ml nebuliser liquid unit dose vials", "Ipratropium"),
    ("24 HR metoprolol succinate 100 MG Extended Release Oral Tablet [Toprol]", "Metoprolol"),
    (
        "Acetaminophen 325 MG / Oxycodone Hydrochloride 5 MG Oral Tablet",
        "Acetaminophen + Oxycodone",
    ),
    (
        "insulin human, isophane 70 UNT/ML / Regular Insulin, Human 30 UNT/ML [Humulin]",
        "Insulin isophane + Insulin human",
    ),
    (
        "insulin isophane, human 70 UNT/ML / insulin, regular, human 30 UNT/ML [Humulin]",
        "Insulin isophane + Insulin human",
    ),
    ("Lasix 40mg", "Furosemide"),
    ("Abuse-Deterrent 12 HR Oxycodone Hydrochloride 15 MG Extended Release Tablet", "Oxycodone"),
    ("NDA020800 0.3 ML Epinephrine 1 MG/ML Auto-Injector", "Epinephrine"),
    ("Simvistatin 10 MG", "Simvastatin"),
    ("Captopril 25 MG Oral Tablet", "Captopril"),
    ("3 ML Amiodarone hydrocholoride 50 MG/ML Prefilled Syringe", "Amiodarone"),
    ("Carbamazepine[Tegretol]", "Carbamazepine"),
    ("Acetaminophen/Hydrocodone", "Acetaminophen + Hydrocodone"),
    ("Acetaminophen 300 MG / HYDROcodone Bitartrate 5 MG [Vicodin]", "Acetaminophen + Hydrocodone"),
    ("NITROFURANTOIN, MACROCRYSTALS 50 MG Oral Capsule", "Nitrofurantoin"),
    ("Vitamin B 12 5 MG/ML Injectable Solution", "Cyanocobalamin"),
    ("Vitamin B12 5 MG/ML Injectable Solution", "Cyanocobalamin"),
    ("Penicillin V Potassium 250 MG Oral Tablet", "Phenoxymethylpenicillin"),
    ("Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet", "Amoxicillin + Clavulanic acid"),
    ("Augmentin 875", "Amoxicillin + Clavulanic acid"),
    (
        "NuvaRing 0.12/0.015 MG per 24HR 21 Day Vaginal Ring",
        "Ethinyl estradiol + Etonogestrel",
    ),
    (
        "60 ACTUAT Fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 MG/ACTUAT Inhaler",
        "Fluticasone propionate + Salmeterol",
    ),
    ("24hr nicotine transdermal patch", "Nicotine"),
    ("heparin sodium, porcine", "Heparin"),
    ("Heparin Flush CVL (100 units/ml)", "Heparin"),
    ("Lisinopril/HCTZ 20-12.5 mg tab", "Lisinopril + Hydrochlorothiazide"),
    ("Piperacillin-Tazobactam Na", "Piperacillin + Tazobactam"),
    ("Sulfameth/Trimethoprim DS", "Sulfamethoxazole + Trimethoprim"),
    ("Bactrim DS", "Sulfamethoxazole + Trimethoprim"),
    ("Sodium Chloride 0.9% Flush", "Sodium chloride"),
    ("Dextrose 50%", "D-glucose"),
    ("5% Dextrose", "D-glucose"),
    ("Potassium Chloride 20 MEQ Extended Release Oral Tablet [K-Dur]", "Potassium chloride"),
    ("Milk of Magnesia", "Magnesium hydroxide"),
    ("Magnesium Oxide 400 MG", "Magnesium oxide"),
    ("esomeprazole magnesium 40 MG Delayed Release Oral Capsule [Nexium]", "Esomeprazole"),
    ("atorvastatin calcium 20 mg", "Atorvastatin"),
    (
        "Calcium Carbonate 500 MG / Vitamin D 200 UNT Oral Tablet",
        "Calcium carbonate + Cholecalciferol",
    ),
    ("Solu-Medrol 125 mg IV", "Methylprednisolone hemisuccinate"),
    ("MethylPREDNISolone Sodium Succ", "Methylprednisolone hemisuccinate"),
    ("Medrol 4 mg", "Methylprednisolone"),
    ("Hydrocortisone Na Succ.", "Hydrocortisone succinate"),
    ("Hydrocortisone 10 MG/ML Topical Cream", "Hydrocortisone"),
    ("Isosorbide Dinitrate 20 mg", "Isosorbide"),
    ("24 HR Isosorbide Mononitrate 30 MG Extended Release [Imdur]", "Isosorbide mononitrate"),
    ("paracétamol 500 mg", "Acetaminophen"),
    ("ASPIRIN EC 81MG", "Acetylsalicylic acid"),
    ("noradrenaline infusion", "Norepinephrine"),
    ("divalproex sodium 500 MG Delayed Release Oral Tablet [Depakote]", "Valproic acid"),
    ("Humulin N", "Insulin isophane"),
    ("Humulin R", "Insulin human"),
    ("Lantus SoloStar pen", "Insulin glargine"),
    ("insulin aspart protamine, human 70 UNT/ML", "Insulin aspart protamine"),
    ("Insulin", "Insulin"),
    ("alendronate 70 mg weekly", "Alendronic acid"),
    ("sennosides, USP 8.6 MG Oral Tablet", "Senna"),
    ("Docusate Sodium (Liquid)", "Docusate"),
    ("Sinemet 25-100", "Carbidopa + Levodopa"),
    ("1 ML penicillin G procaine 600000 UNT/ML Prefilled Syringe", "Penicillin G"),
    ("K-Phos Neutral", "Monopotassium phosphate + Sodium phosphate, monobasic"),
    ("Sodium Phosphate, Dibasic 59.3 MG/ML", "Sodium phosphate, dibasic"),
    ("Tylenol #3", "Acetaminophen + Codeine"),
    ("Tylenol PM", "Acetaminophen + Diphenhydramine"),
    ("[Lasix]", "Furosemide"),
    ("warfarin\u00ae 5mg", "Warfarin"),
    ("St. John's Wort", "St John's wort"),
    ("Lidocaine 5% patch (700 mg/patch)", "Lidocaine"),
    ("Metoprolol w/ HCTZ", "Metoprolol + Hydrochlorothiazide"),
    ("Levothyroxine Sodium 0.075 MG Oral Tablet", "Levothyroxine"),
]
NOTES = [
    ("metoprolol 25 mg bid, lisinopril 10mg daily, ASA 81", "Metoprolol Lisinopril Aspirin"),
    ("1. Lasix 40 mg PO\n2. K-Dur 20 meq\n3. Lasix again", "Furosemide Potassium-chloride"),
    ("- calcium", "Calcium"),
    ("magnesium 400 mg daily; glucose 120 mg/dL", "Magnesium"),
    ("Labs: magnesium 2.0, glucose 120, calcium 9.1", ""),
    ("no drugs at all", ""),
]


@pytest.fixture(scope="module")
def formulary() -> Formulary:
    return Formulary.load()


@pytest.mark.parametrize(("text", "labels"), TEXTS, ids=[text for text, _ in TEXTS])
def test_a_text_names_its_ingredients(formulary: Formulary, text: str, labels: str) -> None:
    found = formulary.resolve([], text)

    assert sorted(i.label for i in found.ingredients) == sorted(labels.split(" + "))
    assert (found.how, found.unresolved) == ("name", ())


@pytest.mark.parametrize(
    ("text", "known", "unknown"),
    [
        ("Zorblaxin 10 MG / Amlodipine 5 MG Oral Tablet", ["Amlodipine"], ("zorblaxin",)),
        ("amlodipine-zorblaxin", ["Amlodipine"], ("zorblaxin",)),
        ("Furosemide 40 MG / Zorblaxin [Lasix]", ["Furosemide"], ("zorblaxin",)),
        ("Cozaar HCT", ["Losartan"], ("hct",)),
        ("Furosemide 20mg/2ml / Zorblaxin 5mg ampoules", ["Furosemide"], ("zorblaxin",)),
    ],
)
def test_half_a_combination_is_never_resolved_in_silence(
    formulary: Formulary, text: str, known: list[str], unknown: tuple[str, ...]
) -> None:
    found = formulary.resolve([], text)

    assert [i.label for i in found.ingredients] == known
    assert (found.how, found.unresolved) == ("partial", unknown)


def test_a_fuller_text_completes_a_partial_display(formulary: Formulary) -> None:
    codings = [(None, None, "Losartan / diuretic 50-12.5")]

    found = formulary.resolve(codings, "losartan + hydrochlorothiazide")
    assert [i.label for i in found.ingredients] == ["Losartan", "Hydrochlorothiazide"]
    assert formulary.resolve(codings, "losartan").how == "partial"


@pytest.mark.parametrize("text", ["Zorblaxin 10 mg", "magnesium salicylate", "10 mg", "", None])
def test_what_is_unknown_stays_unresolved(formulary: Formulary, text: str | None) -> None:
    found = formulary.resolve([], text)

    assert (found.ingredients, found.how) == ((), "unresolved")


def test_a_brand_in_brackets_does_not_speak_for_an_unknown_ingredient(
    formulary: Formulary,
) -> None:
    found = formulary.resolve([], "Hydrogen Peroxide 15 MG/ML Topical Solution [Orajel]")

    assert (found.how, found.unresolved) == ("unresolved", ("hydrogen peroxide",))


def test_a_known_code_wins_over_the_display_and_an_unknown_one_does_not(
    formulary: Formulary,
) -> None:
    known = formulary.resolve([(RXNORM, "29046", "Metformin")], None)
    pack = formulary.resolve([(RXNORM, "748962", "Camila 28 Day Pack")], None)
    unknown = formulary.resolve([(RXNORM, "833036", "Captopril 25 MG Oral Tablet")], None)

    assert [(r.ingredients[0].label, r.how) for r in (known, pack, unknown)] == [
        ("Lisinopril", "rxcui"),
        ("Norethindrone", "code"),
        ("Captopril", "name"),
    ]


def test_a_code_of_another_system_is_not_taken_for_rxnorm(formulary: Formulary) -> None:
    assert formulary.resolve([("http://snomed.info/sct", "29046", None)], None).how == "unresolved"
    assert formulary.resolve([(f" {RXNORM}/", "29046", None)], None).how == "rxcui"


@pytest.mark.parametrize(("note", "labels"), NOTES, ids=[note for note, _ in NOTES])
def test_a_note_mentions_each_ingredient_once(formulary: Formulary, note: str, labels: str) -> None:
    names = {"Aspirin": "Acetylsalicylic acid"}
    wanted = [names.get(label, label.replace("-", " ")) for label in labels.split()]

    assert [i.label for i in formulary.find_in_text(note)] == wanted
