"""DenseNet: the PyTorch reference for crates/04-convolutional/src/densenet.rs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEM, GROWTH, CONVOLUTIONS = 64, 32, 4


class Layer(nn.Module):
    """Batch normalisation and ReLU, then a convolution. Huang et al. 2017, arXiv:1608.06993."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels_in)
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.relu(self.norm(x)))


class DenseNet(nn.Module):
    """D2L zh 7.7, en 8.7, with the given number of blocks."""

    def __init__(self, blocks: int, channels_in: int):
        super().__init__()
        conv, norm = nn.Conv2d(channels_in, STEM, 7, 2, 3), nn.BatchNorm2d(STEM)
        self.stem = nn.ModuleDict({"conv": conv, "norm": norm})
        self.number_of_blocks = blocks
        channels = STEM
        for block in range(1, blocks + 1):
            layers = nn.ModuleList(Layer(channels + i * GROWTH, GROWTH, 3) for i in range(CONVOLUTIONS))
            self.add_module(f"dense{block}", layers)
            channels += CONVOLUTIONS * GROWTH
            if block < blocks:
                self.add_module(f"transition{block}", Layer(channels, channels // 2, 1))
                channels //= 2
        self.last_norm = nn.BatchNorm2d(channels)
        self.output = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, H, W] -> [B, 10]
        h = F.relu(self.stem["norm"](self.stem["conv"](x)))
        h = F.max_pool2d(h, 3, 2, padding=1)
        for block in range(1, self.number_of_blocks + 1):
            for layer in self.get_submodule(f"dense{block}"):
                h = torch.cat((h, layer(h)), dim=1)
            if block < self.number_of_blocks:
                h = F.avg_pool2d(self.get_submodule(f"transition{block}")(h), 2)
        return self.output(F.relu(self.last_norm(h)).mean(dim=(2, 3)))
