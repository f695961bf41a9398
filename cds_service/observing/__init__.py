"""What operators see of the service: health, counts, traces. None of it knows a patient."""
