"""Tests of cds_service.population."""
