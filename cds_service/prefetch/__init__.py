"""The resources of a call: what came, what the client's FHIR server adds, and whose they are."""
