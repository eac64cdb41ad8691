"""VGG: the PyTorch reference for crates/04-convolutional/src/vgg.rs."""

import torch.nn.functional as F
from torch import Tensor, nn

from dense_head import DenseHead

# (convolutions, channels) of each block, units of a dense layer.
BOOK = (((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)), 4096)
SMALL = (((1, 16), (1, 32), (2, 64), (2, 128)), 512)


class Vgg(DenseHead):
    """D2L zh 7.2, en 8.2: 3x3 convolutions with ReLU, and pooling after each block."""

    def __init__(self, sizes, channels_in: int, side: int):
        super().__init__()
        blocks, hidden = sizes
        self.number_of_blocks = len(blocks)
        before = channels_in
        for number, (convolutions, channels) in enumerate(blocks, 1):
            widths = [before] + [channels] * convolutions
            block = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, widths[1:]))
            self.add_module(f"block{number}", block)
            before = channels
        left = side // 2 ** len(blocks)
        self.build_head(before * left * left, hidden)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, side, side] -> [B, 10]
        for number in range(1, self.number_of_blocks + 1):
            for convolution in self.get_submodule(f"block{number}"):
                x = F.relu(convolution(x))
            x = F.max_pool2d(x, 2)
        return self.head(x)
