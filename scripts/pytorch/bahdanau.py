"""Translation with additive attention (D2L zh 10.4, en 11.4), the PyTorch reference of `bahdanau` in
crates/06-attention.

    python bahdanau.py --preset en --data-dir ../../data
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from attention import AdditiveAttention, within
from common import Preset, arguments, main
from seq2seq import NUM_LAYERS, SIZES, Encoder
from translation import EncoderDecoder, Pairs, train_translation

PRESETS = {
    "zh": Preset("zh 10.4", batch_size=64, learning_rate=0.005, epochs=250, optimizer="adam", clip_norm=1.0),
    "en": Preset(
        "en 11.4", batch_size=128, learning_rate=0.005, epochs=30, windows=True, optimizer="adam", clip_norm=1.0
    ),
}


class Decoder(nn.Module):
    """A GRU that reads, at each step, a context and a token. The context is attention over the encoder's states; the
    query is the upper layer's state before the step. Bahdanau et al. 2015, arXiv:1409.0473
    """

    def __init__(self, vocab_size: int, num_hiddens: int, num_layers: int, dropout: float):
        super().__init__()
        self.attention = AdditiveAttention(num_hiddens, dropout)
        self.embedding = nn.Embedding(vocab_size, num_hiddens)
        self.rnn = nn.GRU(num_hiddens + num_hiddens, num_hiddens, num_layers, dropout=dropout)
        self.dense = nn.Linear(num_hiddens, vocab_size)

    def start(self, encoded: tuple[Tensor, Tensor], lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The encoder's states [B, S, H], which of them are seen [B, 1, S], and the state [L, B, H]."""
        outputs, h = encoded
        return outputs.transpose(0, 1), within(lengths, len(outputs)), h

    def forward(self, tokens: Tensor, state) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        keys, seen, h = state
        outputs = []
        for x in self.embedding(tokens.T):  # [B, E]
            context = self.attention(h[-1][:, None], keys, keys, seen)  # [B, 1, H]
            output, h = self.rnn(torch.cat([context.squeeze(1), x], dim=-1)[None], h)
            outputs.append(output)
        return self.dense(torch.cat(outputs)).transpose(0, 1), (keys, seen, h)


def build(pairs: Pairs, edition: str) -> EncoderDecoder:
    num_hiddens, dropout = SIZES[edition]
    return EncoderDecoder(
        Encoder(len(pairs.source), num_hiddens, NUM_LAYERS, dropout),
        Decoder(len(pairs.target), num_hiddens, NUM_LAYERS, dropout),
    )


def train(options) -> Path:
    """One run; returns its folder."""
    edition = options.preset
    return train_translation(
        "attention", "bahdanau", lambda pairs: build(pairs, edition), PRESETS[edition], options,
        counts_padding=edition == "en",
    )


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
