"""FHIR R4 JSON to PatientRecord, and the little FHIR that we write.

Pure: no web, no model, no database.
"""
