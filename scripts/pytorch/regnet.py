"""RegNetX-32: the PyTorch reference for crates/04-convolutional/src/regnet.rs."""

import torch.nn.functional as F
from torch import Tensor, nn

STEM, GROUP_WIDTH = 32, 16
STAGES = ((4, 32), (6, 80))  # blocks, channels


class Normed(nn.Module):
    """A convolution and its batch normalisation."""

    def __init__(self, *args, **settings):
        super().__init__()
        self.conv = nn.Conv2d(*args, **settings)
        self.norm = nn.BatchNorm2d(self.conv.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Block(nn.Module):
    """A ResNeXt block. Xie et al. 2017, arXiv:1611.05431."""

    def __init__(self, before: int, channels: int, stride: int):
        super().__init__()
        self.first = Normed(before, channels, 1)
        self.second = Normed(channels, channels, 3, stride, 1, groups=channels // GROUP_WIDTH)
        self.third = Normed(channels, channels, 1)
        changes = stride != 1 or before != channels
        self.shortcut = Normed(before, channels, 1, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.third(F.relu(self.second(F.relu(self.first(x)))))
        return F.relu(h + (x if self.shortcut is None else self.shortcut(x)))


class RegNet(nn.Module):
    """D2L en 8.8; Radosavovic et al. 2020, arXiv:2003.13678."""

    def __init__(self, channels_in: int):
        super().__init__()
        self.stem = Normed(channels_in, STEM, 3, 2, 1)
        before = STEM
        for number, (blocks, channels) in enumerate(STAGES, 1):
            widths = [before] + [channels] * blocks
            stage = (Block(a, b, 2 if i == 0 else 1) for i, (a, b) in enumerate(zip(widths, widths[1:])))
            self.add_module(f"stage{number}", nn.Sequential(*stage))
            before = channels
        self.output = nn.Linear(before, 10)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, H, W] -> [B, 10]
        return self.output(self.stage2(self.stage1(F.relu(self.stem(x)))).mean(dim=(2, 3)))
