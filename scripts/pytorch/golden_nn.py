"""Golden numbers of crates/d2l-nn: what PyTorch computes from tensors that the Rust tests make themselves.

    python golden_nn.py        writes ../../crates/d2l-nn/tests/golden.json

Tensors come from the integer hash that golden_models.py describes. All is computed in f64 and stored in full.
The file holds

    losses       value and gradients of the losses, by case
    steps        the parameters `weight` [5, 3] (salt 2, scale 1) and `bias` [3] (salt 3, scale 1) after three steps of
                 each optimizer. The gradients of step t = 0, 1, 2 are the filler with salts 10 + 2 t (weight) and
                 11 + 2 t (bias), scale 1; in the cases `… skipped` the bias has none at t = 1
    schedules    learning rates of 12 epochs, from 0.5, by the name that d2l_nn::Schedule parses
    clipping     norm and clipped gradients of [4, 3] (salt 20, scale 2) and [7] (salt 21, scale 2)
    initial      largest absolute value and standard deviation of weight and bias of a linear layer from 784 to 256, by
                 the name that d2l_nn::Initializer parses; means over SEEDS draws
    filled       the first values of the filler itself
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LinearLR, MultiStepLR, StepLR

from golden_models import filled, hashes
from reference import write_json

TARGET = Path(__file__).resolve().parents[2] / "crates" / "d2l-nn" / "tests" / "golden.json"
STEPS, EPOCHS, SEEDS = 3, 12, 20
RATE = 0.1


def flat(tensor: Tensor) -> list[float]:
    return tensor.detach().flatten().tolist()


def cross_entropy(batch: int, classes: int, scale: float) -> dict:
    """Logits [batch, classes] of salt 1; classes of salt 99. The gradient is that of 3 times the loss."""
    logits = filled([batch, classes], 1, scale).requires_grad_()
    targets = torch.from_numpy(hashes(batch, 99).astype("int64") % classes)
    loss = F.cross_entropy(logits, targets)
    (3 * loss).backward()
    return {"batch": batch, "classes": classes, "scale": scale, "loss": loss.item(), "gradient": flat(logits.grad)}


def mse() -> dict:
    """Predictions [6, 2] of salt 4 and targets of salt 5, both of scale 2."""
    prediction, target = filled([6, 2], 4, 2.0).requires_grad_(), filled([6, 2], 5, 2.0).requires_grad_()
    loss = F.mse_loss(prediction, target)
    loss.backward()
    return {"loss": loss.item(), "prediction": flat(prediction.grad), "target": flat(target.grad)}


def three_steps(make, skip: bool = False) -> dict:
    """Both parameters after three steps of `make(weight, bias)`."""
    weight, bias = nn.Parameter(filled([5, 3], 2, 1.0)), nn.Parameter(filled([3], 3, 1.0))
    optimizer: Optimizer = make(weight, bias)
    for t in range(STEPS):
        weight.grad = filled([5, 3], 10 + 2 * t, 1.0)
        bias.grad = None if skip and t == 1 else filled([3], 11 + 2 * t, 1.0)
        optimizer.step()
    return {"weight": flat(weight), "bias": flat(bias)}


def groups(weight: Tensor, bias: Tensor) -> list[dict]:
    """The bias with ten times the learning rate and without the weight's decay."""
    return [
        {"params": [weight], "lr": RATE, "weight_decay": 0.01},
        {"params": [bias], "lr": 10 * RATE, "weight_decay": 0.0},
    ]


