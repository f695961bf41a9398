"""Write a chat model of two megabytes as GGUF, for tests of the note reader on llama.cpp.

    python scripts/write_chat_gguf.py OUT.gguf [WORD]...

needs `gguf` (pip install gguf). It has one layer that does nothing and a table from each token to
the next one: within a JSON schema it answers every string with the first WORD and every list with
that one item. Its tokens are bytes, so a text has as many tokens as bytes. It knows nothing of
medicine or language; what it is good for is that a real server samples it under a real grammar.
"""

from pathlib import Path

import click
import gguf
import numpy

CONTEXT = 65_536
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("words", nargs=-1)
def main(out: Path, words: tuple[str, ...]) -> None:
    """Write OUT, and print how to start the server."""
    words = words or ("penicillin",)
    tokens = [*_bytes(), *words, "<|end|>"]
    table = _table(tokens, words[0])
    out.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(out, "llama")
    _describe(writer, tokens)
    _add_tensors(writer, table)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    click.echo(f"llama-server --model {out} --alias chat --host 127.0.0.1 --port 8090 --no-warmup")


def _bytes() -> list[str]:
    """GPT-2's letter for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _table(tokens: list[str], word: str) -> numpy.ndarray:
    """(width, width) float32: how likely a column's token is after a row's one."""
    width = -(-len(tokens) // 32) * 32
    table = numpy.zeros((width, width), dtype=numpy.float32)
    table[:, len(tokens) :] = -50.0  # columns that are no token
    quote, end = tokens.index('"'), len(tokens) - 1
    table[:, quote] += 5.0
    table[:, tokens.index("]")] += 4.0  # a list ends after its first item
    table[:, tokens.index(",")] += 3.0
    table[:, end] += 2.0
    table[quote, tokens.index(word)] += (
        9.0  # where a string begins; a grammar has no word after one
    )
    return table


def _describe(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    width = -(-len(tokens) // 32) * 32
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(width)
    writer.add_vocab_size(width)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    padding = [f"<|unused{number}|>" for number in range(width - len(tokens))]
    writer.add_token_list([*tokens, *padding])
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - 1)
    writer.add_token_types([*kinds, *[gguf.TokenType.CONTROL] * (len(padding) + 1)])
    writer.add_token_merges(["t 0"])  # llama.cpp wants at least one
    writer.add_bos_token_id(len(tokens) - 1)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _add_tensors(writer: gguf.GGUFWriter, table: numpy.ndarray) -> None:
    """One-hot embeddings, a layer of zeros, and the table as the output."""
    width = len(table)
    ones, square = numpy.ones(width, dtype=numpy.float32), (width, width)
    writer.add_tensor("token_embd.weight", numpy.eye(width, dtype=numpy.float32))
    writer.add_tensor("output_norm.weight", ones / numpy.float32(width**0.5))
    writer.add_tensor("output.weight", numpy.ascontiguousarray(table.T))
    shapes = {"attn_q": square, "attn_k": square, "attn_v": square, "attn_output": square}
    shapes |= {"ffn_gate": (32, width), "ffn_up": (32, width), "ffn_down": (width, 32)}
    for name, shape in shapes.items():
        writer.add_tensor(f"blk.0.{name}.weight", numpy.zeros(shape, dtype=numpy.float32))
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", ones)


if __name__ == "__main__":
    main()
