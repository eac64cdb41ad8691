"""PyTorch references for models that have none under scripts/pytorch, with the book's layers. Their initial values are
PyTorch's, since the benchmark loads ours. Layers must have the names of the Rust model's; `load_state_dict` is strict.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pytorch"))
from attention import MultiHeadAttention  # noqa: E402
from gpt import Gpt  # noqa: E402


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


class FusedAttention(MultiHeadAttention):
    """The same by PyTorch's own operation, which is faster than the book's steps. Without dropout."""

    def project(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return self.split(self.w_k(keys)), self.split(self.w_v(values))

    def split(self, x: Tensor) -> Tensor:  # [B, T, H] -> [B, N, T, H / N]
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def attend(self, queries: Tensor, k: Tensor, v: Tensor, **mask) -> Tensor:
        mixed = F.scaled_dot_product_attention(self.split(self.w_q(queries)), k, v, **mask)
        return self.w_o(mixed.transpose(1, 2).flatten(2))

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None = None) -> Tensor:
        k, v = self.project(keys, values)
        if seen is not None and len(seen) == 1:  # only the causal mask is the same for the whole batch
            return self.attend(queries, k, v, is_causal=True)
        return self.attend(queries, k, v, attn_mask=None if seen is None else seen[:, None])


def with_fused_attention(module: nn.Module) -> nn.Module:
    """The module, its attention fused. Its parameters stay."""
    for part in module.modules():
        if isinstance(part, MultiHeadAttention):
            part.__class__ = FusedAttention
    return module


class Writer(nn.Module):
    """A GPT that reads one token after the other, with a cache of keys and values."""

    def __init__(self, gpt: Gpt):
        super().__init__()
        self.gpt = with_fused_attention(gpt)

    def write(self, count: int) -> list[int]:
        """Token 0 and `count` more, the most likely each time."""
        gpt, tokens = self.gpt, [0]
        caches: list[tuple[Tensor, Tensor] | None] = [None] * len(gpt.blocks)
        for place in range(count):
            x = gpt.embedding(torch.tensor([[tokens[-1]]])) + gpt.position.weight[place]
            for number, block in enumerate(gpt.blocks):
                h = block.norm1(x)
                pair = block.attention.project(h, h)
                if past := caches[number]:
                    pair = tuple(torch.cat(both, dim=2) for both in zip(past, pair))
                caches[number] = pair
                x = x + block.attention.attend(h, *pair)
                x = x + block.ffn(block.norm2(x))
            tokens.append(gpt.output(gpt.norm(x[0, -1])).argmax().item())
        return tokens
