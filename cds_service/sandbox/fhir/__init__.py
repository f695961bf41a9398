"""A small FHIR R4 server over made-up patients."""
