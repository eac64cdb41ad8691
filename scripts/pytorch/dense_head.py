"""What AlexNet and VGG end with: the PyTorch reference for crates/04-convolutional/src/dense_head.rs."""

import torch.nn.functional as F
from torch import Tensor, nn


class DenseHead(nn.Module):
    """Two dense layers with ReLU and dropout, and the output; a base class, so that its parameters have no prefix."""

    def build_head(self, inputs: int, hidden: int, classes: int = 10):
        self.dense1 = nn.Linear(inputs, hidden)
        self.dense2 = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, classes)
        self.dropout1, self.dropout2 = nn.Dropout(0.5), nn.Dropout(0.5)

    def head(self, h: Tensor) -> Tensor:
        h = self.dropout1(F.relu(self.dense1(h.flatten(1))))
        return self.output(self.dropout2(F.relu(self.dense2(h))))
