"""Golden numbers of d2l-nn's further optimizers and schedules: what PyTorch computes, as in golden_nn.py.

    python golden_optimizers.py        writes ../../crates/d2l-nn/tests/golden/optimizers.json

The file holds

    steps        as in golden_nn.py, after five steps. Yogi, which PyTorch has not, is the book's code in numpy
    schedules    learning rates of 12 epochs, from 0.5, by the name that d2l_nn::Schedule parses
"""

import numpy as np
import torch
from torch import nn
from torch.optim import SGD, Adadelta, Adagrad, RMSprop
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)

from golden_models import filled
from golden_nn import EPOCHS, RATE, TARGET, groups, three_steps
import golden_nn
from reference import write_json

golden_nn.STEPS = 5
WARM_UP = 4


def yogi(betas=(0.9, 0.999), eps=1e-3, weight_decay=0.0) -> dict:
    """D2L zh 11.10.3, en 12.10.3, with weight decay added to the gradient."""
    found = {}
    for name, shape, salt in [("weight", [5, 3], 2), ("bias", [3], 3)]:
        p = filled(shape, salt, 1.0).numpy()
        v, s = np.zeros_like(p), np.zeros_like(p)
        for t in range(1, golden_nn.STEPS + 1):
            g = filled(shape, 8 + salt - 2 + 2 * t, 1.0).numpy() + weight_decay * p
            v = betas[0] * v + (1 - betas[0]) * g
            s = s + (1 - betas[1]) * np.sign(np.square(g) - s) * np.square(g)
            p = p - RATE * (v / (1 - betas[0] ** t)) / (np.sqrt(s / (1 - betas[1] ** t)) + eps)
        found[name] = p.flatten().tolist()
    return found


def steps() -> dict:
    one = lambda rule, **settings: lambda weight, bias: rule([weight, bias], lr=RATE, **settings)
    two = lambda rule, **settings: lambda weight, bias: rule(groups(weight, bias), **settings)
    return {
        "adagrad": three_steps(one(Adagrad)),
        "adagrad decay": three_steps(one(Adagrad, eps=1e-3, weight_decay=0.1)),
        "adagrad groups": three_steps(two(Adagrad)),
        "rmsprop": three_steps(one(RMSprop, weight_decay=0.1)),
        "rmsprop skipped": three_steps(one(RMSprop, weight_decay=0.1), skip=True),
        "rmsprop momentum": three_steps(one(RMSprop, alpha=0.9, momentum=0.8)),
        "rmsprop centered": three_steps(one(RMSprop, alpha=0.9, centered=True)),
        "rmsprop all": three_steps(two(RMSprop, alpha=0.9, momentum=0.8, centered=True, eps=1e-3)),
        "adadelta": three_steps(one(Adadelta)),
        "adadelta decay": three_steps(one(Adadelta, rho=0.8, eps=1e-3, weight_decay=0.1)),
        "adadelta groups": three_steps(two(Adadelta)),
        "yogi": yogi(),
        "yogi decay": yogi(betas=(0.8, 0.9), eps=1e-2, weight_decay=0.1),
    }


def schedules() -> dict:
    def rates(make) -> list[float]:
        optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=0.5, momentum=0.9)
        scheduler: LRScheduler = make(optimizer)
        found = []
        for epoch in range(EPOCHS):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if epoch + 1 < EPOCHS:
                scheduler.step()
        return found

    def after_warm_up(make):
        """A line from 0.1 in WARM_UP epochs, then the schedule from its beginning."""
        warm_up = lambda o: LinearLR(o, start_factor=0.2, total_iters=WARM_UP)
        return lambda o: SequentialLR(o, [warm_up(o), make(o)], [WARM_UP])

    square_root = lambda o: LambdaLR(o, lambda t: (t + 1) ** -0.5)
    return {
        "square-root": rates(square_root),
        "inverse-power:rate=0.1,power=0.7": rates(lambda o: LambdaLR(o, lambda t: (0.1 * t + 1) ** -0.7)),
        "polynomial:power=0.9": rates(lambda o: PolynomialLR(o, EPOCHS, 0.9)),
        "polynomial:power=2,epochs=7": rates(lambda o: PolynomialLR(o, 7, 2.0)),
        "one-cycle": rates(lambda o: OneCycleLR(o, 0.5, total_steps=EPOCHS)),
        "one-cycle:rise=0.5,start-divisor=5,end-divisor=100": rates(
            lambda o: OneCycleLR(o, 0.5, total_steps=EPOCHS, pct_start=0.5, div_factor=5, final_div_factor=100)
        ),
        "constant:warm-up=4,start=0.1": rates(after_warm_up(lambda o: LambdaLR(o, lambda t: 1.0))),
        "square-root:warm-up=4,start=0.1": rates(after_warm_up(square_root)),
        "exponential:factor=0.8,warm-up=4,start=0.1": rates(after_warm_up(lambda o: ExponentialLR(o, 0.8))),
        "step:every=3,factor=0.3,warm-up=4,start=0.1": rates(after_warm_up(lambda o: StepLR(o, 3, 0.3))),
        "multi-step:at=6+9,factor=0.3,warm-up=4,start=0.1": rates(after_warm_up(lambda o: MultiStepLR(o, [2, 5], 0.3))),
        "cosine:end=0.01,warm-up=4,start=0.1": rates(after_warm_up(lambda o: CosineAnnealingLR(o, 8, 0.01))),
        "polynomial:power=2,warm-up=4,start=0.1": rates(after_warm_up(lambda o: PolynomialLR(o, 8, 2.0))),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = TARGET.parent / "golden" / "optimizers.json"
    write_json(
        target,
        {
            "about": "Made by scripts/pytorch/golden_optimizers.py, which says what everything here means.",
            "torch": torch.__version__,
            "steps": steps(),
            "schedules": schedules(),
        },
    )
    print(f"wrote {target}")
