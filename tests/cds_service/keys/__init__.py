"""Tests of cds_service.keys."""
