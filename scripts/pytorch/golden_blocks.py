"""Golden numbers of PyTorch's own `nn.MultiheadAttention` and `nn.TransformerEncoderLayer`, for the layers of
crates/06-attention and crates/07-transformer.

    python golden_blocks.py        writes multihead-attention.json and transformer-encoder-layer.json to
                                   ../../tests/reference/golden

PyTorch's layers get the parameters of ours, which have the names of attention.py, transformer.py and gpt.py:
`in_proj_weight` is w_q, w_k and w_v, one below the other; the biases of attention, which ours lacks, are zero. The
files hold what PyTorch computes, in f64 and without dropout; our modules must compute the same. The notation is that
of golden_models.py.

Parameters are filled with salts 2, 3, … and scale 2, inputs with salts 1, 101, 102 and scale 2. The loss is the sum of
the output times the filler `weights`. A case has `lengths` where each example sees so many of its first keys, and is
`causal` where a query sees the keys up to its own place. `output` and the gradients of `inputs` and `parameters` are
whole, in row-major order. The cases of the encoder layer are those of `transformer.EncoderBlock` (post-norm, ReLU) and
`gpt.PreNormBlock` (pre-norm, GELU).
"""

import torch
from torch import Tensor, nn

from attention import MultiHeadAttention, causal, within
from golden_models import FIRST_PARAMETER_SALT, INPUT_SALT, filled
from gpt import PreNormBlock
from reference import REFERENCE, write_json
from transformer import EncoderBlock

BATCH, NUM_QUERIES, NUM_KEYS, WIDTH, NUM_HEADS, FFN_NUM_HIDDENS = 2, 3, 5, 4, 2, 6
LENGTHS = [3, 5]
SCALE, WEIGHTS_SALT = 2.0, 98
# Those of PyTorch's attention, and their lengths.
BIASES = {"in_proj_bias": 3 * WIDTH, "out_proj.bias": WIDTH}
ABOUT = "Made by scripts/pytorch/golden_blocks.py, which says what everything here means."


def entry(name: str, shape: list[int], salt: int) -> dict:
    return {"name": name, "shape": shape, "salt": salt, "scale": SCALE}


def tensors(entries: list[dict]) -> list[Tensor]:
    """What the entries describe, as leaves that get gradients."""
    return [filled(one["shape"], one["salt"], one["scale"]).requires_grad_() for one in entries]


def case(name: str, ours: nn.Module, inputs: list[dict], apply, lengths: bool, is_causal: bool) -> dict:
    """One case. `apply(inputs, parameters, hidden)` is PyTorch's layer with the parameters of ours, by name; `hidden`
    [B, Q, T] is true where a key must not be seen.
    """
    named = ours.double().named_parameters()
    described = [entry(key, list(p.shape), salt) for salt, (key, p) in enumerate(named, FIRST_PARAMETER_SALT)]
    xs, parameters = tensors(inputs), tensors(described)
    queries, keys = xs[0].shape[1], xs[-1].shape[1]
    seen = torch.ones(BATCH, queries, keys, dtype=torch.bool)
    if lengths:
        seen = seen & within(torch.tensor(LENGTHS), keys)
    if is_causal:
        seen = seen & causal(queries, keys)
    by_name = dict(zip((one["name"] for one in described), parameters))
    output = apply(xs, by_name, ~seen)
    check = torch.func.functional_call(ours, by_name, tuple(xs) + (seen,))
    assert torch.allclose(output, check, rtol=0, atol=1e-12), f"{name}: our module computes something else"
    weights = {"shape": list(output.shape), "salt": WEIGHTS_SALT, "scale": SCALE}
    loss = (output * filled(**weights)).sum()
    flat = lambda tensor: tensor.detach().flatten().tolist()
    gradients = [flat(gradient) for gradient in torch.autograd.grad(loss, xs + parameters)]
    return {
        "name": name,
        "num_heads": NUM_HEADS,
        "lengths": LENGTHS if lengths else None,
        "causal": is_causal,
        "weights": weights,
        "output": flat(output),
        "inputs": [one | {"gradient": gradient} for one, gradient in zip(inputs, gradients)],
        "parameters": [one | {"gradient": gradient} for one, gradient in zip(described, gradients[len(xs) :])],
    }


