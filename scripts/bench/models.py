"""PyTorch references for models that have none under scripts/pytorch, with the book's layers. Their initial values are
PyTorch's, since the benchmark loads ours. Layers must have the names of the Rust model's; `load_state_dict` is strict.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """softmax(QKᵀ / sqrt(d)) V, for each head. [B, N, T, H / N] three times -> the same."""

    def __init__(self, causal: bool = False):
        super().__init__()
        self.causal = causal

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)


class CrossEntropy(nn.Module):
    """The mean loss of logits [B, V] for fixed classes."""

    def __init__(self, targets: Tensor):
        super().__init__()
        self.targets = targets

    def forward(self, x: Tensor) -> Tensor:
        return F.cross_entropy(x, self.targets)


class Lookup(nn.Embedding):
    """The rows of fixed ids."""

    def __init__(self, ids: Tensor, num_embeddings: int, dim: int):
        super().__init__(num_embeddings, dim)
        self.ids = ids

    def forward(self) -> Tensor:
        return super().forward(self.ids)


class Rectified(nn.BatchNorm2d):
    """Batch normalisation, then ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


class EncoderBlock(nn.Module):
    """A pre-norm block of the Transformer's encoder: x + attention(norm1(x)), then x + FFN(norm2(x)), FFN with ReLU."""

    def __init__(self, width: int, heads: int, ffn_width: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(width, width) for _ in range(4))
        self.attention = Attention()
        self.dense1, self.dense2 = nn.Linear(width, ffn_width), nn.Linear(ffn_width, width)

    def forward(self, x: Tensor) -> Tensor:  # [B, T, H] -> [B, T, H]
        h = self.norm1(x)
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, N, T, H / N]
        mixed = self.attention(split(self.w_q(h)), split(self.w_k(h)), split(self.w_v(h)))
        x = x + self.w_o(mixed.transpose(1, 2).flatten(2))
        return x + self.dense2(F.relu(self.dense1(self.norm2(x))))
