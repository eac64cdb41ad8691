"""Learning an edge kernel from one picture (D2L zh 6.2, en 7.2), the PyTorch reference for crates/04-convolutional's
`edge-kernel`.

    python edge_kernel.py --preset en
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from common import Data, Preset, UsageError, arguments, digest, main
from lesson import Lesson
from training import training

# Both editions train on the one picture ten times. An epoch is one step, so `train.loss` of an epoch is the loss before
# its step, which the book prints.
PRESETS = {
    "zh": Preset("zh 6.2", batch_size=1, learning_rate=0.03, epochs=10),
    "en": Preset("en 7.2", batch_size=1, learning_rate=0.03, epochs=10),
}


def stripe() -> Data:
    """Ones with a stripe of zeros, [1, 1, 6, 8], and the edges between them, [1, 1, 6, 7]."""
    picture = torch.ones(1, 1, 6, 8)
    picture[..., 2:6] = 0
    edges = picture[..., :-1] - picture[..., 1:]
    sha256 = digest([tensor.numpy().tobytes() for tensor in (picture, edges)])
    return Data("stripe", "synthetic", (picture, edges), None, sha256)


class EdgeKernel(nn.Conv2d):
    """1 x 2, without a bias, from PyTorch's own U(-1/√2, 1/√2)."""

    def __init__(self):
        super().__init__(1, 1, kernel_size=(1, 2), bias=False)


def squared_error(y_hat: Tensor, y: Tensor) -> Tensor:
    """The sum over all places."""
    return ((y_hat - y) ** 2).sum()


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder. The book learns the kernel with the library only."""
    if options.implementation != "concise":
        raise UsageError("--implementation scratch: the book's kernel is concise only")
    preset = PRESETS[options.preset]
    torch.manual_seed(options.seed)
    model = EdgeKernel()
    optimizer = torch.optim.SGD(model.parameters(), preset.learning_rate)
    lesson = Lesson(data or stripe(), model, squared_error, optimizer)
    return training("convolutional", options, preset, lesson, model_name="edge-kernel")


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
