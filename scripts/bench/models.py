"""Twins of models whose chapters have none under scripts/pytorch, with the book's layers and initial values as they
come: the benchmark loads ours. Names of layers must be those of the Rust model; `load_state_dict` is strict.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """Two 3x3 convolutions and what goes around them; 1x1 where the shape changes. He et al. 2016, arXiv:1512.03385."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, stride=stride)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, kernel_size=3, padding=1)
        self.norm2 = nn.BatchNorm2d(channels_out)
        changes = stride != 1 or channels_in != channels_out
        self.shortcut = nn.Conv2d(channels_in, channels_out, kernel_size=1, stride=stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(h + (x if self.shortcut is None else self.shortcut(x)))


class ResNet18(nn.Module):
    """D2L zh 7.6, en 8.6: the 7x7 stem, four stages of two blocks; convolutions have biases, as the book's have."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3)
        self.norm = nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        self.stages = nn.Sequential(
            *(
                nn.Sequential(Residual(before, after, 1 if before == after else 2), Residual(after, after, 1))
                for before, after in zip(widths, widths[1:])
            )
        )
        self.output = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, side, side] -> [B, 10]
        h = F.max_pool2d(F.relu(self.norm(self.conv(x))), kernel_size=3, stride=2, padding=1)
        return self.output(self.stages(h).mean(dim=(2, 3)))


class LanguageModel(nn.Module):
    """D2L zh 8.6, 9.1, 9.2, en 9.6, 10.1, 10.2: one-hot tokens, a recurrent layer, logits of the next token."""

    def __init__(self, layer: type[nn.RNNBase], vocab_size: int, num_hiddens: int):
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = layer(vocab_size, num_hiddens)
        self.output = nn.Linear(num_hiddens, vocab_size)

    def forward(self, x: Tensor) -> Tensor:  # [B, T] -> [T * B, V]
        h, _ = self.rnn(F.one_hot(x.T, self.vocab_size).float())  # [T, B, H]
        return self.output(h.flatten(0, 1))


class Attention(nn.Module):
    """softmax(QKᵀ / sqrt(d)) V, for each head. [B, N, T, H / N] three times -> the same."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v)


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
