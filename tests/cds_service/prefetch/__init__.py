"""Tests of cds_service.prefetch."""
