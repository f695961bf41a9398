"""Tests of cds_service.outbound."""
