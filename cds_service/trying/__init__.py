"""Calling a CDS Service from a terminal, as a CDS Client would."""
