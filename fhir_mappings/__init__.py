"""FHIR JSON to PatientRecord, and the little FHIR R4 that we write.

R4 and R4B are read whole; DSTU2, STU3 and R5 where they mean the same (versions.py).

Pure: no web, no model, no database.
"""
