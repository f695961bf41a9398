"""A MIMIC-III and a MIMIC-IV of two patients and three visits."""

from pathlib import Path

from tests.lamo.training.cohort.made import Rows, write_table

PATIENTS: Rows = [
    {"subject_id": 7, "gender": "F", "dob": "2100-03-05 00:00:00"},
    {"subject_id": 12, "gender": "M", "dob": "1850-01-01 00:00:00"},
]
ADMISSIONS: Rows = [
    {
        "subject_id": subject,
        "hadm_id": hadm,
        "admittime": f"{start} 20:00:00",
        "dischtime": f"{end} 12:00:00",
    }
    for subject, hadm, start, end in (
        (12, 300, "2150-01-02", "2150-01-09"),
        (7, 102, "2162-05-01", "2162-05-08"),
        (7, 101, "2160-02-01", "2160-02-05"),
    )
]
GIVEN = (
    (101, 7, "MAIN", "Furosemide", "00054829725"),
    (101, 7, "MAIN", "Furosemide", "00054829725"),
    (101, 7, "BASE", "D5W", "00338001702"),
    (102, 7, "MAIN", "Metoprolol", "0"),
    (102, 7, "MAIN", "Insulin Human Regular", "00002821501"),
    (300, 12, "MAIN", "Acetaminophen", "00904198261"),
    (300, 12, "MAIN", "A cure unknown", "99999999999"),
    (300, 12, "MAIN", "", "00904198261"),
)
DIAGNOSES = ((101, 7, 1, "4280"), (102, 7, 2, "4280"), (102, 7, 1, "25000"), (300, 12, 1, "XXXX"))
PROCEDURES = ((101, 7, 1, "3722"), (300, 12, 1, "3722"))
TITLES = (("4280", "Congestive heart failure, unspecified"), ("25000", "Diabetes mellitus II"))
NOTES = (
    # hadm, charted, stored, category, description, error, text
    (102, "2162-05-08", "", "Discharge summary", "Addendum", "", "An addendum."),
    (102, "2162-05-09", "", "Discharge summary", "Report", "", "A later report."),
    (102, "2162-05-08", "", "Discharge summary", "Report", "", "Allergies:\nPenicillin"),
    (102, "2162-05-01", "2162-05-01 21:00:00", "Physician ", "Admission Note", "", "On admission."),
    (101, "2160-02-05", "", "Discharge summary", "Report", "1", "An error."),
    (300, "2150-01-09", "", "Discharge summary", "Report", "", "\N{REPLACEMENT CHARACTER}" * 9),
)


def write_mimic3(folder: Path, *, gz: bool = False, upper: bool = False) -> Path:
    """The tables of MIMIC-III but for the notes."""

    def write(name: str, rows: Rows) -> None:
        write_table(folder, name, rows, gz=gz, upper=upper)

    write("patients", PATIENTS)
    write("admissions", ADMISSIONS)
    write("prescriptions", _prescriptions("startdate"))
    for name, codes in (("diagnoses_icd", DIAGNOSES), ("procedures_icd", PROCEDURES)):
        columns = ("hadm_id", "subject_id", "seq_num", "icd9_code")
        write(name, [dict(zip(columns, row, strict=True)) for row in codes])
    titles = [{"icd9_code": code, "long_title": title} for code, title in TITLES]
    write("d_icd_diagnoses", titles)
    write("d_icd_procedures", [{"icd9_code": "3722", "long_title": "Left heart cath"}])
    return folder


def write_noteevents(folder: Path, *, upper: bool = False) -> Path:
    """The table of notes of MIMIC-III."""
    columns = ("hadm_id", "chartdate", "storetime", "category", "description", "iserror", "text")
    rows = [dict(zip(columns, row, strict=True)) for row in NOTES]
    return write_table(folder, "noteevents", rows, upper=upper)


def write_mimic4(folder: Path, *, gz: bool = False, upper: bool = False) -> Path:
    """The hosp and note modules of MIMIC-IV, in folders of their own."""
    hosp = folder / "hosp"

    def write(name: str, rows: Rows) -> None:
        write_table(hosp, name, rows, gz=gz, upper=upper)

    person = {"anchor_year": 2160, "anchor_year_group": "2011 - 2013"}
    write(
        "patients",
        [
            {"subject_id": 7, "gender": "F", "anchor_age": 60, **person},
            {"subject_id": 12, "gender": "M", "anchor_age": 91, **person},
        ],
    )
    write("admissions", ADMISSIONS)
    write("prescriptions", _prescriptions("starttime"))
    columns = ("hadm_id", "subject_id", "seq_num", "icd_code", "icd_version")
    coded = [*((*row, 9) for row in DIAGNOSES), (102, 7, 3, "I10", 10)]
    write("diagnoses_icd", [dict(zip(columns, row, strict=True)) for row in coded])
    done = [dict(zip(columns, (*row, 9), strict=True)) for row in PROCEDURES]
    write("procedures_icd", [{**row, "chartdate": "2160-01-31"} for row in done])
    titles = [{"icd_code": code, "icd_version": 9, "long_title": text} for code, text in TITLES]
    write("d_icd_diagnoses", titles)
    write("d_icd_procedures", [{"icd_code": "3722", "icd_version": 9, "long_title": "Left heart"}])
    note = {"hadm_id": 101, "charttime": "2160-02-05 12:00:00", "note_type": "DS"}
    write_table(folder / "note", "discharge", [{**note, "text": "Allergies:\nNone"}], gz=gz)
    return folder


def _prescriptions(start: str) -> Rows:
    columns = ("hadm_id", "subject_id", "drug_type", "drug", "ndc")
    return [
        {**dict(zip(columns, row, strict=True)), start: "2162-05-02 00:00:00"}
        if row[0] == 102
        else dict(zip(columns, row, strict=True)) | {start: ""}
        for row in GIVEN
    ]
