"""What AlexNet and VGG end with: the PyTorch reference for crates/04-convolutional/src/dense_head.rs."""

import torch.nn.functional as F
from torch import Tensor, nn


class DenseHead(nn.Module):
    """Two dense layers with ReLU and dropout, and the output; a base class, so that its parameters have no prefix."""

    def build_head(self, inputs: int, hidden: int, classes: int = 10):
        self.dense1 = nn.Linear(inputs, hidden)
        self.dense2 = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, classes)

    def head(self, h: Tensor) -> Tensor:
        for dense in (self.dense1, self.dense2):
            h = F.dropout(F.relu(dense(h.flatten(1))), 0.5, self.training)
        return self.output(h)
