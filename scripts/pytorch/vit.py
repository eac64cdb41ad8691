"""The vision Transformer, the PyTorch reference of `vit` in crates/07-transformer (D2L en 11.8; Dosovitskiy et al.
2021, arXiv:2010.11929). It is trained by twin.py.

The book trains it on Fashion-MNIST, enlarged to 96 x 96, by SGD with minibatches of 128 and a learning rate of 0.1 for
ten epochs, from PyTorch's initial values.
"""

import torch
from torch import Tensor, nn

from gpt import PreNormBlock

# Side of a picture and of a patch, width, units of the FFN, heads, blocks, dropout behind the embedding and in blocks.
BOOK = (96, 16, 512, 2048, 8, 2, 0.1, 0.1)
CLASSES = 10


class Vit(nn.Module):
    """Patches and a class token, with learned positions; the class token's last state is classified."""

    def __init__(
        self, side: int, patch: int, num_hiddens: int, ffn_num_hiddens: int, num_heads: int, num_blocks: int,
        embedding_dropout: float, block_dropout: float, channels: int = 1,
    ):
        super().__init__()
        self.patch = nn.Conv2d(channels, num_hiddens, kernel_size=patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, num_hiddens))
        self.position = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, num_hiddens))
        self.dropout = nn.Dropout(embedding_dropout)
        self.blocks = nn.ModuleList(
            PreNormBlock(
                num_hiddens, ffn_num_hiddens, num_heads, block_dropout, behind_attention=0.0, inside_ffn=block_dropout
            )
            for _ in range(num_blocks)
        )
        self.norm = nn.LayerNorm(num_hiddens)
        self.output = nn.Linear(num_hiddens, CLASSES)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, side, side] -> [B, 10]
        patches = self.patch(x).flatten(2).transpose(1, 2)  # [B, P, H]
        x = torch.cat([self.class_token.expand(len(x), -1, -1), patches], dim=1)
        x = self.dropout(x + self.position)
        for block in self.blocks:
            x = block(x)
        return self.output(self.norm(x[:, 0]))
