"""Weight decay on 20 examples of 200 features (D2L zh 4.5, en 3.7), the PyTorch reference for
crates/01-linear-regression's `weight-decay-lambda0` and `weight-decay-lambda3`.

    python weight_decay.py --model weight-decay-lambda3 --implementation concise --preset zh
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import SGD, Data, Preset, arguments, main
from lesson import Lesson
from linear_regression import data_set, half_squared_error
from training import training

FEATURES, TRUE_WEIGHT, TRUE_BIAS, NOISE_STD = 200, 0.01, 0.05, 0.01
TRAIN, VALID = 20, 100
LAMBDAS = {"weight-decay-lambda0": 0.0, "weight-decay-lambda3": 3.0}


def settings(edition: str, weight_decay: float) -> Preset:
    """Both implementations of an edition train with the same numbers."""
    shared = dict(batch_size=5, weight_decay=weight_decay)
    if edition == "zh":
        return Preset("zh 4.5", learning_rate=0.003, epochs=100, train_after=True, **shared)
    return Preset("en 3.7", learning_rate=0.01, epochs=10, windows=True, **shared)


def synthetic(examples: int) -> tuple[Tensor, Tensor]:
    """Features from N(0, 1), [N, 200], and targets 0.01 Σ x + 0.05 + noise, [N, 1]."""
    features = torch.randn(examples, FEATURES)
    noise = torch.randn(examples, 1) * NOISE_STD
    return features, features.sum(dim=1, keepdim=True) * TRUE_WEIGHT + TRUE_BIAS + noise


def l2_penalty(w: Tensor) -> Tensor:
    """Half the squared norm."""
    return (w**2).sum() / 2


class Scratch(nn.Module):
    """By hand: y = x w + b. zh draws w from N(0, 1), en from N(0, 0.01²); b starts at zero."""

    def __init__(self, preset: str):
        super().__init__()
        self.w = nn.Parameter(torch.randn(FEATURES, 1) * {"zh": 1.0, "en": 0.01}[preset])
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, 1]
        return x @ self.w + self.b


class Concise(nn.Module):
    """With the library."""

    def __init__(self, preset: str):
        super().__init__()
        self.linear = nn.Linear(FEATURES, 1)
        if preset == "zh":  # the bias too; en keeps PyTorch's own U(-1/√200, 1/√200)
            for parameter in self.linear.parameters():
                nn.init.normal_(parameter)

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, 1]
        return self.linear(x)


def decaying_sgd(model: Concise, learning_rate: float, weight_decay: float) -> torch.optim.SGD:
    """The library's SGD, which decays the weight and not the bias."""
    groups = [{"params": model.linear.weight, "weight_decay": weight_decay}, {"params": model.linear.bias}]
    return torch.optim.SGD(groups, learning_rate)


@torch.no_grad()
def norms(model: nn.Module) -> dict[str, float]:
    """The numbers that the editions print: zh the norm of the weight, en its own."""
    weight = model.w if isinstance(model, Scratch) else model.linear.weight
    return {"norm.weight": weight.norm().item(), "l2_penalty": l2_penalty(weight).item()}


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder."""
    preset = settings(options.preset, LAMBDAS[options.model])
    torch.manual_seed(options.seed)
    data = data or data_set(synthetic(TRAIN), synthetic(VALID))
    if options.implementation == "scratch":
        model = Scratch(options.preset)
        loss = lambda y_hat, y: half_squared_error(y_hat, y) + preset.weight_decay * l2_penalty(model.w)
        # zh evaluates the squared error alone; en's validation loss includes the penalty.
        evaluation_loss = half_squared_error if options.preset == "zh" else loss
        optimizer = SGD(model.parameters(), preset.learning_rate)
    else:
        model = Concise(options.preset)
        loss = evaluation_loss = F.mse_loss
        optimizer = decaying_sgd(model, preset.learning_rate, preset.weight_decay)
    lesson = Lesson(data, model, loss, optimizer, evaluation_loss=evaluation_loss)
    return training("linear-regression", options, preset, lesson, norms, options.model)


if __name__ == "__main__":
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--model", choices=list(LAMBDAS), default="weight-decay-lambda3")
    main(parser, train)
