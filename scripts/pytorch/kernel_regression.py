"""Nadaraya-Watson kernel regression with a learned width (D2L zh 10.2), the PyTorch reference of `kernel-regression` in
crates/06-attention.

    python kernel_regression.py --implementation scratch --preset zh

The data are drawn from the seed, so they are other numbers than the Rust run's.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from common import SGD, Data, Preset, UsageError, arguments, digest, main
from lesson import Lesson
from training import training

EXAMPLES, LARGEST_INPUT, NOISE_STD = 50, 5.0, 0.5
# The book takes all examples at once, so that an epoch is one step and its loss is the one before that step.
PRESETS = {"zh": Preset("zh 10.2", batch_size=EXAMPLES, learning_rate=0.5, epochs=5)}


def drawn() -> Data:
    """Points of y = 2 sin(x) + x^0.8 + noise, x sorted: each one's keys and values are all other points."""
    x, _ = torch.sort(torch.rand(EXAMPLES) * LARGEST_INPUT)
    y = 2 * torch.sin(x) + x**0.8 + torch.randn(EXAMPLES) * NOISE_STD
    sha256 = digest([column.numpy().astype("<f4").tobytes() for column in (x, y)])
    return Data("kernel-regression", "synthetic", ((x, others(x), others(y)), y), None, sha256)


def others(values: Tensor) -> Tensor:
    """Row i has all values but the i-th. [N] -> [N, N - 1]"""
    n = len(values)
    return values.repeat(n, 1)[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1)


class KernelRegression(nn.Module):
    """The mean of the values, weighted by softmax(-((query - key) w)² / 2): a Gaussian of width 1 / w. zh 10.2.4"""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.rand(1))

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:  # [B], [B, T], [B, T] -> [B]
        scores = -(((queries[:, None] - keys) * self.w) ** 2) / 2
        return (torch.softmax(scores, dim=1) * values).sum(dim=1)


def squared_error(y_hat: Tensor, y: Tensor) -> Tensor:
    """The sum over the points."""
    return ((y_hat - y) ** 2).sum()


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder. Only the Chinese edition learns the width, by hand."""
    if (options.implementation, options.preset) != ("scratch", "zh"):
        raise UsageError("kernel regression: wanted --implementation scratch --preset zh")
    preset = PRESETS[options.preset]
    torch.manual_seed(options.seed)
    data = data or drawn()
    model = KernelRegression()
    optimizer = SGD(model.parameters(), preset.learning_rate)
    lesson = Lesson(data, model, squared_error, optimizer)
    return training("attention", options, preset, lesson, model_name="kernel-regression")


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
