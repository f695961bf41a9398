"""The scoring engine: a decoder with stacked LoRA adapters, one prefix for many candidates.

Torch and safetensors only. It computes what transformers and peft compute for Llama, Qwen2 and
Mistral models with plain or activated LoRA (tests hold it to them within 1e-3 in log-odds), but
reads the prefix once per group (or once for all groups, with activated adapters), answers every
candidate in one pass behind it, and keeps no state, so that calls can share it.

    weights.py    what is on disk: shape, base weights, adapters stacked by group
    questions.py  what is asked, and what was read before it
    adapters.py   linear layers with the adapters of several groups
    attention.py  queries against keys that lie in several places
    looking.py    the attention of several questions, one by one or together
    decoder.py    the layers: read a prefix, answer candidates behind it
    prefixes.py   what was read, kept for the next call within a bound in bytes
"""
