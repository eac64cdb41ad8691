"""The networks of Nielsen's ladder, chapter 6: the PyTorch references for crates/04-convolutional's
`digits-convolution` to `digits-dropout`.

Nielsen 2015, *Neural Networks and Deep Learning*; his program network3.py is the source of the details that the text
omits.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROPPED = 0.5


class Digits(nn.Module):
    """Convolutions of 5 x 5, each with pooling after it, dense layers, and an output layer."""

    def __init__(self, feature_maps: list[int], hiddens: list[int], activation, dropout: bool = False):
        super().__init__()
        self.activation, self.dropout = activation, dropout
        channels, side = 1, 28
        self.convolutions, self.dense = [], []
        for number, maps in enumerate(feature_maps, 1):
            self.convolutions.append(f"conv{number}")
            self.add_module(self.convolutions[-1], nn.Conv2d(channels, maps, kernel_size=5))
            channels, side = maps, (side - 4) // 2
        width = channels * side * side
        for number, units in enumerate(hiddens, 1):
            self.dense.append(f"dense{number}")
            self.add_module(self.dense[-1], nn.Linear(width, units))
            width = units
        self.output = nn.Linear(width, 10)

    def thin(self, x: Tensor) -> Tensor:
        """Dropout as in his program: kept units are not scaled up in training but down in evaluation."""
        return F.dropout(x, DROPPED, self.training) * (1 - DROPPED) if self.dropout else x

    def forward(self, x: Tensor) -> Tensor:  # [B, 1, 28, 28] -> [B, 10]
        for name in self.convolutions:
            x = self.activation(F.max_pool2d(self.get_submodule(name)(x), kernel_size=2))
        x = x.flatten(1)
        for name in self.dense:
            x = self.activation(self.get_submodule(name)(self.thin(x)))
        return self.output(self.thin(x))


RUNGS = {
    "digits-convolution": lambda: Digits([20], [100], torch.sigmoid),
    "digits-two-convolutions": lambda: Digits([20, 40], [100], torch.sigmoid),
    "digits-relu": lambda: Digits([20, 40], [100], F.relu),
    "digits-expanded": lambda: Digits([20, 40], [100], F.relu),
    "digits-dropout": lambda: Digits([20, 40], [1000, 1000], F.relu, dropout=True),
}
