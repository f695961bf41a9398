"""Where the visits of a cohort come from."""

from collections.abc import Iterator

from fhir_mappings.mapping import MappingTables
from lamo.exports.fhir_files import Export
from lamo.exports.files import sha256_of
from lamo.exports.tally import Tally
from lamo.training.cohort.config import CohortConfig
from lamo.training.cohort.drugs import DrugMapper, load_drugbank_drugs, load_formulary_drugs
from lamo.training.cohort.eicu import EICU
from lamo.training.cohort.fhir_export import FhirReading, read_export
from lamo.training.cohort.hospital import Reading, read_database
from lamo.training.cohort.mimic3 import MIMIC3
from lamo.training.cohort.mimic4 import MIMIC4
from lamo.training.cohort.tables import TableFolder
from lamo.training.cohort.visit import CohortVisit, from_synthetic
from lamo.visits import read_visits

_DATABASES = {"mimic3": MIMIC3, "mimic4": MIMIC4, "eicu": EICU}


def cohort_visits(
    config: CohortConfig, tally: Tally, inputs: dict[str, str]
) -> Iterator[CohortVisit]:
    """The visits of the source, one after the other; `tally` and `inputs` are filled meanwhile."""
    if config.source == "synthetic":
        return _synthetic(config, tally, inputs)
    mapping = MappingTables.load()
    if config.source == "fhir":
        export = Export(
            folders=config.folders, tally=tally, progress=config.progress, inputs=inputs
        )
        return read_export(
            FhirReading(export=export, rules=config.rules, mapping=mapping, scratch=config.scratch)
        )
    tables = TableFolder(
        folders=config.folders, tally=tally, progress=config.progress, inputs=inputs
    )
    reading = Reading(
        tables=tables,
        rules=config.rules,
        drugs=_drugs(config, mapping, tables),
        mapping=mapping,
        scratch=config.scratch,
    )
    return read_database(_DATABASES[config.source], reading)


def _drugs(config: CohortConfig, mapping: MappingTables, tables: TableFolder) -> DrugMapper:
    if config.drugbank is not None:
        return load_drugbank_drugs(mapping.formulary, config.drugbank, tables)
    return load_formulary_drugs(mapping.formulary, config.codes, tables)


def _synthetic(config: CohortConfig, tally: Tally, inputs: dict[str, str]) -> Iterator[CohortVisit]:
    for path in config.folders:
        inputs[path.name] = sha256_of(path)
        for visit in map(from_synthetic, read_visits(path)):
            tally.count("visits")
            tally.count("labels", len(visit.prescribed))
            yield visit
