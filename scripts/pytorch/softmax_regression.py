"""Softmax regression on Fashion-MNIST (D2L zh 3.6 and 3.7, en 4.4 and 4.5), the PyTorch reference for
crates/02-softmax-regression.

    python softmax_regression.py --implementation concise --preset en --data-dir ../../data
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import SGD, Data, Preset, arguments, fashion_mnist, main
from lesson import ACCURACY, Lesson
from training import training

PIXELS, CLASSES = 784, 10
PRESETS = {
    ("scratch", "zh"): Preset("zh 3.6", batch_size=256, learning_rate=0.1, epochs=10),
    ("concise", "zh"): Preset("zh 3.7", batch_size=256, learning_rate=0.1, epochs=10),
    ("scratch", "en"): Preset("en 4.4", batch_size=256, learning_rate=0.1, epochs=10, windows=True),
    ("concise", "en"): Preset("en 4.5", batch_size=256, learning_rate=0.1, epochs=10, windows=True),
}


class Scratch(nn.Module):
    """By hand: y = softmax(x w + b). Both editions draw w from N(0, 0.01²) and start b at zero."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(PIXELS, CLASSES) * 0.01)
        self.b = nn.Parameter(torch.zeros(CLASSES))

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, K], probabilities
        exponentials = torch.exp(x @ self.w + self.b)
        return exponentials / exponentials.sum(dim=1, keepdim=True)


def cross_entropy(y_hat: Tensor, y: Tensor) -> Tensor:
    """Mean over the batch of -log of the probability, [B, K], given to the right class, [B]."""
    return -torch.log(y_hat[torch.arange(len(y)), y]).mean()


class Concise(nn.Module):
    """With the library: logits; the softmax is in the loss."""

    def __init__(self, preset: str):
        super().__init__()
        self.linear = nn.Linear(PIXELS, CLASSES)  # weight and bias from U(-1/28, 1/28)
        if preset == "zh":  # zh 3.7 sets the weights, not the bias; en 4.5 keeps PyTorch's own initial values
            nn.init.normal_(self.linear.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, K]
        return self.linear(x)


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder."""
    preset = PRESETS[options.implementation, options.preset]
    torch.manual_seed(options.seed)
    data = data or fashion_mnist(options.data_dir)
    if options.implementation == "scratch":
        model, loss = Scratch(), cross_entropy
        optimizer = SGD(model.parameters(), preset.learning_rate)
    else:
        model, loss = Concise(options.preset), F.cross_entropy
        optimizer = torch.optim.SGD(model.parameters(), preset.learning_rate)
    return training("softmax-regression", options, preset, Lesson(data, model, loss, optimizer, ACCURACY))


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
