"""What chat templates treat as a command becomes plain text before a note is sent to a model.

A tokenizer turns `<|im_start|>` in a note into the very token that begins a turn of the
conversation. A space inside is enough to make it words again. Nothing is taken away, and running it
twice changes no more than running it once.
"""

import re

_BARS = "|\uff5c"  # the second one is full-width: DeepSeek's
_TAG_CHARS = 60  # the longest special tokens that models have are about half of it
_NAMED = (
    "INST|SYS|SYSTEM|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|THINK|"
    "IMG|IMG_BREAK|IMG_END|PREFIX|SUFFIX|MIDDLE|CLS|SEP|MASK|PAD|UNK|BOS|EOS|gMASK|sMASK"
)
# each is found before the character behind which the space goes
_OPENS_BAR = re.compile(rf"<(?=[{_BARS}])")  # <|
_CLOSES_BAR = re.compile(rf"[{_BARS}](?=>)")  # |>
# <s> </s> <<SYS>> <0x0A>
_TAG = re.compile(rf"<(?=[/<{_BARS}]{{0,3}}(?:[A-Za-z_]|0x)[^\s<>]{{0,{_TAG_CHARS}}}>)")
_BRACKET = re.compile(rf"\[(?=/?(?:{_NAMED})\])")  # [INST] [/INST]
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def defuse(text: str) -> str:
    """Text in which no chat template finds a token of its own, otherwise unchanged.

    `<|`, `|>`, tags such as `</s>`, `<<SYS>>` and `<start_of_turn>`, and the bracketed words of
    Mistral and its like (`[INST]`) get a space inside. "BP <120", "a < b > c" and "[x] yes" stay as
    they are. Half of a surrogate pair, which no request can hold, becomes U+FFFD.
    """
    for token in (_OPENS_BAR, _CLOSES_BAR, _TAG, _BRACKET):
        text = token.sub(r"\g<0> ", text)
    return _SURROGATE.sub("\ufffd", text)
