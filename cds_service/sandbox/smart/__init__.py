"""An authorization server for the sandbox's FHIR server (SMART App Launch 2)."""
