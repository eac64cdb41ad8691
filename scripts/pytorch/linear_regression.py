"""Linear regression on synthetic data (D2L zh 3.2 and 3.3, en 3.4 and 3.5), the PyTorch reference for
crates/01-linear-regression.

    python linear_regression.py --implementation scratch --preset zh

The data are drawn from the seed by PyTorch, so they differ from the Rust run's; twin.py trains on those.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import SGD, Data, Preset, arguments, digest, main
from lesson import Lesson
from training import training

TRUE_WEIGHT, TRUE_BIAS, NOISE_STD = [2.0, -3.4], 4.2, 0.01
EXAMPLES = 1000  # of each part; the zh edition has no held-out set, and validating changes nothing for it
PRESETS = {
    ("scratch", "zh"): Preset("zh 3.2", batch_size=10, learning_rate=0.03, epochs=3, train_after=True),
    ("concise", "zh"): Preset("zh 3.3", batch_size=10, learning_rate=0.03, epochs=3, train_after=True),
    ("scratch", "en"): Preset("en 3.4", batch_size=32, learning_rate=0.03, epochs=3, windows=True),
    ("concise", "en"): Preset("en 3.5", batch_size=32, learning_rate=0.03, epochs=3, windows=True),
}


def synthetic(examples: int) -> tuple[Tensor, Tensor]:
    """Features from N(0, 1), targets X w + b + noise: [N, 2] and [N, 1]."""
    features = torch.randn(examples, 2)
    noise = torch.randn(examples, 1) * NOISE_STD
    return features, features @ torch.tensor(TRUE_WEIGHT).reshape(2, 1) + TRUE_BIAS + noise


def data_set(train: tuple[Tensor, Tensor], valid: tuple[Tensor, Tensor]) -> Data:
    """The two parts with the digest that the Rust log gives to the same numbers."""
    parts = [column.numpy().astype("<f4").tobytes() for column in [*train, *valid]]
    return Data("synthetic-regression", "synthetic", train, valid, digest(parts))


def drawn() -> Data:
    """The training examples and a fresh draw of as many for validation."""
    return data_set(synthetic(EXAMPLES), synthetic(EXAMPLES))


class Scratch(nn.Module):
    """By hand: y = x w + b. Both editions draw w from N(0, 0.01²) and start b at zero."""

    def __init__(self, features: int = 2, bias: bool = True):
        super().__init__()
        self.w = nn.Parameter(torch.randn(features, 1) * 0.01)
        self.b = nn.Parameter(torch.zeros(1)) if bias else 0.0

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, 1]
        return x @ self.w + self.b


def half_squared_error(y_hat: Tensor, y: Tensor) -> Tensor:
    """Mean over the batch of (y_hat - y)² / 2. zh 3.2 sums and divides the step by the batch's length: the same."""
    return ((y_hat - y.reshape(y_hat.shape)) ** 2 / 2).mean()


class Concise(nn.Module):
    """With the library; its loss has no 1/2, so each step is twice as large."""

    def __init__(self, preset: str, features: int = 2):
        super().__init__()
        self.linear = nn.Linear(features, 1)  # weight and bias from U(-1/√features, 1/√features)
        if preset == "zh":
            nn.init.normal_(self.linear.weight, std=0.01)
            nn.init.zeros_(self.linear.bias)
        # en 3.5 does the same while its lazy layer has no parameters yet, so it has no effect.

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, 1]
        return self.linear(x)


def errors(model: nn.Module) -> dict[str, float]:
    """True minus estimated parameters."""
    weight, bias = (model.w, model.b) if isinstance(model, Scratch) else (model.linear.weight, model.linear.bias)
    first, second = (torch.tensor(TRUE_WEIGHT) - weight.detach().reshape(2)).tolist()
    return {"error.weight1": first, "error.weight2": second, "error.bias": TRUE_BIAS - bias.item()}


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder."""
    preset = PRESETS[options.implementation, options.preset]
    torch.manual_seed(options.seed)
    data = data or drawn()
    if options.implementation == "scratch":
        model, loss = Scratch(), half_squared_error
        optimizer = SGD(model.parameters(), preset.learning_rate)
    else:
        model, loss = Concise(options.preset), F.mse_loss
        optimizer = torch.optim.SGD(model.parameters(), preset.learning_rate)
    return training("linear-regression", options, preset, Lesson(data, model, loss, optimizer), errors)


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
