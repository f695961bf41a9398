"""Tests of cds_service.clients."""
