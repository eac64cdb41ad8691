"""Attention as the models of crates/06-attention and crates/07-transformer use it (D2L zh 10.3 and 10.5, en 11.3 and
11.5).
"""

import math

import torch
from torch import Tensor, nn

MASKED = -1e6  # the score of a key that must not be seen; the book's


def masked_softmax(scores: Tensor, seen: Tensor | None) -> Tensor:
    """Over the last axis, of the keys that are seen. `seen` is broadcast; `None`: all. zh 10.3.1, en 11.3.2"""
    if seen is not None:
        scores = scores.masked_fill(~seen, MASKED)
    return torch.softmax(scores, dim=-1)


def within(lengths: Tensor, num_keys: int) -> Tensor:
    """Which keys lie within each example's length: [B] -> [B, 1, T]"""
    return torch.arange(num_keys) < lengths[:, None, None]


def causal(num_queries: int, num_keys: int) -> Tensor:
    """Each query sees the keys up to its own place; the queries are the last of the steps. [1, Q, T]"""
    first = num_keys - num_queries
    return torch.arange(num_keys)[None, None, :] <= torch.arange(first, num_keys)[None, :, None]


class AdditiveAttention(nn.Module):
    """score(q, k) = w_vᵀ tanh(W_q q + W_k k). zh 10.3.2, en 11.3.4; Bahdanau et al. 2015, arXiv:1409.0473"""

    def __init__(self, num_hiddens: int, dropout: float):
        super().__init__()
        self.w_q = nn.Linear(num_hiddens, num_hiddens, bias=False)
        self.w_k = nn.Linear(num_hiddens, num_hiddens, bias=False)
        self.w_v = nn.Linear(num_hiddens, 1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None) -> Tensor:
        # [B, Q, H], [B, T, H], [B, T, D] -> [B, Q, D]
        features = torch.tanh(self.w_q(queries)[:, :, None] + self.w_k(keys)[:, None])  # [B, Q, T, H]
        weights = masked_softmax(self.w_v(features).squeeze(-1), seen)
        return self.dropout(weights) @ values


class MultiHeadAttention(nn.Module):
    """softmax(QKᵀ / sqrt(d)) V for each head, no biases. zh 10.5, en 11.5; Vaswani et al. 2017, arXiv:1706.03762"""

    def __init__(self, num_hiddens: int, num_heads: int, dropout: float):
        super().__init__()
        self.num_heads = num_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(num_hiddens, num_hiddens, bias=False) for _ in range(4))
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None = None) -> Tensor:
        # [B, Q, H], [B, T, H], [B, T, H] -> [B, Q, H]
        split = lambda x: x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # [B, N, T, H / N]
        q, k, v = split(self.w_q(queries)), split(self.w_k(keys)), split(self.w_v(values))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        weights = masked_softmax(scores, None if seen is None else seen[:, None])
        heads = self.dropout(weights) @ v
        return self.w_o(heads.transpose(1, 2).flatten(2))
