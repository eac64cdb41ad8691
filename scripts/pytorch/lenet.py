"""LeNet: the twin of crates/04-convolutional/src/lenet/concise.rs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
