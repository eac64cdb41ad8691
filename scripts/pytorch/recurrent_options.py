"""The options of chapter 05's models that the book's exercises ask for: ReLU, several layers, an embedding, gated
recurrent units that lack a gate, and recurrent networks for the noisy sine. golden_models.py runs them.
"""

import torch
from torch import Tensor, nn

from recurrent import ByHand, Gates, Gru, Lstm, Rnn, RnnModel


class Relu(nn.RNN):
    """PyTorch's layer with ReLU in place of tanh."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__(num_inputs, num_hiddens, nonlinearity="relu")


class ReluRnn(Gates):
    """zh 8.5, exercise 6."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("h", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h, outputs = self.zeros(inputs) if h is None else h, []
        for x in inputs:
            h = torch.relu(self.gate("h", x, h))
            outputs.append(h)
        return torch.stack(outputs), h


class ResetGru(Gates):
    """zh 9.1, exercise 4: no update gate."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("rh", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h, outputs = self.zeros(inputs) if h is None else h, []
        for x in inputs:
            h = torch.tanh(self.gate("h", x, torch.sigmoid(self.gate("r", x, h)) * h))
            outputs.append(h)
        return torch.stack(outputs), h


class UpdateGru(Gates):
    """zh 9.1, exercise 4: no reset gate."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("zh", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h, outputs = self.zeros(inputs) if h is None else h, []
        for x in inputs:
            h = torch.lerp(torch.tanh(self.gate("h", x, h)), h, torch.sigmoid(self.gate("z", x, h)))
            outputs.append(h)
        return torch.stack(outputs), h


class Embedded(nn.Module):
    """A model whose tokens are rows of a learned table: zh 8.5, exercise 2."""

    def __init__(self, vocab_size: int, dim: int, rnn: nn.Module):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, dim)
        self.rnn = rnn

    def hidden(self, x: Tensor) -> Tensor:  # [B, T] -> [T, B, H]
        return self.rnn(self.embedding(x.T))[0]


class EmbeddedConcise(Embedded):
    """With PyTorch's layers."""

    def __init__(self, vocab_size: int, dim: int, num_hiddens: int):
        super().__init__(vocab_size, dim, nn.RNN(dim, num_hiddens))
        self.linear = nn.Linear(num_hiddens, vocab_size)

    def forward(self, x: Tensor) -> Tensor:  # [B, T] -> [B, T, V]
        return self.linear(self.hidden(x)).transpose(0, 1)


class EmbeddedByHand(Embedded):
    """By hand, under the book's names."""

    def __init__(self, layer, vocab_size: int, dim: int, num_hiddens: int):
        super().__init__(vocab_size, dim, layer(dim, num_hiddens))
        self.w_hq = nn.Parameter(torch.randn(num_hiddens, vocab_size) * 0.01)
        self.b_q = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, x: Tensor) -> Tensor:
        return (self.hidden(x) @ self.w_hq + self.b_q).transpose(0, 1)


def relu(vocab_size: int, num_hiddens: int) -> RnnModel:
    """The concise model with ReLU."""
    model = RnnModel("rnn", vocab_size, num_hiddens)
    model.rnn = Relu(vocab_size, num_hiddens)
    return model


def models(vocab_size: int, num_hiddens: int, embedding_dim: int) -> dict[str, nn.Module]:
    """The language models, by `model-implementation`."""
    v, h = vocab_size, num_hiddens
    return {
        "rnn-relu-scratch": ByHand(ReluRnn, v, h),
        "rnn-relu-concise": relu(v, h),
        "deep-rnn-concise": RnnModel("rnn", v, h, num_layers=2),
        "deep-gru-scratch": ByHand(Gru, v, h, num_layers=2),
        "deep-lstm-scratch": ByHand(Lstm, v, h, num_layers=2),
        "rnn-embedded-scratch": EmbeddedByHand(Rnn, v, embedding_dim, h),
        "rnn-embedded-concise": EmbeddedConcise(v, embedding_dim, h),
        "gru-reset-scratch": ByHand(ResetGru, v, h),
        "gru-update-scratch": ByHand(UpdateGru, v, h),
    }


class RecurrentSine(nn.Module):
    """The next value of a series from the last ones, which a recurrent layer reads one by one: zh 8.6, exercise 3."""

    def __init__(self, layer, num_hiddens: int):
        super().__init__()
        self.rnn = layer(1, num_hiddens)
        self.output = nn.Linear(num_hiddens, 1)

    def forward(self, x: Tensor) -> Tensor:  # [B, τ] -> [B, 1]
        outputs, _ = self.rnn(x.T.unsqueeze(2))  # [τ, B, H]
        return self.output(outputs[-1])
