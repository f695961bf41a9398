"""What is served: model, knowledge, card policy and code, since when, and what it was before."""
