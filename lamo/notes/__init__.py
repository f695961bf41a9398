"""From clinical notes to the digest that the prompt prints."""
