"""LeNet on Fashion-MNIST (D2L zh 6.6, en 7.6), the PyTorch reference for crates/04-convolutional's `lenet`.

    python lenet.py --preset en --data-dir ../../data
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import Data, Preset, UsageError, arguments, fashion_mnist, main
from lesson import ACCURACY, Lesson
from training import training

PRESETS = {
    "zh": Preset("zh 6.6", batch_size=256, learning_rate=0.9, epochs=10),
    "en": Preset("en 7.6", batch_size=128, learning_rate=0.1, epochs=10, windows=True),
}


class LeNet(nn.Module):
    """D2L zh 6.6, en 7.6: sigmoid and average pooling."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.dense1 = nn.Linear(400, 120)
        self.dense2 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:  # [B, 1, 28, 28] -> [B, 10]
        h = F.avg_pool2d(torch.sigmoid(self.conv1(x)), kernel_size=2)  # [B, 6, 14, 14]
        h = F.avg_pool2d(torch.sigmoid(self.conv2(h)), kernel_size=2)  # [B, 16, 5, 5]
        h = torch.sigmoid(self.dense1(h.flatten(1)))
        return self.output(torch.sigmoid(self.dense2(h)))


def xavier(module: nn.Module) -> None:
    """The initial values of convolutions and dense layers in both editions: Xavier's weights, PyTorch's own biases.

    en 7.6 and 8.5 set them once the lazy layers know their shapes, so they take effect there too.
    """
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight)


def pictures(data: Data) -> Data:
    """The same data with inputs of [N, 1, 28, 28]."""
    splits = [(inputs.reshape(-1, 1, 28, 28), targets) for inputs, targets in (data.train, data.valid)]
    return Data(data.name, data.source, *splits, data.sha256)


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder. The book has LeNet with the library only."""
    if options.implementation != "concise":
        raise UsageError("--implementation scratch: the book's LeNet is concise only")
    preset = PRESETS[options.preset]
    torch.manual_seed(options.seed)
    data = pictures(data or fashion_mnist(options.data_dir))
    model = LeNet().apply(xavier)
    optimizer = torch.optim.SGD(model.parameters(), preset.learning_rate)
    lesson = Lesson(data, model, F.cross_entropy, optimizer, ACCURACY)
    return training("convolutional", options, preset, lesson, model_name="lenet")


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
