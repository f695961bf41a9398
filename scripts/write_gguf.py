"""Write an artifact's base model and adapters as GGUF, for the server of llama.cpp.

    python scripts/write_gguf.py ARTIFACT OUT

needs `gguf` (pip install gguf) and Llama shapes; the command that starts the server is printed. The
service sends token ids, so the vocabulary that is written has the right length and no words: the
server cannot be asked in text.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import gguf
import numpy
from safetensors.numpy import load_file

from lamo.artifact import Artifact, load_artifact
from lamo.scoring.remote.scorer import adapter_names

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
WHOLE = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}
Array = numpy.ndarray[Any, Any]


@click.command()
@click.argument("artifact", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
def main(artifact: Path, out: Path) -> None:
    """Write base.gguf and one file per group, and print how to start the server."""
    loaded = load_artifact(artifact)
    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((loaded.base_model_folder / "config.json").read_text())
    if config["model_type"] != "llama":
        raise click.ClickException(f"found a {config['model_type']} model, wanted llama")
    _write_base(loaded, config, out / "base.gguf")
    names = adapter_names(loaded)
    for group in loaded.groups:
        _write_adapter(loaded.folder / group.adapter, config, out / f"{names[group.name]}.gguf")
    files = ",".join(str(out / f"{name}.gguf") for name in names.values())
    click.echo(
        f"llama-server --model {out / 'base.gguf'} --lora {files} --lora-init-without-apply "
        "--host 127.0.0.1 --port 8089 --no-warmup --cache-ram 0"
    )


def _write_base(artifact: Artifact, config: Mapping[str, Any], path: Path) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    heads = config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(_theta(config))
    writer.add_rope_dimension_count(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([f"t{number}" for number in range(config["vocab_size"])])
    writer.add_token_types([gguf.TokenType.NORMAL] * config["vocab_size"])
    writer.add_token_merges(["t 0"])  # llama.cpp wants at least one
    writer.add_eos_token_id(config.get("eos_token_id") or 0)
    for file in sorted(artifact.base_model_folder.glob("*.safetensors")):
        for name, tensor in load_file(file).items():
            writer.add_tensor(f"{_name(name)}.weight", _turned(name, tensor, config))
    _close(writer)


def _write_adapter(folder: Path, config: Mapping[str, Any], path: Path) -> None:
    says = json.loads((folder / "adapter_config.json").read_text())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    alpha = says["lora_alpha"] * (math.sqrt(says["r"]) if says.get("use_rslora") else 1)
    writer.add_float32("adapter.lora.alpha", float(alpha))
    if tokens := says.get("alora_invocation_tokens"):
        # llama.cpp begins one token before PEFT does, so it is told of the tokens after the first
        writer.add_array("adapter.alora.invocation_tokens", tokens[1:] or tokens)
    for name, tensor in load_file(folder / "adapter_model.safetensors").items():
        module, part = name.removeprefix("base_model.model.").rsplit(".lora_", 1)
        turned = _turned(module, tensor, config) if part.startswith("B") else tensor
        ending = "lora_a" if part.startswith("A") else "lora_b"
        writer.add_tensor(f"{_name(module)}.weight.{ending}", turned.astype(numpy.float32))
    _close(writer)


def _theta(config: Mapping[str, Any]) -> float:
    rope = config.get("rope_parameters") or {}
    return float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0)


def _name(name: str) -> str:
    name = name.removesuffix(".weight")
    if name in WHOLE:
        return WHOLE[name]
    _model, _layers, number, module = name.split(".", 3)
    return f"blk.{number}.{NAMES[module]}"


def _turned(name: str, tensor: Array, config: Mapping[str, Any]) -> Array:
    """Queries and keys with the halves of each head interleaved, as llama.cpp turns them."""
    tensor = tensor.astype(numpy.float32)
    for module, key in (("q_proj", "num_attention_heads"), ("k_proj", "num_key_value_heads")):
        if module in name:
            heads = config.get(key) or config["num_attention_heads"]
            halves = tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
            return halves.swapaxes(1, 2).reshape(tensor.shape)
    return tensor


def _close(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
