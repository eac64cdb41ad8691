"""Polynomials of too low, right and too high a degree (D2L zh 4.4), the PyTorch reference for
crates/01-linear-regression's `polynomial-cubic`, `polynomial-linear` and `polynomial-degree19`.

    python polynomial.py --model polynomial-cubic
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import Data, Preset, UsageError, arguments, main
from lesson import Lesson
from linear_regression import data_set
from training import training

COEFFICIENTS, NOISE_STD = [5.0, 1.2, -3.4, 5.6], 0.1
EXAMPLES = 100  # of each part
# How many of the features 1, x, x²/2!, … the model sees, and for how many epochs.
MODELS = {"polynomial-linear": (2, 400), "polynomial-cubic": (4, 400), "polynomial-degree19": (20, 1500)}


def features(x: Tensor, terms: int) -> Tensor:
    """x^i / i! for i below `terms`: [N, 1] -> [N, terms]."""
    powers = torch.arange(terms)
    return x**powers / torch.tensor([math.factorial(i) for i in range(terms)], dtype=torch.float64)


def synthetic(terms: int) -> tuple[Tensor, Tensor]:
    """Features [N, terms] of x from N(0, 1), and targets [N, 1] of the cubic polynomial with noise."""
    x = torch.randn(EXAMPLES, 1, dtype=torch.float64)
    y = features(x, len(COEFFICIENTS)) @ torch.tensor(COEFFICIENTS, dtype=torch.float64).reshape(-1, 1)
    noise = torch.randn(EXAMPLES, 1, dtype=torch.float64) * NOISE_STD
    return features(x, terms).float(), (y + noise).float()


class Polynomial(nn.Module):
    """y = Σ w_i x^i / i!. No bias: the first feature is 1."""

    def __init__(self, terms: int):
        super().__init__()
        self.linear = nn.Linear(terms, 1, bias=False)  # from U(-1/√terms, 1/√terms)

    def forward(self, x: Tensor) -> Tensor:  # [B, terms] -> [B, 1]
        return self.linear(x)


def weights(model: Polynomial) -> dict[str, float]:
    """What the book prints: the learned w_i."""
    return {f"weight.{i}": value for i, value in enumerate(model.linear.weight.detach().flatten().tolist())}


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder."""
    if (options.implementation, options.preset) != ("concise", "zh"):
        raise UsageError("the book has this section with the library, and in its Chinese edition only")
    terms, epochs = MODELS[options.model]
    preset = Preset("zh 4.4", batch_size=10, learning_rate=0.01, epochs=epochs, train_after=True)
    torch.manual_seed(options.seed)
    data = data or data_set(synthetic(terms), synthetic(terms))
    model = Polynomial(terms)
    optimizer = torch.optim.SGD(model.parameters(), preset.learning_rate)
    lesson = Lesson(data, model, F.mse_loss, optimizer)
    return training("linear-regression", options, preset, lesson, weights, options.model)


if __name__ == "__main__":
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--model", choices=list(MODELS), default="polynomial-cubic")
    main(parser, train)
