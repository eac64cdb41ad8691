"""Network in network: the PyTorch reference for crates/04-convolutional/src/nin.rs."""

import torch.nn.functional as F
from torch import Tensor, nn

# (kernel, stride, padding) of the first block, channels of the first three.
BOOK = ((11, 4, 0), (96, 256, 384))
SMALL = ((5, 2, 3), (48, 128, 192))


class Block(nn.Sequential):
    """A convolution and two of 1x1, each with ReLU."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int, padding: int):
        super().__init__(
            nn.Conv2d(channels_in, channels, kernel, stride, padding),
            nn.Conv2d(channels, channels, 1),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        for convolution in self:
            x = F.relu(convolution(x))
        return x


class Nin(nn.Module):
    """D2L zh 7.3, en 8.3: the last block has a channel for each class."""

    def __init__(self, sizes, channels_in: int, classes: int = 10):
        super().__init__()
        window, (a, b, c) = sizes
        self.block1 = Block(channels_in, a, *window)
        self.block2 = Block(a, b, 5, 1, 2)
        self.block3 = Block(b, c, 3, 1, 1)
        self.block4 = Block(c, classes, 3, 1, 1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, H, W] -> [B, classes]
        for block in (self.block1, self.block2, self.block3):
            x = F.max_pool2d(block(x), 3, 2)
        return self.block4(self.dropout(x)).mean(dim=(2, 3))
