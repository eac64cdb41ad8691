"""Translation by two recurrent networks (D2L zh 9.7, en 10.7), the PyTorch reference of `seq2seq` in
crates/06-attention.

    python seq2seq.py --preset en --data-dir ../../data
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from common import Preset, arguments, main
from translation import EncoderDecoder, Pairs, train_translation

PRESETS = {
    "zh": Preset("zh 9.7", batch_size=64, learning_rate=0.005, epochs=300, optimizer="adam", clip_norm=1.0),
    "en": Preset(
        "en 10.7", batch_size=128, learning_rate=0.005, epochs=30, windows=True, optimizer="adam", clip_norm=1.0
    ),
}
# Units, of the embeddings as many, and dropout between the two layers.
SIZES = {"zh": (32, 0.1), "en": (256, 0.2)}
NUM_LAYERS = 2


class Encoder(nn.Module):
    """Embeddings and a GRU. It reads the padding too, so that the last state is the one behind it."""

    def __init__(self, vocab_size: int, num_hiddens: int, num_layers: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, num_hiddens)
        self.rnn = nn.GRU(num_hiddens, num_hiddens, num_layers, dropout=dropout)

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:  # [B, S] -> [S, B, H], [L, B, H]
        return self.rnn(self.embedding(source.T))


class Decoder(nn.Module):
    """A GRU that starts from the encoder's last states and reads, at each step, a token and the context: the encoder's
    last state of the upper layer.

    `context_moves`: where it goes on from a state, the context is the upper layer of that state, not the encoder's. zh
    9.7 translates so, while it trains as en 10.7 does.
    """

    def __init__(
        self, vocab_size: int, num_hiddens: int, num_layers: int, dropout: float, context_moves: bool = False
    ):
        super().__init__()
        self.context_moves = context_moves
        self.embedding = nn.Embedding(vocab_size, num_hiddens)
        self.rnn = nn.GRU(num_hiddens + num_hiddens, num_hiddens, num_layers, dropout=dropout)
        self.dense = nn.Linear(num_hiddens, vocab_size)

    def start(self, encoded: tuple[Tensor, Tensor], lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The context [B, H] and the state [L, B, H]."""
        _, h = encoded
        return h[-1], h

    def forward(self, tokens: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        context, h = state
        x = self.embedding(tokens.T)  # [T, B, E]
        outputs, h = self.rnn(torch.cat([x, context.expand(len(x), -1, -1)], dim=-1), h)
        return self.dense(outputs).transpose(0, 1), (h[-1] if self.context_moves else context, h)


def build(pairs: Pairs, edition: str) -> EncoderDecoder:
    num_hiddens, dropout = SIZES[edition]
    return EncoderDecoder(
        Encoder(len(pairs.source), num_hiddens, NUM_LAYERS, dropout),
        Decoder(len(pairs.target), num_hiddens, NUM_LAYERS, dropout, context_moves=edition == "zh"),
    )


def train(options) -> Path:
    """One run; returns its folder."""
    edition = options.preset
    return train_translation(
        "attention", "seq2seq", lambda pairs: build(pairs, edition), PRESETS[edition], options
    )


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
