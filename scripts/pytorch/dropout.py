"""A multilayer perceptron with dropout on Fashion-MNIST (D2L zh 4.6, en 5.6), the PyTorch reference for crates/03-mlp's
`dropout`.

    python dropout.py --implementation concise --preset en --data-dir ../../data
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import SGD, Data, Preset, arguments, fashion_mnist, main
from lesson import ACCURACY, Lesson
from training import training

PIXELS, HIDDENS, CLASSES = 784, 256, 10
PROBABILITIES = {"zh": (0.2, 0.5), "en": (0.5, 0.5)}  # after the first and the second hidden layer
PRESETS = {
    ("scratch", "zh"): Preset("zh 4.6", batch_size=256, learning_rate=0.5, epochs=10),
    ("concise", "zh"): Preset("zh 4.6", batch_size=256, learning_rate=0.5, epochs=10),
    ("scratch", "en"): Preset("en 5.6", batch_size=256, learning_rate=0.1, epochs=10, windows=True),
    ("concise", "en"): Preset("en 5.6", batch_size=256, learning_rate=0.1, epochs=10, windows=True),
}


class Dropout(nn.Dropout):
    """By hand: in training each element becomes 0 with probability p, and the others x / (1 - p)."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        mask = (torch.rand(x.shape) > self.p).float()
        return mask * x / (1 - self.p)


class Scratch(nn.Module):
    """By hand. Both editions start from PyTorch's own initial values, U(-1/√fan_in, 1/√fan_in), biases too."""

    def __init__(self, probabilities: tuple[float, float]):
        super().__init__()
        self.dropout1, self.dropout2 = (Dropout(p) for p in probabilities)
        uniform = lambda fan_in, *shape: nn.Parameter((2 * torch.rand(shape) - 1) / fan_in**0.5)
        self.w1, self.b1 = uniform(PIXELS, PIXELS, HIDDENS), uniform(PIXELS, HIDDENS)
        self.w2, self.b2 = uniform(HIDDENS, HIDDENS, HIDDENS), uniform(HIDDENS, HIDDENS)
        self.w3, self.b3 = uniform(HIDDENS, HIDDENS, CLASSES), uniform(HIDDENS, CLASSES)

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, K]
        h1 = self.dropout1(torch.maximum(x @ self.w1 + self.b1, torch.zeros(())))  # [B, H]
        h2 = self.dropout2(torch.maximum(h1 @ self.w2 + self.b2, torch.zeros(())))
        return h2 @ self.w3 + self.b3


class Concise(nn.Module):
    """With the library."""

    def __init__(self, preset: str, probabilities: tuple[float, float]):
        super().__init__()
        self.hidden1 = nn.Linear(PIXELS, HIDDENS)
        self.hidden2 = nn.Linear(HIDDENS, HIDDENS)
        self.output = nn.Linear(HIDDENS, CLASSES)
        self.dropout1, self.dropout2 = (nn.Dropout(p) for p in probabilities)
        if preset == "zh":  # zh 4.6 sets the weights, not the biases; en 5.6 keeps PyTorch's own initial values
            for layer in (self.hidden1, self.hidden2, self.output):
                nn.init.normal_(layer.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, K]
        h1 = self.dropout1(F.relu(self.hidden1(x)))  # [B, H]
        h2 = self.dropout2(F.relu(self.hidden2(h1)))
        return self.output(h2)


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder. Both implementations use the library's cross entropy, as the book does."""
    preset, probabilities = PRESETS[options.implementation, options.preset], PROBABILITIES[options.preset]
    torch.manual_seed(options.seed)
    data = data or fashion_mnist(options.data_dir)
    if options.implementation == "scratch":
        model = Scratch(probabilities)
        optimizer = SGD(model.parameters(), preset.learning_rate)
    else:
        model = Concise(options.preset, probabilities)
        optimizer = torch.optim.SGD(model.parameters(), preset.learning_rate)
    lesson = Lesson(data, model, F.cross_entropy, optimizer, ACCURACY)
    return training("mlp", options, preset, lesson, model_name="dropout")


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
