"""Fastest time of forward and backward pass of single layers: what crates/d2l-nn/examples/layer_speed.rs is set beside.

    python layer_speed.py [threads]
"""

import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

REPETITIONS = 60
ELEMENTS, IMAGES = [1_200_000], [64, 64, 32, 32]


def report(name: str, shape: list[int], function) -> None:
    x = (torch.rand(shape) * 8 - 4).requires_grad_()
    ones = torch.ones(shape)
    forward = both = float("inf")
    for _ in range(REPETITIONS):
        x.grad = None
        start = time.perf_counter()
        y = function(x)
        forward = min(forward, time.perf_counter() - start)
        y.backward(ones)
        both = min(both, time.perf_counter() - start)
    print(f"{name:20} {1e3 * both:.2f} ms, forward {1e3 * forward:.2f} ms")


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for function in [torch.sigmoid, torch.tanh, F.gelu, F.silu, F.elu, F.relu, F.softplus]:
        report(function.__name__, ELEMENTS, function)
    layer = nn.BatchNorm2d(64)
    report("batch norm", IMAGES, layer)
    report("batch norm and relu", IMAGES, lambda x: F.relu(layer(x)))
    report("layer norm", [2048, 256], nn.LayerNorm(256))
    report("group norm", IMAGES, nn.GroupNorm(8, 64))
