"""What the PyTorch references share beside the loop (training.py): flags, data, parameters, numbers, the log."""

import argparse
import gzip
import hashlib
import json
import math
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


class UsageError(Exception):
    """An error that the caller can correct; reported in one line, without a traceback."""


# --- Settings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preset:
    """One edition of the book: how a section trains, and which numbers it reports."""

    section: str
    batch_size: int
    learning_rate: float
    epochs: int
    # English edition: report the mean over the last complete window of half an epoch's minibatches, and the
    # unweighted mean over the validation minibatches.
    windows: bool = False
    # zh 3.2, 3.3, 4.4 and 4.5: report the loss on the whole training set after each epoch.
    train_after: bool = False
    weight_decay: float = 0.0
    optimizer: str = "sgd"
    # The largest norm of all gradients together; a larger one is scaled down to it.
    clip_norm: float | None = None
    # The learning rate of an epoch, where it changes, given how many epochs have not lowered the validation loss.
    schedule: Callable[[int, int], float] | None = None

    def learning_rate_of(self, epoch: int, stalled: int) -> float:
        return self.schedule(epoch, stalled) if self.schedule else self.learning_rate


def folder(variable: str, default: str) -> Path:
    """The folder that an environment variable names."""
    return Path(os.environ.get(variable, default))


def arguments(description: str) -> argparse.ArgumentParser:
    """The flags of every PyTorch reference; they mean the same as in the Rust chapters."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--implementation", choices=["scratch", "concise"], default="concise")
    parser.add_argument("--preset", choices=["zh", "en"], default="zh", help="which edition's settings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, default=folder("D2L_DATA", "data"), metavar="DIR")
    parser.add_argument("--runs-dir", type=Path, default=folder("D2L_RUNS", "runs"), metavar="DIR")
    parser.add_argument("--init", type=Path, metavar="FILE", help="start from the parameters of this safetensors file")
    parser.add_argument("--epochs", type=int, help="instead of the preset's; 0 evaluates and saves what it starts from")
    parser.add_argument("--no-shuffle", action="store_true", help="take the training examples in the file's order")
    parser.add_argument("--examples", type=int, metavar="N", help="only the first N of each split")
    parser.add_argument("--name", help="the run's folder; an error where it exists")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quiet", action="store_true")
    return parser


# --- Data -------------------------------------------------------------------------------------------------------------


@dataclass
class Data:
    """Inputs and targets of the two splits. Images stay one byte per pixel until their batch is used.

    The inputs are one tensor, or a tuple of tensors for a model that takes several.
    """

    name: str
    source: str
    train: tuple[Tensor | tuple[Tensor, ...], Tensor]
    valid: tuple[Tensor | tuple[Tensor, ...], Tensor] | None
    sha256: str

    def first(self, examples: int | None) -> "Data":
        """Only the first `examples` of each split."""
        if examples is None:
            return self
        if examples < 1:
            raise UsageError(f"--examples {examples}: wanted 1 or more")
        cut = lambda split: split and (rows(split[0], slice(examples)), split[1][:examples])
        return Data(self.name, self.source, cut(self.train), cut(self.valid), self.sha256)


def digest(parts: list[bytes]) -> str:
    """SHA-256 over the SHA-256 digests of the parts: what the Rust log calls the `sha256` of a data set."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def read_plain(path: Path) -> bytes:
    """The content of a file that isn't compressed."""
    if not path.exists():
        raise UsageError(f"no {path.name} in {path.parent}; name the data folder with --data-dir")
    return path.read_bytes()


def read_idx(path: Path) -> tuple[numpy.ndarray, bytes]:
    """The array in an IDX file, gzipped or not, and its content: 0, 0, 8 for bytes, the rank, the sizes, the data."""
    found = [candidate for candidate in (path, path.with_name(path.name + ".gz")) if candidate.exists()]
    if not found:
        raise UsageError(f"no {path.name} and no {path.name}.gz in {path.parent}; name the data folder with --data-dir")
    path = found[0]
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise UsageError(f"{path} is no IDX file of bytes; fetch it again")
    sizes = struct.unpack_from(f">{content[3]}I", content, 4)
    array = numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * len(sizes))
    if array.size != math.prod(sizes):
        raise UsageError(f"{path} holds {array.size} bytes, its header says {math.prod(sizes)}; fetch it again")
    return array.reshape(sizes), content


def fashion_mnist(data_dir: Path) -> Data:
    """60,000 and 10,000 flattened images; like the book, the PyTorch references validate on the test set."""
    return image_set(data_dir, "fashion-mnist")


