"""The embedded scorer: the engine of this package behind HTTP, for web parts without a model.

cli.py       `lamo-cds scorer serve`
serve.py     from settings to listening processes
app.py       the addresses: /v1/models, /generative_scoring, /livez, /readyz
question.py  one request, read strictly
answering.py which candidates are asked for, and what the engine says of them
"""
