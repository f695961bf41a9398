"""A hospital's own drug terminology: loaded from an RxNorm release, asked for codes we lack."""
