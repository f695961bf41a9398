"""Pure rules from (record, medications) to findings. Never sees a score."""
