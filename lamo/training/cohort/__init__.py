"""The first stage of training: hospital tables and FHIR exports become one format of visits."""
