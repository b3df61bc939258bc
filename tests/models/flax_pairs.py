"""Flax and torch models of transformers 4.48.3 with tiny configurations, as pairs of functions of the same parameters."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import transformers

TEXT = {"vocab_size": 37, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
WITHOUT_DROPOUT = dict.fromkeys(
    (
        "hidden_dropout_prob", "attention_probs_dropout_prob", "resid_pdrop", "embd_pdrop", "attn_pdrop", "dropout",
        "attention_dropout", "activation_dropout", "dropout_rate", "embed_dropout", "resid_dropout", "classifier_dropout",
    ),
    0.0,
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A model of both frameworks.

    Attributes:
        kind: its name in transformers: `Flax<kind>` and `<kind>`, with `<config>Config`.
        inputs: "text", "image" or "both" (an encoder and a decoder).
        output: the leaf of the model's output that is compared.
    """

    kind: str
    config: str
    options: Mapping[str, Any]
    inputs: str = "text"
    output: str = "last_hidden_state"


def _decoder(size: int = 32) -> dict[str, Any]:
    return {
        "vocab_size": 37, "d_model": size, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 32,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": None,
    }  # fmt: skip


GPT = {
    "vocab_size": 37,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 32,
    "bos_token_id": 1,
    "eos_token_id": 1,
}
LLAMA = {**TEXT, "num_key_value_heads": 2, "max_position_embeddings": 32}
IMAGE = {k: v for k, v in TEXT.items() if k != "vocab_size"} | {"image_size": 8, "patch_size": 4, "num_channels": 3}
PAIRS = {
    "BERT": Pair("BertModel", "Bert", TEXT),
    "RoBERTa": Pair("RobertaModel", "Roberta", TEXT),
    "RoBERTa-PreLN": Pair("RobertaPreLayerNormModel", "RobertaPreLayerNorm", TEXT),
    "XLM-R": Pair("XLMRobertaModel", "XLMRoberta", TEXT),
    "ALBERT": Pair("AlbertModel", "Albert", {**TEXT, "embedding_size": 16}),
    "DistilBERT": Pair("DistilBertModel", "DistilBert", {
        "vocab_size": 37, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48,
    }),
    "RoFormer": Pair("RoFormerModel", "RoFormer", {**TEXT, "embedding_size": 32}),
    "GPT-2": Pair("GPT2Model", "GPT2", GPT),
    "GPT-Neo": Pair("GPTNeoModel", "GPTNeo", {
        "vocab_size": 37, "hidden_size": 32, "num_layers": 2, "num_heads": 2, "max_position_embeddings": 32,
        "attention_types": [[["global", "local"], 1]], "window_size": 4, "bos_token_id": 1, "eos_token_id": 1,
    }),
    "OPT": Pair("OPTModel", "OPT", {
        "vocab_size": 37, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 48,
        "max_position_embeddings": 32, "word_embed_proj_dim": 32,
    }),
    "XGLM": Pair("XGLMModel", "XGLM", {
        "vocab_size": 37, "d_model": 32, "num_layers": 2, "attention_heads": 2, "ffn_dim": 48, "max_position_embeddings": 32,
    }),
    "T5": Pair("T5Model", "T5", {
        "vocab_size": 37, "d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0,
    }, "both"),
    "LongT5": Pair("LongT5Model", "LongT5", {
        "vocab_size": 37, "d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0,
        "local_radius": 3,
    }, "both"),
    "BART": Pair("BartModel", "Bart", _decoder(), "both"),
    "Pegasus": Pair("PegasusModel", "Pegasus", _decoder(), "both"),
    "Blenderbot": Pair("BlenderbotModel", "Blenderbot", _decoder(), "both"),
    "ViT": Pair("ViTModel", "ViT", IMAGE, "image"),
    "BEiT": Pair("BeitModel", "Beit", IMAGE, "image"),
    "DINOv2": Pair("Dinov2Model", "Dinov2", IMAGE, "image"),
    "Llama": Pair("LlamaModel", "Llama", LLAMA),
    "Gemma": Pair("GemmaModel", "Gemma", {**LLAMA, "head_dim": 16}),
}  # fmt: skip


