"""What is offered and what is asked: discovery, the hook call and feedback, read from JSON."""
