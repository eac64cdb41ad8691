"""AlexNet: the PyTorch reference for crates/04-convolutional/src/alexnet.rs."""

import torch.nn.functional as F
from torch import Tensor, nn

from dense_head import DenseHead

# (kernel, stride, padding) of the first convolution, channels of all, units of a dense layer.
BOOK = ((11, 4, 1), (96, 256, 384, 384, 256), 4096)
PADDED = ((11, 4, 2), (96, 256, 384, 384, 256), 4096)
SMALL = ((5, 2, 3), (48, 128, 192, 192, 128), 1024)


class AlexNet(DenseHead):
    """D2L zh 7.1, en 8.1: pooling after the first, second and fifth convolution."""

    def __init__(self, sizes, channels_in: int, side: int):
        super().__init__()
        (kernel, stride, padding), (a, b, c, d, e), hidden = sizes
        self.conv1 = nn.Conv2d(channels_in, a, kernel, stride, padding)
        self.conv2 = nn.Conv2d(a, b, 5, padding=2)
        self.conv3 = nn.Conv2d(b, c, 3, padding=1)
        self.conv4 = nn.Conv2d(c, d, 3, padding=1)
        self.conv5 = nn.Conv2d(d, e, 3, padding=1)
        left = (side + 2 * padding - kernel) // stride + 1
        for _ in range(3):
            left = (left - 3) // 2 + 1
        self.build_head(e * left * left, hidden)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, side, side] -> [B, 10]
        h = F.max_pool2d(F.relu(self.conv1(x)), 3, 2)
        h = F.max_pool2d(F.relu(self.conv2(h)), 3, 2)
        h = F.relu(self.conv4(F.relu(self.conv3(h))))
        return self.head(F.max_pool2d(F.relu(self.conv5(h)), 3, 2))
