"""The language models of crates/05-recurrent (D2L zh 8.5, 8.6, 9.1-9.4, en 9.5, 9.6, 10.1-10.3): with PyTorch's layers,
and by hand under the book's names. The PyTorch reference of the English edition; the Chinese one's are trained by twin.py.

    python recurrent.py --model gru --preset en
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import texts
from common import Data, Preset, UsageError, arguments, main
from lesson import Lesson, next_token_loss, perplexity
from training import training

# Text windows of the English edition: so many to train on, and half as many behind them that are held out.
TRAIN, NUM_STEPS, HIDDENS = 10_000, 32, 32
ONE_LAYER = Preset("en 9.5", batch_size=1024, learning_rate=1.0, epochs=100, windows=True, clip_norm=1.0)
GATED = Preset("en 10.1", batch_size=1024, learning_rate=4.0, epochs=50, windows=True, clip_norm=1.0)
DEEP = Preset("en 10.3", batch_size=1024, learning_rate=2.0, epochs=100, windows=True, clip_norm=1.0)
PRESETS = {"rnn": ONE_LAYER, "lstm": GATED, "gru": GATED, "deep-rnn": DEEP, "deep-gru": DEEP}


class PeepholeLstm(nn.LSTM):
    """PyTorch's LSTM, whose gates see the memory (Gers and Schmidhuber 2000), which PyTorch lacks: one layer."""

    def __init__(self, num_inputs: int, num_hiddens: int, num_layers: int, bidirectional: bool):
        super().__init__(num_inputs, num_hiddens, num_layers, bidirectional=bidirectional)
        self.weight_peephole_l0 = nn.Parameter(torch.randn(3 * num_hiddens) * 0.01)

    def forward(self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None):
        zeros = inputs.new_zeros(inputs.shape[1], self.hidden_size)
        h, c = (zeros, zeros) if state is None else state
        p_i, p_f, p_o = self.weight_peephole_l0.chunk(3)
        outputs = []
        for x in inputs:
            sums = F.linear(x, self.weight_ih_l0, self.bias_ih_l0) + F.linear(h, self.weight_hh_l0, self.bias_hh_l0)
            i, f, candidate, o = sums.chunk(4, dim=1)
            c = torch.sigmoid(f + c * p_f) * c + torch.sigmoid(i + c * p_i) * torch.tanh(candidate)
            h = torch.sigmoid(o + c * p_o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)


LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM, "peephole-lstm": PeepholeLstm}


class RnnModel(nn.Module):
    """One-hot tokens, a recurrent layer, and a dense layer that gives the logits. zh 8.6.2, en 9.6."""

    def __init__(self, cell: str, vocab_size: int, num_hiddens: int, num_layers: int = 1, bidirectional: bool = False):
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = LAYERS[cell](vocab_size, num_hiddens, num_layers, bidirectional=bidirectional)
        self.linear = nn.Linear(num_hiddens * (2 if bidirectional else 1), vocab_size)

    def forward(self, x: Tensor) -> Tensor:  # [B, T] -> [B, T, V]
        return self.forward_from(x, None)[0]

    def forward_from(self, x: Tensor, state):
        """From the state after the tokens before `x`; also the state after `x`."""
        one_hot = F.one_hot(x.T, self.vocab_size).to(self.linear.weight.dtype)  # [T, B, V]
        h, state = self.rnn(one_hot, state)
        return self.linear(h).transpose(0, 1), state


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

    def forward(self, inputs: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:  # [T, B, D] -> [T, B, H]
        h, outputs = self.zeros(inputs) if h is None else h, []
        for x in inputs:
            h = torch.tanh(self.gate("h", x, h))
            outputs.append(h)
        return torch.stack(outputs), h


class Gru(Gates):
    """zh 9.1, en 10.2: the reset gate multiplies the state before the product."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("zrh", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h, outputs = self.zeros(inputs) if h is None else h, []
        for x in inputs:
            z, r = torch.sigmoid(self.gate("z", x, h)), torch.sigmoid(self.gate("r", x, h))
            h = z * h + (1 - z) * torch.tanh(self.gate("h", x, r * h))
            outputs.append(h)
        return torch.stack(outputs), h


class Lstm(Gates):
    """zh 9.2, en 10.1."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("ifoc", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None):
        h, c = (self.zeros(inputs), self.zeros(inputs)) if state is None else state
        outputs = []
        for x in inputs:
            i, f, o = (torch.sigmoid(self.gate(letter, x, h)) for letter in "ifo")
            c = f * c + i * torch.tanh(self.gate("c", x, h))
            h = o * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)


