"""FHIR R4 resources to PatientRecord: the table of contents. Each line is one file beside it."""

from fhir_mappings.allergies import map_allergies
from fhir_mappings.allergy_problems import allergies_of_problems
from fhir_mappings.diagnoses import (
    active_diagnoses,
    diagnoses_of,
    past_diagnoses,
    read_problems,
)
from fhir_mappings.documents import choose_documents, map_documents
from fhir_mappings.elements import Element
from fhir_mappings.encounters import (
    current_stay,
    map_setting,
    previous_stay,
    read_stays,
    stay_reference,
)
from fhir_mappings.gaps import Gaps
from fhir_mappings.inputs import Call, HookResources, MappingTables
from fhir_mappings.medications import map_current, medications_of
from fhir_mappings.observations import map_observations
from fhir_mappings.orders import map_orders, replaced_by, stopped_by
from fhir_mappings.people import age_on, find_patient, map_birth, map_sex
from fhir_mappings.pool import Pool
from fhir_mappings.procedures import procedures_of, read_procedures, recent_procedures
from fhir_mappings.record import Gap, Hospitalization, PatientRecord
from fhir_mappings.unread import tell_unread

__all__ = ["HookResources", "MappingTables", "attachment_urls", "map_record"]


def map_record(
    resources: HookResources, tables: MappingTables
) -> tuple[PatientRecord, tuple[Gap, ...]]:
    """Turn the resources of one call into the patient's record, and what could not be read.

    Never raises for odd data: what cannot be used is left out, and a gap says so.
    """
    call, drafts = _open(resources, tables)
    tell_unread(call.pool.all(), call.gaps)
    patient = find_patient(call)
    stays, problems, done = read_stays(call), read_problems(call), read_procedures(call)
    now = current_stay(stays, call)
    ordered, listed = map_orders(drafts, call), map_allergies(call)
    born, sex = map_birth(patient, call), map_sex(patient, call)
    before = previous_stay(stays, now, call)
    previous = (
        Hospitalization(
            age=age_on(born, before.started),
            sex=sex,
            diagnoses=diagnoses_of(before, problems),
            procedures=procedures_of(before, done),
            medications=medications_of(before, call),
            started=before.started,
            reference=stay_reference(before),
        )
        if before
        else None
    )
    record = PatientRecord(
        patient_id=resources.patient_id,
        decided_at=resources.decided_at,
        age=age_on(born, call.today),
        sex=sex,
        setting=map_setting(now, call),
        diagnoses=active_diagnoses(problems),
        past_diagnoses=past_diagnoses(problems),
        procedures=recent_procedures(done, now, call),
        documents=map_documents(call),
        allergies=(*listed, *allergies_of_problems(problems, listed, call)),
        current=map_current(call, ordered, stopped_by(drafts, call), replaced_by(drafts, call)),
        ordered=ordered,
        previous=previous,
        observations=map_observations(call),
    )
    return record, call.gaps.all()


def _open(resources: HookResources, tables: MappingTables) -> tuple[Call, tuple[Element, ...]]:
    """The call that the mappers read from, and its draft orders."""
    gaps = Gaps()
    pool = Pool(resources.patient_id, gaps)
    pool.add_prefetched(resources.prefetched)
    drafts = pool.add_drafts(resources.draft_orders)
    call = Call(
        patient_id=resources.patient_id,
        encounter_id=resources.encounter_id,
        decided_at=resources.decided_at,
        tables=tables,
        pool=pool,
        gaps=gaps,
        orders_are_final=resources.orders_are_final,
        attachments=resources.attachments,
    )
    return call, drafts


def attachment_urls(resources: HookResources, tables: MappingTables) -> tuple[str, ...]:
    """Where the bytes of the documents are that count and did not come with the call."""
    call, _ = _open(resources, tables)
    return tuple(dict.fromkeys(one.url for one in choose_documents(call) if one.url))
