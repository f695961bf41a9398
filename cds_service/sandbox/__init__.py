"""An EHR to try the service with: patients, a FHIR server, and pages that fire hooks.

Everything in it is made up, kept in memory and served on this machine alone.
"""
