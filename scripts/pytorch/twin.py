"""Trains the PyTorch twin of a Rust run: the same network, from the same initial parameters, through the same minibatches,
with the same dropout. Writes the same log, so that `runs compare` sets one beside the other.

    cargo run -p convolutional -- lenet --name rust
    cargo run -p convolutional -- lenet --name rust-start --epochs 0
    python twin.py ../../runs/convolutional/rust --data-dir ../../data
    cargo run -p runs -- compare convolutional/rust convolutional/rust-pytorch

Model, recipe, options, data and seed come from the first line of the run's log. `--double` computes in f64 (RUN-double):
how far PyTorch's f32 is from it is how far rounding alone leads.
"""

import argparse
import json
import math
import platform
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import torch
from torch import Tensor

from common import Data, Log, Preset, UsageError, folder, load_parameters, main, run_folder, save_parameters
from draws import Stream
from dropped import Place, drop_as_rust
from training import ending, train_epochs
from case import Batches, Case, Twin
from twins import twins_of


def read_log(run: Path) -> list[dict]:
    """The lines of a run's log."""
    log = run / "log.jsonl"
    if not log.exists():
        raise UsageError(f"{run}: found no log.jsonl, wanted the folder of a run")
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def train(options) -> None:
    """Trains the twin of each run."""
    for run in options.runs:
        train_twin(run, options)


def train_twin(rust: Path, options) -> None:
    """Trains what the run `rust` trained; in a cross-validation, one model after the other."""
    header, *epochs = read_log(rust)
    case = Case(header, options.data_dir)
    recipe, preset = case.recipe, preset_of(case, epochs)
    start = rust.with_name(f"{rust.name}-start")
    name = f"{rust.name}-{'double' if options.double else 'pytorch'}"
    trained = twins_of(case)

    run = run_folder(rust.parent, name, name)
    log, began = Log(run), time.perf_counter()
    log.write("run", **twin_header(header))
    final, best, ends = {}, {}, []
    for twin in trained:
        model, seed = twin.lesson.model, twin.seed(case.seed)
        load_parameters(model, start / twin.file())
        if options.double:
            compute_in_double(twin)
        twin.lesson.optimizer = optimizer(twin, recipe)
        place = Place(seed)
        drop_as_rust(model, place, twin.decoder_steps)
        batches = placed(minibatches(twin, case, seed), place)
        last, best = train_epochs(twin.lesson, preset, recipe["epochs"], batches, log, twin.fold, options.quiet)
        if twin.fold is None:
            final |= last | (twin.errors(model) if twin.errors else {})
        else:
            ends.append(last)
            final |= {f"fold{twin.fold}.{metric}": value for metric, value in last.items()}
        save_parameters(model, run / twin.file())
    if ends:
        final |= {f"folds.{metric}": sum(end[metric] for end in ends) / len(ends) for metric in ends[0]}
    log.write("end", **ending("finished", recipe["epochs"], began, final, best))
    if not options.quiet:
        print(f"{run}: the PyTorch twin of {rust.name}")


def preset_of(case: Case, epochs: list[dict]) -> Preset:
    """The recipe, with the groups of numbers that the run's log has."""
    recipe = case.recipe
    case.wants(accumulate=1, patience=None)
    logs = lambda group: any(group in epoch for epoch in epochs)
    return Preset(
        section="", batch_size=recipe["batch_size"], learning_rate=recipe["learning_rate"], epochs=recipe["epochs"],
        windows=logs("train_window"), train_after=logs("train_after"), clip_norm=recipe["clip_norm"],
        schedule=lambda epoch, stalled: learning_rate(recipe, epoch, stalled),
    )


