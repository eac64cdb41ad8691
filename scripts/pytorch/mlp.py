"""A multilayer perceptron on Fashion-MNIST (D2L zh 4.2 and 4.3, en 5.2), the PyTorch reference for crates/03-mlp.

    python mlp.py --implementation concise --preset en --data-dir ../../data
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import SGD, Data, Preset, arguments, fashion_mnist, main
from lesson import ACCURACY, Lesson
from training import training

PIXELS, HIDDENS, CLASSES = 784, 256, 10
PRESETS = {
    ("scratch", "zh"): Preset("zh 4.2", batch_size=256, learning_rate=0.1, epochs=10),
    ("concise", "zh"): Preset("zh 4.3", batch_size=256, learning_rate=0.1, epochs=10),
    ("scratch", "en"): Preset("en 5.2", batch_size=256, learning_rate=0.1, epochs=10, windows=True),
    ("concise", "en"): Preset("en 5.2", batch_size=256, learning_rate=0.1, epochs=10, windows=True),
}


class Scratch(nn.Module):
    """By hand: h = relu(x w1 + b1), o = h w2 + b2. Both editions draw from N(0, 0.01²) and start biases at zero."""

    def __init__(self):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(PIXELS, HIDDENS) * 0.01)
        self.b1 = nn.Parameter(torch.zeros(HIDDENS))
        self.w2 = nn.Parameter(torch.randn(HIDDENS, CLASSES) * 0.01)
        self.b2 = nn.Parameter(torch.zeros(CLASSES))

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, K]
        h = torch.maximum(x @ self.w1 + self.b1, torch.zeros(()))  # [B, H]
        return h @ self.w2 + self.b2


class Mlp(nn.Module):
    """Dense layers of these widths, with an activation behind each but the last: `hidden`, or `hidden1`, `hidden2`, …,
    and `output`.
    """

    def __init__(self, widths: list[int], activation=F.relu):
        super().__init__()
        self.activation, self.names = activation, []
        *below, last, outputs = widths
        for number, (inputs, units) in enumerate(zip(below, widths[1:]), start=1):
            self.names.append("hidden" if len(below) == 1 else f"hidden{number}")
            self.add_module(self.names[-1], nn.Linear(inputs, units))
        self.output = nn.Linear(last, outputs)

    def forward(self, x: Tensor) -> Tensor:  # [B, D] -> [B, K]
        for name in self.names:
            x = self.activation(self.get_submodule(name)(x))
        return self.output(x)


class Concise(Mlp):
    """With the library."""

    def __init__(self, preset: str):
        super().__init__([PIXELS, HIDDENS, CLASSES])  # from U(-1/28, 1/28), then from U(-1/16, 1/16), biases too
        if preset == "zh":  # zh 4.3 sets the weights, not the biases; en 5.2 keeps PyTorch's own initial values
            nn.init.normal_(self.hidden.weight, std=0.01)
            nn.init.normal_(self.output.weight, std=0.01)


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder. Both implementations use the library's cross entropy, as the book does."""
    preset = PRESETS[options.implementation, options.preset]
    torch.manual_seed(options.seed)
    data = data or fashion_mnist(options.data_dir)
    if options.implementation == "scratch":
        model = Scratch()
        optimizer = SGD(model.parameters(), preset.learning_rate)
    else:
        model = Concise(options.preset)
        optimizer = torch.optim.SGD(model.parameters(), preset.learning_rate)
    return training("mlp", options, preset, Lesson(data, model, F.cross_entropy, optimizer, ACCURACY))


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
