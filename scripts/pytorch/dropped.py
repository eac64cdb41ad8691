"""Dropout that drops what the Rust programs drop: a function of the run's seed, the layer's name, the epoch and the step."""

import functools
import re
from collections import Counter

import torch
from torch import Tensor, nn

from draws import Stream

# PyTorch's layers as functions, which let dropout in between.
COMPUTE = {"RNN_TANH": torch.rnn_tanh, "GRU": torch.gru, "LSTM": torch.lstm}

# These layers of the words' model are called with [T, B, H] here and with [B, T, H] there.
BATCH_FIRST = ("before", "behind")


class Place:
    """The place in the run, which the draws depend on."""

    def __init__(self, seed: int):
        self.seed, self.epoch, self.step = seed, 0, 0
        self.calls = Counter()  # of each layer in this step

    def next_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def next_step(self) -> None:
        self.step += 1
        self.calls.clear()


def drop_as_rust(model: nn.Module, place: Place, decoder_steps: int | None = None) -> None:
    """Gives the model's dropout layers, and those between its recurrent layers, the draws of the Rust program.

    `decoder_steps`: the decoder goes through so many time steps one by one, and each has draws of its own.
    """
    for path, module in model.named_modules():
        steps = decoder_steps if decoder_steps and path.startswith("decoder.") else 1
        if isinstance(module, nn.Dropout):
            module.forward = functools.partial(dropped, module, module.p, rust_name(path), steps, place)
        elif isinstance(module, nn.RNNBase) and module.dropout:
            module.forward = functools.partial(layer_by_layer, module, path, steps, place)


def rust_name(path: str) -> str:
    """A block's first dropout stands beside its first normalisation here, and within it there."""
    return re.sub(r"(blocks\.\d+)\.dropout(\d)$", r"\1.norm\2.dropout", path)


def dropped(module: nn.Module, p: float, name: str, steps: int, place: Place, x: Tensor) -> Tensor:
    """x ∘ m / (1 - p) in training, x otherwise."""
    if not module.training or p == 0:
        return x
    step = place.step * steps + (place.calls[name] if steps > 1 else 0)
    place.calls[name] += 1
    stream = Stream(place.seed, "dropout", name, place.epoch, step)
    kept = torch.from_numpy(stream.kept(p, x.numel()))
    kept = kept.view(x.transpose(0, 1).shape).transpose(0, 1) if name in BATCH_FIRST else kept.view(x.shape)
    return x * kept * (1 / (1 - p))


def layer_by_layer(rnn: nn.RNNBase, path: str, steps: int, place: Place, x: Tensor, state=None):
    """PyTorch's recurrent layers, one after the other, with dropout between them."""
    compute, has_memory = COMPUTE[rnn.mode], rnn.mode == "LSTM"
    zeros = x.new_zeros(rnn.num_layers, x.shape[1], rnn.hidden_size)
    if state is None:
        state = (zeros, zeros) if has_memory else zeros
    after = []
    for layer, weights in enumerate(rnn.all_weights):
        part = lambda of_all: of_all[layer : layer + 1]
        before = tuple(map(part, state)) if has_memory else part(state)
        x, *last = compute(x, before, weights, True, 1, 0.0, False, False, False)
        after.append(last)
        if layer + 1 < rnn.num_layers:
            x = dropped(rnn, rnn.dropout, f"{path}.dropout_l{layer}", steps, place, x)
    state = tuple(torch.cat(parts) for parts in zip(*after))
    return x, state if has_memory else state[0]
