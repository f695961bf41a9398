"""Scoring on a server: one LoRA module per group, any number of web processes before it.

scorer.py    `Scorer` over a server: one request per group, retries within the deadline
dialects.py  how the question is asked: vLLM's scoring, OpenAI completions, llama.cpp
http.py      one request: time left, size, errors in words
breaker.py   a server that keeps failing is left alone for a while
check.py     at the start: are the adapters there, and do the scores agree with the probe?
"""