@dataclass(frozen=True)
class Functions:
    """Both sides as functions of the parameters and the inputs, and what they are called on."""

    jax: Callable[..., Any]
    torch: Callable[..., Any]
    inputs: tuple[Any, ...]
    torch_model: Any


def functions(name: str, seed: int = 0) -> Functions:
    """The pair called `name`, with random parameters."""
    pair, rng = PAIRS[name], np.random.default_rng(seed)
    config_class = getattr(transformers, f"{pair.config}Config")
    known = config_class().to_dict()
    options = {**{k: v for k, v in WITHOUT_DROPOUT.items() if k in known}, **pair.options}
    config = config_class(**options)
    config._attn_implementation = "eager"
    given = _inputs(pair, rng)
    with old_jax():
        flax_model = getattr(transformers, f"Flax{pair.kind}")(config, seed=seed)
    torch_model = getattr(transformers, pair.kind)(config).eval()
    flat = flax.traverse_util.flatten_dict(jax.device_get(flax_model.params), sep=".")
    names = set(dict(torch_model.named_parameters())) | set(dict(torch_model.named_buffers()))
    params = {}
    for key, value in sorted(flat.items()):
        noise = rng.standard_normal(value.shape) * (0.1 if value.ndim == 1 else value.std() or 0.1)
        params[key] = (value + noise).astype(np.float32)

    def jax_side(params: Mapping[str, Any], *given: Any) -> Any:
        tree = flax.traverse_util.unflatten_dict(params, sep=".")
        with old_jax():
            modes = {"train": False} if "train" in inspect.signature(flax_model.__call__).parameters else {}
            return flax_model(**_named(pair, given, jnp), params=tree, **modes)[pair.output]

    def torch_side(params: Mapping[str, Any], *given: Any) -> Any:
        state = dict(_renamed(key, value, names) for key, value in params.items())
        return torch.func.functional_call(torch_model, state, kwargs=_named(pair, given, torch))[pair.output]

    return Functions(jax_side, torch_side, (params, *given), torch_model)


def _inputs(pair: Pair, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    if pair.inputs == "image":
        return (rng.standard_normal((2, 3, 8, 8)).astype(np.float32),)
    ids = rng.integers(3, 37, (2, 9)).astype(np.int32)
    mask = np.ones((2, 9), np.int32)
    mask[1, 7:] = 0
    return (ids, mask, rng.integers(3, 37, (2, 8)).astype(np.int32)) if pair.inputs == "both" else (ids, mask)


def _named(pair: Pair, given: tuple[Any, ...], framework: Any) -> dict[str, Any]:
    if pair.inputs == "image":
        return {"pixel_values": given[0]}
    long = (lambda x: x.long()) if framework is torch else (lambda x: x)
    named = {"input_ids": long(given[0]), "attention_mask": long(given[1])}
    return named | ({"decoder_input_ids": long(given[2])} if pair.inputs == "both" else {})


def _renamed(key: str, value: Any, names: set[str]) -> tuple[str, Any]:
    """The name and layout that transformers gives a Flax parameter in torch."""
    path, _, last = key.rpartition(".")
    if last == "kernel":
        axes = {2: (1, 0), 3: (2, 1, 0), 4: (3, 2, 0, 1)}[value.ndim]
        value = value.permute(*axes) if f"{path}.weight" in names else value
    if last in ("kernel", "scale", "embedding"):
        key = f"{path}.weight"
    key = key.replace(".beta", ".bias").replace(".gamma", ".weight") if key not in names else key
    assert key in names, f"{key} is no parameter of the torch model"
    return key, value


@contextlib.contextmanager
def old_jax() -> Iterator[None]:
    """transformers 4.48.3 speaks an older jax: `jnp.clip(x, a_min=, a_max=)` and `array.split(parts, axis)`."""
    clip, array = jnp.clip, type(jnp.zeros(0))

    def old_clip(x: Any, *args: Any, a_min: Any = None, a_max: Any = None, **kwargs: Any) -> Any:
        return clip(x, *(args or (a_min, a_max)), **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jnp, "clip", old_clip)
        for kind in (array, jax.core.Tracer):
            patch.setattr(kind, "split", lambda x, *args, **kwargs: jnp.split(x, *args, **kwargs), raising=False)
        yield
