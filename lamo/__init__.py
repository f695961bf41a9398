"""LAMO: structured prompt, grouped LoRA adapters, scoring, calibration and selection."""