class Prototype(Gates):
    """Gates on an unbounded state, on the way to the LSTM (Written Memories)."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("iofs", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor, s: Tensor | None = None) -> tuple[Tensor, Tensor]:
        s, outputs = self.zeros(inputs) if s is None else s, []
        for x in inputs:
            i, o, f = (torch.sigmoid(self.gate(letter, x, s)) for letter in "iof")
            s = f * s + i * torch.tanh(self.gate("s", x, o * s))
            outputs.append(s)
        return torch.stack(outputs), s


class Pseudo(Gates):
    """Gates that see the tanh of the state (Written Memories)."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("iofs", num_inputs, num_hiddens)

    def forward(self, inputs: Tensor, s: Tensor | None = None) -> tuple[Tensor, Tensor]:
        s, outputs = self.zeros(inputs) if s is None else s, []
        for x in inputs:
            h = torch.tanh(s)
            i, o, f = (torch.sigmoid(self.gate(letter, x, h)) for letter in "iof")
            s = f * s + i * torch.tanh(self.gate("s", x, o * h))
            outputs.append(torch.tanh(s))
        return torch.stack(outputs), s


class Peephole(Gates):
    """An LSTM whose gates see the memory (Gers and Schmidhuber 2000)."""

    def __init__(self, num_inputs: int, num_hiddens: int):
        super().__init__("ifoc", num_inputs, num_hiddens)
        self.p_i, self.p_f, self.p_o = (nn.Parameter(torch.randn(num_hiddens) * 0.01) for _ in range(3))

    def forward(self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None):
        h, c = (self.zeros(inputs), self.zeros(inputs)) if state is None else state
        outputs = []
        for x in inputs:
            i = torch.sigmoid(self.gate("i", x, h) + c * self.p_i)
            f = torch.sigmoid(self.gate("f", x, h) + c * self.p_f)
            c = f * c + i * torch.tanh(self.gate("c", x, h))
            h = torch.sigmoid(self.gate("o", x, h) + c * self.p_o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)


class Stack(nn.Sequential):
    """Layers, each fed with the outputs of the one before. zh 9.3.1, en 10.3.1."""

    def forward(self, inputs: Tensor, states: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        after = []
        for layer, state in zip(self, states or [None] * len(self)):
            inputs, state = layer(inputs, state)
            after.append(state)
        return inputs, tuple(after)


class ByHand(nn.Module):
    """One-hot tokens, a recurrent layer by hand, and the logits. zh 8.5.2, en 9.5.2."""

    def __init__(self, layer, vocab_size: int, num_hiddens: int, num_layers: int = 1):
        super().__init__()
        self.vocab_size = vocab_size
        sizes = [vocab_size] + [num_hiddens] * num_layers
        layers = [layer(inputs, num_hiddens) for inputs in sizes[:-1]]
        self.rnn = layers[0] if num_layers == 1 else Stack(*layers)
        self.w_hq = nn.Parameter(torch.randn(num_hiddens, vocab_size) * 0.01)
        self.b_q = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, x: Tensor) -> Tensor:  # [B, T] -> [B, T, V]
        return self.forward_from(x, None)[0]

    def forward_from(self, x: Tensor, state):
        """From the state after the tokens before `x`; also the state after `x`."""
        h, state = self.rnn(F.one_hot(x.T, self.vocab_size).to(self.w_hq.dtype), state)
        return (h @ self.w_hq + self.b_q).transpose(0, 1), state


def models(vocab_size: int, num_hiddens: int) -> dict[str, nn.Module]:
    """The book's models, by `model-implementation`."""
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


def variants(vocab_size: int, num_hiddens: int) -> dict[str, nn.Module]:
    """Those that the book doesn't train: truncated gradients, and the steps from the simple network to the LSTM."""
    v, h = vocab_size, num_hiddens
    return {
        "peephole-lstm-concise": RnnModel("peephole-lstm", v, h),
        "rnn-truncated-scratch": ByHand(Rnn, v, h),
        "prototype-lstm-scratch": ByHand(Prototype, v, h),
        "pseudo-lstm-scratch": ByHand(Pseudo, v, h),
        "peephole-lstm-scratch": ByHand(Peephole, v, h),
    }


def train(options) -> Path:
    """One run; returns its folder."""
    if options.preset != "en":
        raise UsageError("found --preset zh; wanted en: the Chinese edition's models are trained by twin.py")
    torch.manual_seed(options.seed)
    tokens, characters, sha256 = texts.time_machine(options.data_dir, "en")
    name = f"{options.model}-{options.implementation}"
    found = models(characters, HIDDENS)
    if name not in found:
        raise UsageError(f"{options.model}: found --implementation {options.implementation}, which the book hasn't")
    preset = PRESETS[options.model]
    part = lambda start, end: texts.windows(tokens, NUM_STEPS, slice(start, end))
    data = Data("time-machine", "real", part(0, TRAIN), part(TRAIN, TRAIN + TRAIN // 2), sha256)
    optimizer = torch.optim.SGD(found[name].parameters(), preset.learning_rate)
    lesson = Lesson(data, found[name], next_token_loss, optimizer, perplexity(next_token_loss))
    return training("recurrent", options, preset, lesson, model_name=options.model)


if __name__ == "__main__":
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--model", choices=list(PRESETS), default="rnn")
    main(parser, train)
