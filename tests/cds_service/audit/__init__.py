"""Tests of cds_service.audit."""
