"""Milliseconds of one step of PyTorch's optimizers over ten million parameters, f32, in ten tensors.

    python bench_optimizers.py [THREADS]

The twin of crates/d2l-nn/benches/optimizers.rs. Prints the fastest and the median of STEPS steps. `foreach` is
PyTorch's multi-tensor version, `fused` its one-pass kernel, `loop` its plain version.
"""

import statistics
import sys
import time

import torch
from torch.optim import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop

TENSORS, SHAPE, RATE, DECAY, STEPS, WARM_UP = 10, (1000, 1000), 1e-3, 0.01, 50, 5
FOREACH, LOOP = {"foreach": True}, {"foreach": False}

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)


def measure(name: str, rule, **settings) -> None:
    parameters = [torch.nn.Parameter(torch.rand(SHAPE)) for _ in range(TENSORS)]
    for parameter in parameters:
        parameter.grad = torch.rand(SHAPE)
    optimizer = rule(parameters, lr=RATE, weight_decay=DECAY, **settings)
    times = []
    for step in range(WARM_UP + STEPS):
        began = time.perf_counter()
        optimizer.step()
        if step >= WARM_UP:
            times.append(1e3 * (time.perf_counter() - began))
    print(f"{name:28} fastest {min(times):8.2f}  median {statistics.median(times):8.2f}")


measure("sgd fused", SGD, fused=True)
measure("sgd momentum fused", SGD, momentum=0.9, fused=True)
measure("adagrad fused", Adagrad, fused=True)
measure("rmsprop foreach", RMSprop, alpha=0.9, **FOREACH)
measure("rmsprop loop", RMSprop, alpha=0.9, **LOOP)
measure("rmsprop centered momentum", RMSprop, alpha=0.9, momentum=0.9, centered=True, **FOREACH)
measure("adadelta foreach", Adadelta, **FOREACH)
measure("adam fused", Adam, fused=True)
measure("adamw foreach", AdamW, **FOREACH)
measure("adamw loop", AdamW, **LOOP)
measure("adamw fused", AdamW, fused=True)
