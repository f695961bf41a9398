"""A tiny RxNorm release for tests: true codes of a few public drugs, names made up by us."""

from pathlib import Path

CONCEPTS = [  # rxcui, source, term type, code, name, suppressed
    ("29046", "RXNORM", "IN", "29046", "lisinopril", "N"),
    ("5487", "RXNORM", "IN", "5487", "hydrochlorothiazide", "N"),
    ("2599", "RXNORM", "IN", "2599", "clonidine", "N"),
    ("8888801", "RXNORM", "IN", "8888801", "zorblaxin", "N"),
    ("8888802", "RXNORM", "PIN", "8888802", "zorblaxin sodium", "N"),
    ("203644", "RXNORM", "BN", "203644", "a brand of lisinopril", "N"),
    ("214618", "RXNORM", "MIN", "214618", "lisinopril with a thiazide", "N"),
    ("316151", "RXNORM", "SCDC", "316151", "lisinopril, ten milligrams", "N"),
    ("316049", "RXNORM", "SCDC", "316049", "a thiazide, twenty-five milligrams", "N"),
    ("314076", "RXNORM", "SCD", "314076", "old name of a tablet", "O"),
    ("314076", "RXNORM", "SCD", "314076", "lisinopril tablet, ten", "N"),
    ("314076", "RXNORM", "SY", "314076", "a synonym, passed over", "N"),
    ("197885", "RXNORM", "SCD", "197885", "lisinopril and thiazide tablet", "N"),
    ("104377", "RXNORM", "SBD", "104377", "branded lisinopril tablet", "N"),
    ("8888803", "RXNORM", "SCD", "8888803", "zorblaxin tablet", "N"),
    ("8888804", "RXNORM", "GPCK", "8888804", "a pack of two tablets", "N"),
    ("8888805", "RXNORM", "BPCK", "8888805", "a branded pack", "N"),
    ("8888806", "RXNORM", "SCD", "8888806", "a drug without relations", "N"),
    ("8888807", "RXNORM", "GPCK", "8888807", "a pack with one unknown part", "N"),
    ("748794", "RXNORM", "IN", "748794", "nothing", "N"),
    ("8888808", "RXNORM", "SCD", "8888808", "a tablet with nothing in it", "N"),
    ("29046", "ATC", "IN", "C09AA03", "lisinopril", "N"),
    ("29046", "MTHSPL", "SU", "UNII", "Lisinopril of another source \u00e9", "N"),
]
RELATIONS = [  # subject, relation, target
    ("316151", "has_ingredient", "29046"),
    ("316049", "has_ingredient", "5487"),
    ("314076", "consists_of", "316151"),
    ("197885", "consists_of", "316151"),
    ("197885", "consists_of", "316049"),
    ("104377", "tradename_of", "314076"),
    ("104377", "has_ingredient", "203644"),  # the brand, which is not followed
    ("29046", "has_tradename", "203644"),
    ("5487", "has_tradename", "203644"),  # the same brand on a combination
    ("214618", "has_part", "29046"),
    ("214618", "has_part", "5487"),
    ("8888802", "form_of", "8888801"),
    ("8888801", "ingredient_of", "8888803"),
    ("8888803", "has_ingredient", "8888801"),
    ("8888804", "contains", "314076"),
    ("8888804", "contains", "8888803"),
    ("8888805", "contains", "104377"),
    ("8888805", "contains", "8888803"),
    ("8888807", "contains", "314076"),
    ("8888807", "contains", "8888806"),
    ("8888804", "contains", "8888808"),
    ("8888808", "has_ingredient", "748794"),
    ("314076", "has_dose_form", "317541"),
]
NDCS = [  # NDC, concept
    ("00006001954", "104377"),
    ("68180051301", "314076"),
    ("00378208301", "197885"),
    ("00000000001", "8888806"),
    ("00000000002", "314076"),
    ("00000000002", "197885"),  # one NDC on two drugs
    ("no ndc", "314076"),
]


def write_release(folder: Path) -> Path:
    """Write the three files as NLM does, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    conso = [
        f"{rxcui}|ENG||||||{number}||||{source}|{tty}|{code}|{name}||{suppressed}|4096|"
        for number, (rxcui, source, tty, code, name, suppressed) in enumerate(CONCEPTS)
    ]
    rel = [
        f"{target}||CUI|RO|{subject}||CUI|{relation}|{number}||RXNORM||||||"
        for number, (subject, relation, target) in enumerate(RELATIONS)
    ]
    rel.append("|1|AUI|RO||2|AUI|has_ingredient|9||RXNORM||||||")  # between atoms: no concepts
    rel.append("5487||CUI|RO|314076||CUI|has_ingredient|9||MMSL||||||")  # of another source
    sat = [f"{rxcui}|||1|AUI||||NDC|RXNORM|{ndc}|N|4096|" for ndc, rxcui in NDCS]
    sat.append("314076|||1|AUI||||RXN_STRENGTH|RXNORM|10|N|4096|")
    sat.append("314076|||1|AUI||||NDC|MTHSPL|99999-9999-99|N|4096|")
    for name, lines in (("RXNCONSO", conso), ("RXNREL", rel), ("RXNSAT", sat)):
        (folder / f"{name}.RRF").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return folder
