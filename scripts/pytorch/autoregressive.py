"""A noisy sine predicted from its last four values (D2L zh 8.1, en 9.1), the PyTorch reference of `autoregressive` in
crates/05-recurrent.

    python autoregressive.py --preset en

The data are drawn from the seed, so they are other numbers than the Rust run's.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import Data, Preset, UsageError, arguments, digest, main
from lesson import Lesson
from training import training

POINTS, FREQUENCY, NOISE_STD = 1000, 0.01, 0.2
TAU, TRAIN = 4, 600  # values that the model sees; windows to train on
# Hidden units, 0 for a linear model, and how each edition trains.
PRESETS = {
    "zh": (10, Preset("zh 8.1", batch_size=16, learning_rate=0.01, epochs=5, train_after=True, optimizer="adam")),
    "en": (0, Preset("en 9.1", batch_size=16, learning_rate=0.01, epochs=5, windows=True)),
}


def drawn() -> Data:
    """Windows of four values [4] and the value that follows them [1], in the order of time."""
    series = torch.sin(FREQUENCY * torch.arange(1, POINTS + 1)) + torch.randn(POINTS) * NOISE_STD
    return windows(series)


def windows(series: Tensor) -> Data:
    """The data set of a series [1000]."""
    windows = series.unfold(0, TAU + 1, 1)  # [996, 5]
    splits = [(part[:, :TAU], part[:, TAU:]) for part in (windows[:TRAIN], windows[TRAIN:])]
    sha256 = digest([column.numpy().astype("<f4").tobytes() for split in splits for column in split])
    return Data("noisy-sine", "synthetic", *splits, sha256)


class Autoregressive(nn.Module):
    """Linear, or with one hidden layer."""

    def __init__(self, num_hiddens: int):
        super().__init__()
        if num_hiddens:
            self.hidden = nn.Linear(TAU, num_hiddens)
        self.output = nn.Linear(num_hiddens or TAU, 1)

    def forward(self, x: Tensor) -> Tensor:  # [B, 4] -> [B, 1]
        return self.output(F.relu(self.hidden(x)) if hasattr(self, "hidden") else x)


def initialize(module: nn.Module) -> None:
    """zh 8.1.2; biases keep PyTorch's default, and the English edition keeps all of it."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)


def train(options, data: Data | None = None) -> Path:
    """One run; returns its folder."""
    if options.implementation != "concise":
        raise UsageError("autoregressive: wanted --implementation concise; the book has no version by hand")
    num_hiddens, preset = PRESETS[options.preset]
    torch.manual_seed(options.seed)
    data = data or drawn()
    model = Autoregressive(num_hiddens)
    if options.preset == "zh":
        model.apply(initialize)
    optimizers = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = optimizers[preset.optimizer](model.parameters(), preset.learning_rate)
    lesson = Lesson(data, model, F.mse_loss, optimizer)
    return training("recurrent", options, preset, lesson, model_name="autoregressive")


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
