"""Translation by the Transformer (D2L zh 10.7, en 11.7), the PyTorch reference of `translation` in
crates/07-transformer.

    python transformer.py --preset en --data-dir ../../data
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention import MultiHeadAttention, causal, within
from common import Preset, arguments, main
from translation import EncoderDecoder, Pairs, train_translation

PRESETS = {
    "zh": Preset("zh 10.7", batch_size=64, learning_rate=0.005, epochs=200, optimizer="adam", clip_norm=1.0),
    "en": Preset(
        "en 11.7", batch_size=128, learning_rate=0.001, epochs=30, windows=True, optimizer="adam", clip_norm=1.0
    ),
}
# Width of the model, and dropout.
SIZES = {"zh": (32, 0.1), "en": (256, 0.2)}
FFN_NUM_HIDDENS, NUM_HEADS, NUM_BLOCKS = 64, 4, 2
MOST_STEPS = 1000


class PositionalEncoding(nn.Module):
    """Adds sin(t / 10000^(2j / H)) to feature 2j, the cosine to feature 2j + 1; then dropout. zh 10.6.3, en 11.6.3"""

    def __init__(self, num_hiddens: int, dropout: float):
        super().__init__()
        steps = torch.arange(MOST_STEPS, dtype=torch.float64)[:, None]
        angles = steps / 10000 ** (torch.arange(0, num_hiddens, 2, dtype=torch.float64) / num_hiddens)
        table = torch.zeros(MOST_STEPS, num_hiddens, dtype=torch.float64)
        table[:, 0::2] = torch.sin(angles)
        table[:, 1::2] = torch.cos(angles)[:, : num_hiddens // 2]
        self.register_buffer("table", table, persistent=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, first: int = 0) -> Tensor:  # [B, T, H] -> [B, T, H]
        return self.dropout(x + self.table[first : first + x.shape[1]].to(x.dtype))


class FeedForward(nn.Module):
    """The same two dense layers at every position; `dropout` is behind the activation."""

    def __init__(self, num_hiddens: int, ffn_num_hiddens: int, activation=F.relu, dropout: float = 0.0):
        super().__init__()
        self.dense1 = nn.Linear(num_hiddens, ffn_num_hiddens)
        self.dense2 = nn.Linear(ffn_num_hiddens, num_hiddens)
        self.activation, self.dropout = activation, nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense2(self.dropout(self.activation(self.dense1(x))))


class EncoderBlock(nn.Module):
    """norm(x + attention), then norm(x + FFN): post-norm."""

    def __init__(self, num_hiddens: int, ffn_num_hiddens: int, num_heads: int, dropout: float):
        super().__init__()
        self.attention = MultiHeadAttention(num_hiddens, num_heads, dropout)
        self.norm1 = nn.LayerNorm(num_hiddens)
        self.ffn = FeedForward(num_hiddens, ffn_num_hiddens)
        self.norm2 = nn.LayerNorm(num_hiddens)
        self.dropout1, self.dropout2 = nn.Dropout(dropout), nn.Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.dropout1(self.attention(x, x, x, seen)))
        return self.norm2(x + self.dropout2(self.ffn(x)))


class Encoder(nn.Module):
    """Embeddings, scaled by sqrt(H), with their positions, and blocks."""

    def __init__(
        self, vocab_size: int, num_hiddens: int, ffn_num_hiddens: int, num_heads: int, num_blocks: int, dropout: float
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, num_hiddens)
        self.position = PositionalEncoding(num_hiddens, dropout)
        self.blocks = nn.ModuleList(
            EncoderBlock(num_hiddens, ffn_num_hiddens, num_heads, dropout) for _ in range(num_blocks)
        )

    def forward(self, source: Tensor, lengths: Tensor) -> Tensor:  # [B, S] -> [B, S, H]
        x = self.position(self.embedding(source) * math.sqrt(self.embedding.embedding_dim))
        seen = within(lengths, source.shape[1])
        for block in self.blocks:
            x = block(x, seen)
        return x


class DecoderBlock(nn.Module):
    """Attention to what is written so far, to the source, and a feed-forward network; post-norm."""

    def __init__(self, num_hiddens: int, ffn_num_hiddens: int, num_heads: int, dropout: float):
        super().__init__()
        self.attention1 = MultiHeadAttention(num_hiddens, num_heads, dropout)
        self.norm1 = nn.LayerNorm(num_hiddens)
        self.attention2 = MultiHeadAttention(num_hiddens, num_heads, dropout)
        self.norm2 = nn.LayerNorm(num_hiddens)
        self.ffn = FeedForward(num_hiddens, ffn_num_hiddens)
        self.norm3 = nn.LayerNorm(num_hiddens)
        self.dropout1, self.dropout2, self.dropout3 = (nn.Dropout(dropout) for _ in range(3))

    def forward(self, x: Tensor, written: Tensor, seen: Tensor | None, encoded: Tensor, encoded_seen: Tensor) -> Tensor:
        """`written` [B, W, H] ends with `x` [B, T, H]."""
        x = self.norm1(x + self.dropout1(self.attention1(x, written, written, seen)))
        x = self.norm2(x + self.dropout2(self.attention2(x, encoded, encoded, encoded_seen)))
        return self.norm3(x + self.dropout3(self.ffn(x)))


class Decoder(nn.Module):
    """Embeddings with their positions, blocks, and the logits.

    `as_the_book`: how both editions evaluate. Out of training, self-attention has no causal mask, so that a held-out
    sentence is judged with all of its tokens in sight; and while it translates, every token has the position 0, since
    the tokens come one by one. Training is the same either way.
    """

    def __init__(
        self, vocab_size: int, num_hiddens: int, ffn_num_hiddens: int, num_heads: int, num_blocks: int, dropout: float,
        as_the_book: bool = False,
    ):
        super().__init__()
        self.as_the_book = as_the_book
        self.embedding = nn.Embedding(vocab_size, num_hiddens)
        self.position = PositionalEncoding(num_hiddens, dropout)
        self.blocks = nn.ModuleList(
            DecoderBlock(num_hiddens, ffn_num_hiddens, num_heads, dropout) for _ in range(num_blocks)
        )
        self.dense = nn.Linear(num_hiddens, vocab_size)

    def start(self, encoded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The encoder's output, which steps of it are seen, and each block's inputs so far: none."""
        return encoded, within(lengths, encoded.shape[1]), [encoded[:, :0]] * len(self.blocks)

    def forward(self, tokens: Tensor, state) -> tuple[Tensor, tuple[Tensor, Tensor, list[Tensor]]]:
        encoded, encoded_seen, inputs = state
        before, steps = inputs[0].shape[1], tokens.shape[1]
        first = 0 if self.as_the_book else before
        x = self.position(self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim), first)
        seen = None if self.as_the_book and not self.training else causal(steps, before + steps)
        inputs = list(inputs)
        for i, block in enumerate(self.blocks):
            inputs[i] = torch.cat([inputs[i], x], dim=1)
            x = block(x, inputs[i], seen, encoded, encoded_seen)
        return self.dense(x), (encoded, encoded_seen, inputs)


def build(pairs: Pairs, edition: str) -> EncoderDecoder:
    num_hiddens, dropout = SIZES[edition]
    sizes = (num_hiddens, FFN_NUM_HIDDENS, NUM_HEADS, NUM_BLOCKS, dropout)
    return EncoderDecoder(
        Encoder(len(pairs.source), *sizes), Decoder(len(pairs.target), *sizes, as_the_book=True)
    )


def train(options) -> Path:
    """One run; returns its folder."""
    edition = options.preset
    return train_translation(
        "transformer", "translation", lambda pairs: build(pairs, edition), PRESETS[edition], options,
        counts_padding=edition == "en",
    )


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
