"""What can be wrong with what a cohort is made of.

CohortError
|- TableMissing     no file for a table that is needed
|- LinesMissing     no file with FHIR lines
|- ExportIncomplete a FHIR export without a kind of resource that is needed
|- TableAmbiguous   two files for one table
|- ColumnMissing    a table without a needed column
|- TableBroken      a file that cannot be read to its end
`- SplitImpossible  the visits cannot be split as asked
"""


class CohortError(Exception):
    """A cohort could not be made; the message says what was found, wanted and what to do."""


class TableMissing(CohortError):  # noqa: N818 - a situation, named as such
    """No file for a table that is needed."""

    def __init__(self, name: str, folders: str) -> None:
        super().__init__(
            f"no table {name} in {folders}: wanted is {name}.csv or {name}.csv.gz, in either "
            "letter case, in the folder or in one directly below it"
        )


class LinesMissing(CohortError):  # noqa: N818
    """No file with FHIR lines."""

    def __init__(self, folders: str) -> None:
        super().__init__(
            f"no file of FHIR lines in {folders}: wanted are files that end in .ndjson, .jsonl, "
            ".ndjson.gz or .jsonl.gz, in the folder itself, not in folders below it"
        )


class ExportIncomplete(CohortError):  # noqa: N818
    """A FHIR export without a kind of resource that nothing can be judged without."""

    def __init__(self, missing: str, found: str) -> None:
        super().__init__(
            f"the export has no {missing} ({found}): export these resources too, or every order "
            "would look as if nothing supported it"
        )


class TableAmbiguous(CohortError):  # noqa: N818
    """Two files for one table: which one to believe is not ours to guess."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__(f"table {name} is there more than once ({found}): keep one of them")


class ColumnMissing(CohortError):  # noqa: N818
    """A table without a needed column."""

    def __init__(self, table: str, missing: str, found: str) -> None:
        super().__init__(
            f"{table} has no column {missing}; its columns are {found}: "
            "give the table as the database's publisher names its columns"
        )


class TableBroken(CohortError):  # noqa: N818
    """A file that cannot be read to its end."""

    def __init__(self, table: str, what: str) -> None:
        super().__init__(f"{table} cannot be read to its end ({what}): fetch the file again")


class SplitImpossible(CohortError):  # noqa: N818
    """The visits cannot be split as asked."""
