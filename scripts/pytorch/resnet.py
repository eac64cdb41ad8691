"""ResNet-18: the PyTorch reference for crates/04-convolutional/src/resnet.rs."""

import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut, 1x1 if the shape changes. He et al. 2016, arXiv:1512.03385."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, stride=stride)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, kernel_size=3, padding=1)
        self.norm2 = nn.BatchNorm2d(channels_out)
        changes = stride != 1 or channels_in != channels_out
        self.shortcut = nn.Conv2d(channels_in, channels_out, kernel_size=1, stride=stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(h + (x if self.shortcut is None else self.shortcut(x)))


class ResNet18(nn.Module):
    """D2L zh 7.6, en 8.6: the 7x7 stem, four stages of two blocks; convolutions have biases, as the book's have."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3)
        self.norm = nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        self.stages = nn.Sequential(
            *(
                nn.Sequential(Residual(before, after, 1 if before == after else 2), Residual(after, after, 1))
                for before, after in zip(widths, widths[1:])
            )
        )
        self.output = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, side, side] -> [B, 10]
        h = F.max_pool2d(F.relu(self.norm(self.conv(x))), kernel_size=3, stride=2, padding=1)
        return self.output(self.stages(h).mean(dim=(2, 3)))
