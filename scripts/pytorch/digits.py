"""Nielsen's ladder: his costs, for crates/03-mlp's `digits-quadratic30` to `digits-tuned`, and the networks of his
chapter 6, for crates/04-convolutional's `digits-convolution` to `digits-dropout`.

Nielsen 2015, *Neural Networks and Deep Learning*; his program network3.py is the source of the details that the text
omits.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROPPED = 0.5
SHIFTS = [(1, 0), (-1, 0), (0, 1), (0, -1)]  # down, right
COPIES = 1 + len(SHIFTS)


def quadratic_cost(logits: Tensor, classes: Tensor) -> Tensor:
    """½ Σ (σ(o) - y)², the mean over the batch. Nielsen, chapter 1."""
    return ((torch.sigmoid(logits) - F.one_hot(classes, logits.shape[1])) ** 2).sum() / (2 * len(classes))


def cross_entropy_cost(logits: Tensor, classes: Tensor) -> Tensor:
    """-Σ y ln σ(o) + (1 - y) ln(1 - σ(o)), the mean over the batch. Nielsen, chapter 3."""
    targets = F.one_hot(classes, logits.shape[1]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(classes)


def expanded(pixels: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """The pictures [N, 784], then all of them shifted by a pixel in each direction, with 0 where nothing was."""
    padded = F.pad(pixels.reshape(-1, 28, 28), (1, 1, 1, 1))
    shifted = [padded[:, 1 - down : 29 - down, 1 - right : 29 - right] for down, right in [(0, 0), *SHIFTS]]
    return torch.cat(shifted).flatten(1), classes.repeat(COPIES)


class Digits(nn.Module):
    """Convolutions of 5 x 5, each with pooling after it, dense layers, and an output layer."""

    def __init__(self, feature_maps: list[int], hiddens: list[int], activation, dropout: bool = False):
        super().__init__()
        self.activation = activation
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
        for number in range(1, len(hiddens) + 2 if dropout else 1):
            self.add_module(f"dropout{number}", nn.Dropout(DROPPED))

    def thin(self, x: Tensor, number: int) -> Tensor:
        """Dropout as in his program: kept units are not scaled up in training but down in evaluation."""
        dropout = getattr(self, f"dropout{number}", None)
        return x if dropout is None else dropout(x) * (1 - dropout.p)

    def forward(self, x: Tensor) -> Tensor:  # [B, 1, 28, 28] -> [B, 10]
        for name in self.convolutions:
            x = self.activation(F.max_pool2d(self.get_submodule(name)(x), kernel_size=2))
        x = x.flatten(1)
        for number, name in enumerate(self.dense, start=1):
            x = self.activation(self.get_submodule(name)(self.thin(x, number)))
        return self.output(self.thin(x, len(self.dense) + 1))


RUNGS = {
    "digits-convolution": lambda: Digits([20], [100], torch.sigmoid),
    "digits-two-convolutions": lambda: Digits([20, 40], [100], torch.sigmoid),
    "digits-relu": lambda: Digits([20, 40], [100], F.relu),
    "digits-expanded": lambda: Digits([20, 40], [100], F.relu),
    "digits-dropout": lambda: Digits([20, 40], [1000, 1000], F.relu, dropout=True),
}
