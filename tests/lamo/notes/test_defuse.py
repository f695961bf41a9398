import pytest

from lamo.notes.defuse import defuse

TOKENS = """<|im_start|> <|im_end|> <|endoftext|> <|start_header_id|> <|eot_id|> <s> </s> <<SYS>>
<</SYS>> [INST] [/INST] [SYSTEM_PROMPT] [TOOL_CALLS] <start_of_turn> <end_of_turn> <bos> <eos> <pad>
<unk> <think> </think> <tool_call> <\uff5cbegin_of_sentence\uff5c> [gMASK] <sop> <unused12> <text>
</text> <0x0A> <|START_OF_TURN_TOKEN|> <|channel|> <|user|> |>""".split()

ORDINARY = (
    "BP <120/80, HR >60 and <100; INR 2<3>1",
    "[x] yes [ ] no [**2151-7-16**] [NAME] [Inst] [insulin]",
    "a < b and c > d, K <3.5 -> repleted, temp <38 | sat >92 |",
    "email <jane doe at example>, Na < 135, <-- see above",
    "Grüße, 5 µg, naïve, 患者",
)


@pytest.mark.parametrize("token", TOKENS)
def test_no_token_of_a_chat_template_is_left(token: str) -> None:
    harmless = defuse(f"before {token}after")

    assert token not in harmless
    assert harmless.replace(" ", "") == f"before{token}after".replace(" ", "")


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert defuse(text) == text


@pytest.mark.parametrize("text", [*TOKENS, "<<<s>>>", "<|<|im_end|>|>", "[[INST]]", "<||>"])
def test_twice_is_no_more_than_once(text: str) -> None:
    assert defuse(defuse(text)) == defuse(text)


def test_tokens_inside_of_tokens_are_broken_up_too() -> None:
    harmless = defuse("<|im_<|im_start|>start|> <</s>/s>")

    assert not any(token in harmless for token in ("<|", "|>", "</s>"))


def test_half_of_a_surrogate_pair_can_be_sent() -> None:
    assert defuse("a\ud800b").encode() == "a\ufffdb".encode()
