"""LeNet with batch normalisation on Fashion-MNIST (D2L zh 7.5, en 8.5), the PyTorch reference for
crates/04-convolutional's `batchnorm-lenet`.

    python batch_norm_lenet.py --implementation scratch --preset en --data-dir ../../data
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import Data, Preset, arguments, fashion_mnist, main
from lenet import pictures, xavier
from lesson import ACCURACY, Lesson
from training import training

PRESETS = {
    "zh": Preset("zh 7.5", batch_size=256, learning_rate=1.0, epochs=10),
    "en": Preset("en 8.5", batch_size=128, learning_rate=0.1, epochs=10, windows=True),
}
EPSILON, RUNNING_UPDATE = 1e-5, 0.1


class BatchNorm(nn.Module):
    """By hand. The running variance takes in the batch's biased variance (over n), where PyTorch's takes that over
    n - 1."""

    def __init__(self, features: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:  # [B, D] or [B, C, H, W] to the same
        over = [axis for axis in range(x.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(x.dim())]
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean = x.mean(dim=over)
            variance = ((x - mean.reshape(shape)) ** 2).mean(dim=over)
            for running, batch in [(self.running_mean, mean), (self.running_var, variance)]:
                running.mul_(1 - RUNNING_UPDATE).add_(RUNNING_UPDATE * batch.detach())
        x_hat = (x - mean.reshape(shape)) / torch.sqrt(variance.reshape(shape) + EPSILON)
        return self.weight.reshape(shape) * x_hat + self.bias.reshape(shape)


class BatchNormLeNet(nn.Module):
    """Convolution or dense layer, batch norm, sigmoid; no padding. The layers are the library's in both; only the
    normalisation is by hand in scratch."""

    def __init__(self, implementation: str):
        super().__init__()
        by_hand = implementation == "scratch"
        planes, units = (BatchNorm, BatchNorm) if by_hand else (nn.BatchNorm2d, nn.BatchNorm1d)
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5)
        self.norm1 = planes(6)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.norm2 = planes(16)
        self.dense1 = nn.Linear(256, 120)
        self.norm3 = units(120)
        self.dense2 = nn.Linear(120, 84)
        self.norm4 = units(84)
        self.output = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:  # [B, 1, 28, 28] -> [B, 10]
        h = F.avg_pool2d(torch.sigmoid(self.norm1(self.conv1(x))), kernel_size=2)  # [B, 6, 12, 12]
        h = F.avg_pool2d(torch.sigmoid(self.norm2(self.conv2(h))), kernel_size=2)  # [B, 16, 4, 4]
        h = torch.sigmoid(self.norm3(self.dense1(h.flatten(1))))
        return self.output(torch.sigmoid(self.norm4(self.dense2(h))))


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder."""
    preset = PRESETS[options.preset]
    torch.manual_seed(options.seed)
    data = pictures(data or fashion_mnist(options.data_dir))
    model = BatchNormLeNet(options.implementation).apply(xavier)
    optimizer = torch.optim.SGD(model.parameters(), preset.learning_rate)
    lesson = Lesson(data, model, F.cross_entropy, optimizer, ACCURACY)
    return training("convolutional", options, preset, lesson, model_name="batchnorm-lenet")


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
