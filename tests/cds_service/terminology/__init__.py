"""Tests of cds_service.terminology."""
