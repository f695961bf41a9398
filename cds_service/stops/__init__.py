"""The stop switch: what the hospital has switched off, and who may say so."""
