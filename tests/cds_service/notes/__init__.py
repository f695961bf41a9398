"""Tests of cds_service.notes."""
