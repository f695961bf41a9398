"""Notes read by a language model on any OpenAI-compatible endpoint.

reader.py      `ModelReader`: a note in, the sections that it holds out, within one deadline
asking.py      one question after the other: tries, pauses, pieces that turn out too long
chunks.py      a long note in pieces that fit the model's context
prompt.py      what is asked, and in which form the answer has to come
answers.py     from the text of an answer to what it found, or a reason why not
endpoint.py    one chat completion
completion.py  the model's answer in what the endpoint sent
failures.py    what went wrong, in words without the note's
wire.py        HTTP that follows nothing and reads no environment
sockets.py     connections that never outlast the deadline
plan.py        the settings, and the addresses that a note may be sent to
check.py       at the start: is the model there, and does it keep to a schema?
"""