def steps() -> dict:
    one = lambda rule, **settings: lambda weight, bias: rule([weight, bias], lr=RATE, **settings)
    two = lambda rule, **settings: lambda weight, bias: rule(groups(weight, bias), **settings)
    return {
        "sgd": three_steps(one(SGD)),
        "sgd decay": three_steps(one(SGD, weight_decay=0.1)),
        "sgd momentum": three_steps(one(SGD, momentum=0.9, weight_decay=0.1)),
        "sgd nesterov": three_steps(one(SGD, momentum=0.9, nesterov=True, weight_decay=0.1)),
        "sgd momentum groups": three_steps(two(SGD, momentum=0.9)),
        "sgd momentum skipped": three_steps(one(SGD, momentum=0.9, weight_decay=0.1), skip=True),
        "adam": three_steps(one(Adam)),
        "adam decay": three_steps(one(Adam, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.1)),
        "adam groups": three_steps(two(Adam)),
        "adam skipped": three_steps(one(Adam, weight_decay=0.1), skip=True),
        "adamw": three_steps(one(AdamW, weight_decay=0.1)),
        "adamw groups": three_steps(two(AdamW)),
    }


def schedules() -> dict:
    def rates(make) -> list[float]:
        optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
        scheduler = make(optimizer)
        found = []
        for _ in range(EPOCHS):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return found

    return {
        "step:every=5,factor=0.3": rates(lambda o: StepLR(o, 5, 0.3)),
        "multi-step:at=2+7,factor=0.5": rates(lambda o: MultiStepLR(o, [2, 7], 0.5)),
        "exponential:factor=0.8": rates(lambda o: ExponentialLR(o, 0.8)),
        "cosine:epochs=11,end=0.01": rates(lambda o: CosineAnnealingLR(o, 11, 0.01)),
        "warm-up:epochs=4,start=0.1": rates(lambda o: LinearLR(o, start_factor=0.2, total_iters=4)),
    }


def clipping() -> dict:
    def clipped(clip) -> tuple[float, list[list[float]]]:
        parameters = [nn.Parameter(torch.zeros(4, 3).double()), nn.Parameter(torch.zeros(7).double())]
        for salt, parameter in enumerate(parameters, 20):
            parameter.grad = filled(list(parameter.shape), salt, 2.0)
        norm = clip(parameters)
        return norm, [flat(parameter.grad) for parameter in parameters]

    norm, by_norm = clipped(lambda parameters: nn.utils.clip_grad_norm_(parameters, 0.5))
    _, by_value = clipped(lambda parameters: nn.utils.clip_grad_value_(parameters, 0.25))
    return {"norm": norm.item(), "by_norm": by_norm, "by_value": by_value}


def initial() -> dict:
    def moments(change) -> dict:
        found = {}
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            layer = nn.Linear(784, 256).double()
            change(layer)
            for name, parameter in layer.named_parameters():
                values = (parameter.abs().max().item(), parameter.std(correction=0).item())
                found.setdefault(name, []).append(values)
        mean = lambda values: sum(values) / len(values)
        return {
            name: {"largest": mean([one[0] for one in values]), "std": mean([one[1] for one in values])}
            for name, values in found.items()
        }

    def normal_zero_bias(layer: nn.Linear) -> None:
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)

    def zeros(layer: nn.Linear) -> None:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)

    return {
        "pytorch": moments(lambda layer: None),
        "normal:0.01": moments(lambda layer: nn.init.normal_(layer.weight, std=0.01)),
        "normal:0.01,zero-bias": moments(normal_zero_bias),
        "xavier": moments(lambda layer: nn.init.xavier_uniform_(layer.weight)),
        "kaiming": moments(lambda layer: nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")),
        "zeros": moments(zeros),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    write_json(
        TARGET,
        {
            "about": "Made by scripts/pytorch/golden_nn.py, which says what everything here means.",
            "torch": torch.__version__,
            "losses": {
                "cross entropy": cross_entropy(4, 5, 8.0),
                "cross entropy, batch of one": cross_entropy(1, 3, 2.0),
                "cross entropy, extreme": cross_entropy(6, 4, 2e4),
                "cross entropy, equal logits": cross_entropy(3, 7, 0.0),
                "mse": mse(),
            },
            "steps": steps(),
            "schedules": schedules(),
            "clipping": clipping(),
            "initial": initial(),
            "filled": flat(filled([5], 1, 2.0)),
        },
    )
    print(f"wrote {TARGET}")