def learning_rate(recipe: dict, epoch: int, stalled: int) -> float:
    """Of an epoch, counted from 1, after `stalled` epochs that didn't lower the validation loss: `constant`, `plateau` or
    `cosine`, in the words of crates/d2l-nn/src/schedule.rs."""
    curve, _, settings = recipe["schedule"].partition(":")
    settings = dict(setting.split("=") for setting in settings.split(",") if setting)
    number = lambda name, default: float(settings.get(name, default))
    rate, done, warm_up = recipe["learning_rate"], max(epoch - 1, 0), int(number("warm-up", 0))
    factor = float(settings["factor"]) ** stalled if curve == "plateau" else 1.0
    if done < warm_up:
        start = number("start", 0)
        return (start + (rate - start) * done / warm_up) * factor
    if curve in ("constant", "plateau"):
        return rate * factor
    if curve != "cosine":
        raise UsageError(f"found --schedule {curve}; the PyTorch twins have constant, plateau and cosine alone")
    length = number("epochs", recipe["epochs"]) - warm_up
    share = (done - warm_up) / length if done - warm_up < length else 1.0
    end = number("end", 0)
    return end + (rate - end) * (1 + math.cos(math.pi * share)) / 2


def optimizer(twin: Twin, recipe: dict) -> torch.optim.Optimizer:
    """The recipe's, with weight decay for the parameters that decay."""
    named = list(twin.lesson.model.named_parameters())
    groups = [
        {"params": [parameter for name, parameter in named if twin.decays(name)], "weight_decay": recipe["weight_decay"]},
        {"params": [parameter for name, parameter in named if not twin.decays(name)]},
    ]
    groups = [group for group in groups if group["params"]]
    rate = recipe["learning_rate"]
    match recipe["optimizer"]:
        case "sgd":
            return torch.optim.SGD(groups, rate, momentum=recipe["momentum"], nesterov=recipe["nesterov"])
        case "adam":
            return torch.optim.Adam(groups, rate)
        case "adamw":
            return torch.optim.AdamW(groups, rate, weight_decay=0.0)
        case other:
            raise UsageError(f"found --optimizer {other}; the PyTorch twins have sgd, adam and adamw alone")


def minibatches(twin: Twin, case: Case, seed: int) -> Batches:
    """The indices of each epoch's minibatches, in the Rust run's order."""
    if twin.batches:
        return twin.batches(seed)
    examples, size = len(twin.lesson.data.train[1]), case.recipe["batch_size"]

    def batches(epoch: int) -> Iterable[Tensor]:
        order = torch.arange(examples)
        if case.recipe["shuffle"]:
            order = torch.from_numpy(Stream(seed, "shuffle", "train", epoch).permutation(examples))
        return order.split(size)

    return batches


def placed(batches: Batches, place: Place) -> Batches:
    """The same minibatches; `place` follows them."""

    def of_epoch(epoch: int) -> Iterable[Tensor]:
        place.next_epoch(epoch)
        for indices in batches(epoch):
            place.next_step()
            yield indices

    return of_epoch


def compute_in_double(twin: Twin) -> None:
    """Turns parameters, inputs and targets into f64."""
    twin.lesson.model.double()
    double = lambda value: value.double() if isinstance(value, Tensor) and value.is_floating_point() else value
    hook = lambda _, inputs: tuple(double(value) for value in inputs)
    twin.lesson.model.register_forward_pre_hook(hook)
    split = lambda part: part and (part[0], double(part[1]))
    data = twin.lesson.data
    twin.lesson.data = Data(data.name, data.source, split(data.train), split(data.valid), data.sha256)


def twin_header(header: dict) -> dict:
    """The log's first line: the run's, but for what computed it."""
    return {name: value for name, value in header.items() if name != "kind"} | {
        "implementation": f"pytorch-{header['implementation']}",
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "started": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run; its start is in RUN-start")
    parser.add_argument("--data-dir", type=Path, default=folder("D2L_DATA", "data"), metavar="DIR")
    parser.add_argument("--double", action="store_true", help="compute in f64")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quiet", action="store_true")
    main(parser, train)
