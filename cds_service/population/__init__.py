"""`lamo-cds score`: everybody of a FHIR export, a line each. `run.py` is the way in."""
