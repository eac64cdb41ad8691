"""The language models of crates/05-recurrent (D2L zh 8.5, 8.6, 9.1-9.4, en 9.5, 9.6, 10.1-10.3): with PyTorch's layers,
and by hand under the book's names. For parity; they are not trained here.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class RnnModel(nn.Module):
    """One-hot tokens, a recurrent layer, and a dense layer that gives the logits. zh 8.6.2, en 9.6."""

    def __init__(self, cell: str, vocab_size: int, num_hiddens: int, num_layers: int = 1, bidirectional: bool = False):
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = LAYERS[cell](vocab_size, num_hiddens, num_layers, bidirectional=bidirectional)
        self.linear = nn.Linear(num_hiddens * (2 if bidirectional else 1), vocab_size)

    def forward(self, x: Tensor) -> Tensor:  # [B, T] -> [B, T, V]
        one_hot = F.one_hot(x.T, self.vocab_size).to(self.linear.weight.dtype)  # [T, B, V]
        h, _ = self.rnn(one_hot)
        return self.linear(h).transpose(0, 1)


class Gates(nn.Module):
    """`w_x…` [D, H], `w_h…` [H, H] and `b_…` [H] for each of the book's letters."""

    def __init__(self, letters: str, num_inputs: int, num_hiddens: int):
        super().__init__()
        self.num_hiddens = num_hiddens
        for letter in letters:
            self.register_parameter(f"w_x{letter}", nn.Parameter(torch.randn(num_inputs, num_hiddens) * 0.01))
            self.register_parameter(f"w_h{letter}", nn.Parameter(torch.randn(num_hiddens, num_hiddens) * 0.01))
            self.register_parameter(f"b_{letter}", nn.Parameter(torch.zeros(num_hiddens)))

    def gate(self, letter: str, x: Tensor, h: Tensor) -> Tensor:
        return x @ getattr(self, f"w_x{letter}") + h @ getattr(self, f"w_h{letter}") + getattr(self, f"b_{letter}")

    def zeros(self, x: Tensor) -> Tensor:
        return torch.zeros(x.shape[1], self.num_hiddens, dtype=x.dtype)


class Rnn(Gates):
    """zh 8.5, en 9.5."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("h", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor) -> Tensor:  # [T, B, D] -> [T, B, H]
        h, outputs = self.zeros(inputs), []
        for x in inputs:
            h = torch.tanh(self.gate("h", x, h))
            outputs.append(h)
        return torch.stack(outputs)


class Gru(Gates):
    """zh 9.1, en 10.2: the reset gate multiplies the state before the product."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("zrh", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor) -> Tensor:
        h, outputs = self.zeros(inputs), []
        for x in inputs:
            z, r = torch.sigmoid(self.gate("z", x, h)), torch.sigmoid(self.gate("r", x, h))
            h = z * h + (1 - z) * torch.tanh(self.gate("h", x, r * h))
            outputs.append(h)
        return torch.stack(outputs)


class Lstm(Gates):
    """zh 9.2, en 10.1."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("ifoc", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor) -> Tensor:
        h, c, outputs = self.zeros(inputs), self.zeros(inputs), []
        for x in inputs:
            i, f, o = (torch.sigmoid(self.gate(letter, x, h)) for letter in "ifo")
            c = f * c + i * torch.tanh(self.gate("c", x, h))
            h = o * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs)


class ByHand(nn.Module):
    """One-hot tokens, a recurrent layer by hand, and the logits. zh 8.5.2, en 9.5.2."""

    def __init__(self, layer, vocab_size: int, num_hiddens: int, num_layers: int = 1):
        super().__init__()
        self.vocab_size = vocab_size
        sizes = [vocab_size] + [num_hiddens] * num_layers
        layers = [layer(inputs, num_hiddens) for inputs in sizes[:-1]]
        self.rnn = layers[0] if num_layers == 1 else nn.Sequential(*layers)
        self.w_hq = nn.Parameter(torch.randn(num_hiddens, vocab_size) * 0.01)
        self.b_q = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, x: Tensor) -> Tensor:  # [B, T] -> [B, T, V]
        h = self.rnn(F.one_hot(x.T, self.vocab_size).to(self.w_hq.dtype))
        return (h @ self.w_hq + self.b_q).transpose(0, 1)


def models(vocab_size: int, num_hiddens: int) -> dict[str, nn.Module]:
    """All models, by `model-implementation`."""
    v, h = vocab_size, num_hiddens
    return {
        "rnn-concise": RnnModel("rnn", v, h),
        "gru-concise": RnnModel("gru", v, h),
        "lstm-concise": RnnModel("lstm", v, h),
        "deep-gru-concise": RnnModel("gru", v, h, num_layers=2),
        "deep-lstm-concise": RnnModel("lstm", v, h, num_layers=2),
        "bidirectional-lstm-concise": RnnModel("lstm", v, h, num_layers=2, bidirectional=True),
        "rnn-scratch": ByHand(Rnn, v, h),
        "gru-scratch": ByHand(Gru, v, h),
        "lstm-scratch": ByHand(Lstm, v, h),
        "deep-rnn-scratch": ByHand(Rnn, v, h, num_layers=2),
    }
