"""Golden numbers of d2l-nn's activation functions and normalisations: what PyTorch computes, as in golden_nn.py.

    python golden_layers.py        writes ../../crates/d2l-nn/tests/golden/layers.json

The file holds, all in f64, with gradients of the sum of the output times the filler of salt 2 and scale 2:

    activations  y and dx for x [40] of salt 1 and scale 12, with the first entry set to 0
    batch_norm   y, dx, dw and db after training twice on x [3, 2, 3, 5] (salt 1, scale 4), weight (salt 3, scale 1) and
                 bias (salt 4, scale 1), then running_mean and running_var, and `evaluated`, the output in evaluation
    row_norms    y, dx, dw and, but for rms, db of layer normalisation (eps 1e-5) and RMS normalisation (eps 1e-6) of
                 [3, 5, 6], and of normalisation by 2 groups and by instance (6 groups) of [3, 6, 5], eps 1e-5; salts and
                 scales as before
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden_models import filled
from golden_nn import TARGET, flat
from reference import write_json

ACTIVATIONS = {
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "elu": lambda x: F.elu(x, 1.5),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "softplus": F.softplus,
}


def activation(function) -> dict:
    x = filled([40], 1, 12.0)
    x[0] = 0.0
    x.requires_grad_()
    y = function(x)
    (y * filled([40], 2, 2.0)).sum().backward()
    return {"y": flat(y), "dx": flat(x.grad)}


def batch_norm() -> dict:
    shape = [3, 2, 3, 5]
    layer = nn.BatchNorm2d(2, dtype=torch.float64)
    layer.weight.data, layer.bias.data = filled([2], 3, 1.0), filled([2], 4, 1.0)
    x = filled(shape, 1, 4.0).requires_grad_()
    layer(x)
    y = layer(x)
    (y * filled(shape, 2, 2.0)).sum().backward()
    return {
        "y": flat(y),
        "dx": flat(x.grad),
        "dw": flat(layer.weight.grad),
        "db": flat(layer.bias.grad),
        "running_mean": flat(layer.running_mean),
        "running_var": flat(layer.running_var),
        "evaluated": flat(layer.eval()(x)),
    }


def row_norm(layer: nn.Module, shape: list[int]) -> dict:
    layer.weight.data = filled([6], 3, 1.0)
    x = filled(shape, 1, 4.0).requires_grad_()
    if hasattr(layer, "bias"):
        layer.bias.data = filled([6], 4, 1.0)
    y = layer(x)
    (y * filled(shape, 2, 2.0)).sum().backward()
    found = {"y": flat(y), "dx": flat(x.grad), "dw": flat(layer.weight.grad)}
    return found | ({"db": flat(layer.bias.grad)} if hasattr(layer, "bias") else {})


def row_norms() -> dict:
    f64 = {"dtype": torch.float64}
    return {
        "layer": row_norm(nn.LayerNorm(6, **f64), [3, 5, 6]),
        "rms": row_norm(nn.RMSNorm(6, eps=1e-6, **f64), [3, 5, 6]),
        "group": row_norm(nn.GroupNorm(2, 6, **f64), [3, 6, 5]),
        "instance": row_norm(nn.InstanceNorm1d(6, affine=True, **f64), [3, 6, 5]),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = TARGET.parent / "golden" / "layers.json"
    write_json(
        target,
        {
            "about": "Made by scripts/pytorch/golden_layers.py, which says what everything here means.",
            "torch": torch.__version__,
            "activations": {name: activation(function) for name, function in ACTIVATIONS.items()},
            "batch_norm": batch_norm(),
            "row_norms": row_norms(),
        },
    )
    print(f"wrote {target}")