def image_set(data_dir: Path, name: str) -> Data:
    """The flattened images of a set that is published as MNIST is."""
    splits, parts = [], []
    for split in ["train", "t10k"]:
        images, image_file = read_idx(data_dir / name / f"{split}-images-idx3-ubyte")
        labels, label_file = read_idx(data_dir / name / f"{split}-labels-idx1-ubyte")
        pixels = torch.from_numpy(images.reshape(len(images), -1).copy())  # [N, 784], uint8
        splits.append((pixels, torch.from_numpy(labels.astype(numpy.int64))))
        parts += [image_file, label_file]
    return Data(name, "real", *splits, digest(parts))


def rows(inputs: Tensor | tuple[Tensor, ...], chosen: Tensor | slice) -> Tensor | tuple[Tensor, ...]:
    """The chosen rows of a model's inputs."""
    return tuple(tensor[chosen] for tensor in inputs) if isinstance(inputs, tuple) else inputs[chosen]


def output(model, inputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    """What the model makes of its inputs."""
    return model(*inputs) if isinstance(inputs, tuple) else model(to_float(inputs))


def to_float(inputs: Tensor) -> Tensor:
    """Bytes to [0, 1], as torchvision's `ToTensor` does; other inputs as they are."""
    return inputs.float().div(255) if inputs.dtype == torch.uint8 else inputs


# --- Parameters -------------------------------------------------------------------------------------------------------


class SGD:
    """Stochastic gradient descent by hand, the optimizer of the scratch sections: p <- p - lr * gradient."""

    def __init__(self, parameters, lr: float):
        self.parameters, self.lr = list(parameters), lr

    def zero_grad(self):
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self):
        for parameter in self.parameters:
            parameter -= self.lr * parameter.grad


def load_parameters(model: nn.Module, path: Path) -> None:
    """Puts the parameters of a safetensors file into the model; names and shapes must agree, but for batch
    normalisation's `num_batches_tracked`, which the Rust side lacks and PyTorch doesn't need."""
    if not path.exists():
        raise UsageError(f"--init {path}: no such file")
    found = load_file(path)
    shapes = lambda tensors: {
        name: list(tensor.shape) for name, tensor in sorted(tensors.items()) if not name.endswith("num_batches_tracked")
    }
    if shapes(found) != shapes(model.state_dict()):
        raise UsageError(f"--init {path} holds {shapes(found)}, the model has {shapes(model.state_dict())}")
    model.load_state_dict(found)


def save_parameters(model: nn.Module, path: Path) -> None:
    """Writes the parameters as a safetensors file, under their names."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)


# --- Numbers ----------------------------------------------------------------------------------------------------------


@dataclass
class Mean:
    """A running mean; `add` takes the mean of `weight` values."""

    total: float = 0.0
    weight: float = 0.0

    def add(self, value: float, weight: float = 1.0) -> None:
        self.total += value * weight
        self.weight += weight

    @property
    def value(self) -> float:
        return self.total / self.weight if self.weight else 0.0


@dataclass
class Window:
    """The mean over the last complete window of `size` minibatches; a window may continue in the next epoch."""

    size: int
    values: list[float] = field(default_factory=list)
    last: float | None = None

    def add(self, value: float) -> None:
        self.values.append(value)
        if len(self.values) == self.size:
            self.last = sum(self.values) / self.size
            self.values.clear()


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    """The share of examples whose largest output, [B, K], is at their class, [B]."""
    return (outputs.argmax(dim=1) == targets).float().mean().item()


# --- The log ----------------------------------------------------------------------------------------------------------


def run_folder(parent: Path, name: str | None, default: str) -> Path:
    """Where the run goes: `name`, which must be new, or `default`, else `default-2`, `default-3`, …"""
    if name is not None:
        if (parent / name).exists():
            raise UsageError(f"run {parent / name} exists; give another --name")
        return parent / name
    folder, number = parent / default, 2
    while folder.exists():
        folder, number = parent / f"{default}-{number}", number + 1
    return folder


class Log:
    """`log.jsonl`: one line when the run starts, one per epoch, one at its end."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.file = open(folder / "log.jsonl", "w", encoding="utf-8")

    def write(self, kind: str, **fields) -> None:
        self.file.write(json.dumps({"kind": kind, **fields}, separators=(",", ":"), allow_nan=False) + "\n")
        self.file.flush()


# --- The command line -------------------------------------------------------------------------------------------------


def main(parser: argparse.ArgumentParser, train) -> None:
    """Parses the flags and trains; an error that the caller can correct is reported in one line."""
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        train(options)
    except UsageError as error:
        sys.exit(f"error: {error}")
