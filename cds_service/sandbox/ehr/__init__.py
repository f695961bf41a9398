"""The pages of an EHR: charts are opened, orders written, signed and stopped, cards answered."""