def packed(parameters: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Our attention's weights under PyTorch's names; those that `prefix` is in front of."""
    rows = [parameters[f"{prefix}w_{letter}.weight"] for letter in "qkv"]
    return {"in_proj_weight": torch.cat(rows), "out_proj.weight": parameters[f"{prefix}w_o.weight"]}


def attention(name: str, inputs: list[dict], lengths: bool = False, is_causal: bool = False) -> dict:
    layer = nn.MultiheadAttention(WIDTH, NUM_HEADS, bias=False, batch_first=True).double()

    def apply(inputs: list[Tensor], parameters: dict[str, Tensor], hidden: Tensor) -> Tensor:
        hidden = hidden.repeat_interleave(NUM_HEADS, dim=0)  # [B N, Q, T]
        settings = {"attn_mask": hidden, "need_weights": False}
        output, _ = torch.func.functional_call(layer, packed(parameters, ""), tuple(inputs), settings)
        return output

    return case(name, MultiHeadAttention(WIDTH, NUM_HEADS, 0.0), inputs, apply, lengths, is_causal)


def encoder_layer(name: str, lengths: bool = False, is_causal: bool = False, pre_norm: bool = False) -> dict:
    layer = nn.TransformerEncoderLayer(
        WIDTH, NUM_HEADS, FFN_NUM_HIDDENS, dropout=0.0, activation="gelu" if pre_norm else "relu", batch_first=True,
        norm_first=pre_norm,
    ).double()

    def apply(inputs: list[Tensor], parameters: dict[str, Tensor], hidden: Tensor) -> Tensor:
        theirs = {f"self_attn.{key}": value for key, value in packed(parameters, "attention.").items()}
        theirs |= {f"self_attn.{key}": torch.zeros(n).double() for key, n in BIASES.items()}
        pairs = {"norm1": "norm1", "norm2": "norm2", "ffn.dense1": "linear1", "ffn.dense2": "linear2"}
        for kind in ("weight", "bias"):
            theirs |= {f"{its}.{kind}": parameters[f"{ours}.{kind}"] for ours, its in pairs.items()}
        hidden = hidden.repeat_interleave(NUM_HEADS, dim=0)
        return torch.func.functional_call(layer, theirs, tuple(inputs), {"src_mask": hidden})

    block = (
        PreNormBlock(WIDTH, FFN_NUM_HIDDENS, NUM_HEADS, 0.0, behind_attention=0.0, inside_ffn=0.0)
        if pre_norm
        else EncoderBlock(WIDTH, FFN_NUM_HIDDENS, NUM_HEADS, 0.0)
    )
    inputs = [entry("x", [BATCH, NUM_KEYS, WIDTH], INPUT_SALT)]
    return case(name, block, inputs, apply, lengths, is_causal)


def write(name: str, cases: list[dict]) -> None:
    content = {"about": ABOUT, "torch": torch.__version__, "cases": cases}
    write_json(REFERENCE / "golden" / f"{name}.json", content)


def main() -> None:
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    keys = lambda name, salt: entry(name, [BATCH, NUM_KEYS, WIDTH], salt)
    cross = [entry("queries", [BATCH, NUM_QUERIES, WIDTH], INPUT_SALT), keys("keys", 101), keys("values", 102)]
    same = [keys("queries", INPUT_SALT), keys("keys", 101), keys("values", 102)]
    write(
        "multihead-attention",
        [
            attention("plain", cross),
            attention("lengths", cross, lengths=True),
            attention("causal", same, is_causal=True),
            attention("causal with lengths", same, lengths=True, is_causal=True),
        ],
    )
    write(
        "transformer-encoder-layer",
        [
            encoder_layer("post-norm"),
            encoder_layer("post-norm with lengths", lengths=True),
            encoder_layer("pre-norm", pre_norm=True),
            encoder_layer("pre-norm, causal", is_causal=True, pre_norm=True),
        ],
    )


if __name__ == "__main__":
    main()
