"""Rows whose names give their sizes, as in crates/bench/src/rows/growth.rs: `grow-mlp-BxWxD`, `grow-lstm-BxTxW` and
`grow-encoder-BxTxWxD`.
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, AdamW

import models
from rows import DEFAULT, FOREACH, FUSED, Row, language_model
from work import INPUT_SALT, TARGET_SALT, Training, classes, filled

PIXELS, CLASSES, HEAD_WIDTH, LEARNING_RATE = 784, 10, 64, 1e-3


class Mlp(nn.Module):
    """Hidden layers of one width, with ReLU."""

    def __init__(self, width: int, depth: int):
        super().__init__()
        inputs = PIXELS
        for number in range(1, depth + 1):
            setattr(self, "hidden" if depth == 1 else f"hidden{number}", nn.Linear(inputs, width))
            inputs = width
        self.output = nn.Linear(inputs, CLASSES)

    def forward(self, x: Tensor) -> Tensor:  # [B, 784] -> [B, 10]
        for name, layer in self.named_children():
            x = layer(x) if name == "output" else F.relu(layer(x))
        return x


class Encoder(nn.Module):
    """Blocks one after the other."""

    def __init__(self, width: int, depth: int):
        super().__init__()
        block = lambda: models.EncoderBlock(width, heads=width // HEAD_WIDTH, ffn_width=4 * width)
        self.blocks = nn.Sequential(*(block() for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:  # [B, T, H] -> [B, T, H]
        return self.blocks(x)


def perceptron(batch: int, width: int, depth: int) -> Row:
    def work(**settings):
        module, x, y = Mlp(width, depth), filled((batch, PIXELS), INPUT_SALT, 2.0), classes((batch,), CLASSES)
        return Training(module, F.cross_entropy, SGD(module.parameters(), lr=LEARNING_RATE, **settings), x, y)

    return Row(work, DEFAULT | FUSED)


def encoder(batch: int, steps: int, width: int, depth: int) -> Row:
    def work(**settings):
        module, shape = Encoder(width, depth), (batch, steps, width)
        optimizer = AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=0.0, **settings)
        return Training(module, F.mse_loss, optimizer, filled(shape, INPUT_SALT, 2.0), filled(shape, TARGET_SALT, 2.0))

    return Row(work, DEFAULT | FOREACH | FUSED)


def lstm(batch: int, steps: int, width: int) -> Row:
    return language_model("lstm", batch, steps, width)


MODELS = {"mlp": perceptron, "lstm": lstm, "encoder": encoder}


def row(name: str) -> Row:
    """The row that a name stands for."""
    _, model, sizes = name.split("-")
    return MODELS[model](*map(int, sizes.split("x")))
