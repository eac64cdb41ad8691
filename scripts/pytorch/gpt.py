"""The decoder-only Transformer, the PyTorch reference of `gpt` in crates/07-transformer (D2L en 11.9; Radford et al.
2019). It is trained by twin.py.

Pre-norm, learned positions, GELU by its exact formula, no biases in attention. The output layer has weights of its own,
not the embedding's, and no bias.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention import MultiHeadAttention, causal
from transformer import FeedForward


class PreNormBlock(nn.Module):
    """x + attention(norm1(x)), then x + FFN(norm2(x)).

    `dropout` is on attention weights and behind the FFN; what is behind attention and inside the FFN differs: GPT has
    the first, the book's vision Transformer the second.
    """

    def __init__(
        self, num_hiddens: int, ffn_num_hiddens: int, num_heads: int, dropout: float, behind_attention: float,
        inside_ffn: float,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(num_hiddens)
        self.attention = MultiHeadAttention(num_hiddens, num_heads, dropout)
        self.norm2 = nn.LayerNorm(num_hiddens)
        self.ffn = FeedForward(num_hiddens, ffn_num_hiddens, F.gelu, inside_ffn)
        self.dropout1, self.dropout2 = nn.Dropout(behind_attention), nn.Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        h = self.norm1(x)
        x = x + self.dropout1(self.attention(h, h, h, seen))
        return x + self.dropout2(self.ffn(self.norm2(x)))


class Gpt(nn.Module):
    """Tokens [B, T], T up to `most_steps`, to the logits of those that follow."""

    def __init__(
        self, vocab_size: int, most_steps: int, num_hiddens: int, ffn_num_hiddens: int, num_heads: int,
        num_blocks: int, dropout: float,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, num_hiddens)
        self.position = nn.Embedding(most_steps, num_hiddens)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            PreNormBlock(
                num_hiddens, ffn_num_hiddens, num_heads, dropout, behind_attention=dropout, inside_ffn=0.0
            )
            for _ in range(num_blocks)
        )
        self.norm = nn.LayerNorm(num_hiddens)
        self.output = nn.Linear(num_hiddens, vocab_size, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:  # [B, T] -> [B, T, V]
        steps = tokens.shape[1]
        x = self.dropout(self.embedding(tokens) + self.position(torch.arange(steps)))
        seen = causal(steps, steps)
        for block in self.blocks:
            x = block(x, seen)
        return self.output(self.norm(x))
