"""The loop of the PyTorch references: batch, loss, backward, step, record; then evaluate and write the epoch's line.

A PyTorch reference writes the same log as the Rust chapters (`runs/<chapter>/<name>/log.jsonl`), so its run can be
listed and compared with theirs.
"""

import math
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path

import torch
from torch import Tensor, nn

from common import Data, Log, Mean, Preset, UsageError, Window
from common import load_parameters, output, rows, run_folder, save_parameters
from lesson import Lesson, Measure


def training(
    chapter: str, options, preset: Preset, lesson: Lesson, errors=None, model_name: str | None = None,
) -> Path:
    """Trains the model as its section does; returns the run's folder, with the log and the parameters.

    `errors(model)` gives numbers that are known only after training. `model_name` is what the log calls the model where
    it isn't the chapter's name.
    """
    model_name = model_name or chapter
    if options.init:
        load_parameters(lesson.model, options.init)
    epochs = preset.epochs if options.epochs is None else options.epochs
    lesson.data = lesson.data.first(options.examples)
    folder = run_folder(options.runs_dir / chapter, options.name, default_name(model_name, options))
    log = Log(folder)
    log.write("run", **header(chapter, model_name, options, preset, epochs, lesson.data, lesson.model))
    started = time.perf_counter()
    batches = shuffled(len(lesson.data.train[1]), preset.batch_size, shuffle_of(options))
    final, best = train_epochs(lesson, preset, epochs, batches, log, quiet=options.quiet)
    final |= errors(lesson.model) if errors else {}
    save_parameters(lesson.model, folder / "model.safetensors")
    log.write("end", **ending("finished", epochs, started, final, best))
    if not options.quiet:
        print(f"{folder}: {line(final)}")
    return folder


def shuffle_of(options) -> torch.Generator | None:
    """What orders the examples; nothing under --no-shuffle."""
    return None if options.no_shuffle else torch.Generator().manual_seed(options.seed)


def shuffled(examples: int, batch_size: int, shuffle: torch.Generator | None) -> Callable[[int], Iterable[Tensor]]:
    """The minibatches of each epoch, as indices, in PyTorch's random order."""
    order = lambda: torch.arange(examples) if shuffle is None else torch.randperm(examples, generator=shuffle)
    return lambda epoch: order().split(batch_size)


def train_epochs(
    lesson: Lesson, preset: Preset, epochs: int, batches: Callable[[int], Iterable[Tensor]], log: Log,
    fold: int | None = None, quiet: bool = True,
) -> tuple[dict[str, float], dict[str, dict]]:
    """The training loop: the last epoch's metrics, and the best of all epochs. `batches(epoch)` gives the indices of each
    minibatch. Without epochs, the log has an epoch 0 of an evaluation alone.
    """
    model, optimizer = lesson.model, lesson.optimizer
    inputs, targets = lesson.data.train
    measures = {"loss": Measure(lesson.loss, lesson.weight)}
    measures |= {name: measure for name, measure in lesson.measures.items() if measure.in_training}
    length = max(1, math.ceil(len(targets) / preset.batch_size) // 2)
    windows = {name: Window(length) for name, measure in measures.items() if name == "loss" or measure.shown_by_batch}
    step, best, groups, stalled, lowest = 0, {}, {}, 0, math.inf

    for epoch in range(1, epochs + 1) if epochs else [0]:
        train, gradient_norm, examples = {name: Mean() for name in measures}, Mean(), 0
        began, rate = time.perf_counter(), preset.learning_rate_of(epoch, stalled)
        if preset.schedule:
            for group in optimizer.param_groups:
                group["lr"] = rate
        model.train()
        for indices in batches(epoch) if epoch else []:
            y = targets[indices]
            y_hat = output(model, rows(inputs, indices))
            loss = lesson.loss(y_hat, y)
            with torch.no_grad():  # before the step: a loss may depend on parameters too
                for name, measure in lesson.measures.items():
                    if measure.in_training:
                        of_batch, weight = measure.of_batch(y_hat, y)
                        train[name].add(of_batch, weight)
                        if name in windows:
                            windows[name].add(measure.shown(of_batch))
            optimizer.zero_grad()
            (lesson.objective(loss, y) if lesson.objective else loss).backward()
            norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
            gradient_norm.add(norm.item())
            if preset.clip_norm:
                nn.utils.clip_grads_with_norm_(model.parameters(), preset.clip_norm, norm)
            optimizer.step()

            step, examples = step + 1, examples + len(y)
            value = loss.item()
            if not math.isfinite(value):
                reason = f"loss {value} in epoch {epoch}, step {step}"
                log.write("end", **ending("failed", epoch - 1, began, {}, {}), reason=reason)
                raise UsageError(f"{reason}; try a lower learning rate")
            windows["loss"].add(value)
            train["loss"].add(value, lesson.weight(y))
        seconds = time.perf_counter() - began

        shown = {name: measures[name].shown(mean.value) for name, mean in train.items()}
        groups = {"train": shown if epoch else {}}
        if preset.windows and windows["loss"].last is not None:
            groups["train_window"] = {name: window.last for name, window in windows.items()}
        groups |= evaluations(lesson, preset)
        if "valid" in groups:
            stalled += groups["valid"]["loss"] >= lowest
            lowest = min(lowest, groups["valid"]["loss"])
        for metric, value in flat(groups).items():
            sign = 1 if metric.endswith("accuracy") else -1
            if metric not in best or sign * value > sign * best[metric]["value"]:
                best[metric] = {"value": value, "epoch": epoch}
        log.write("epoch", epoch=epoch, step=step, learning_rate=rate, **groups,
                  gradient_norm=gradient_norm.value, seconds=seconds,
                  examples_per_second=examples / seconds if epoch else 0.0, **({"fold": fold} if fold else {}))
        if not quiet:
            print(f"epoch {epoch}/{epochs}  {line(flat(groups))}  {seconds:.1f} s", flush=True)
    return flat(groups), best


def evaluations(lesson: Lesson, preset: Preset) -> dict[str, dict[str, float]]:
    """What is measured with fixed parameters, by the log's groups."""
    groups = {}
    if lesson.data.valid:
        groups["valid"], by_batch = lesson.evaluate(lesson.data.valid, preset.batch_size)
        if preset.windows:
            groups["valid_batches"] = by_batch
    if preset.train_after:
        groups["train_after"], _ = lesson.evaluate(lesson.data.train, preset.batch_size)
    return groups


def flat(groups: dict[str, dict[str, float]]) -> dict[str, float]:
    """`{"train": {"loss": 1.0}}` to `{"train.loss": 1.0}`."""
    return {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}


def line(numbers: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.6g}" for name, value in numbers.items())


def default_name(model_name: str, options) -> str:
    """Model, implementation, preset, device and seed, then the flags that change the run."""
    name = f"{model_name}-pytorch-{options.implementation}-{options.preset}-cpu-s{options.seed}"
    for flag in ["epochs", "examples"]:
        value = getattr(options, flag)
        name += "" if value is None else f"-{flag}{value}"
    return name + ("-no-shuffle" if options.no_shuffle else "") + ("-init" if options.init else "")


def header(
    chapter: str, model_name: str, options, preset: Preset, epochs: int, data: Data, model: nn.Module
) -> dict:
    """The log's first line."""
    return {
        "schema": 1,
        "chapter": chapter,
        "model": model_name,
        "implementation": f"pytorch-{options.implementation}",
        "preset": options.preset,
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "seed": options.seed,
        "recipe": {
            "epochs": epochs,
            "batch_size": preset.batch_size,
            "learning_rate": preset.learning_rate,
            "optimizer": preset.optimizer,
            "momentum": 0.0,
            "nesterov": False,
            "weight_decay": preset.weight_decay,
            "schedule": "constant",
            "clip_norm": preset.clip_norm,
            "shuffle": not options.no_shuffle,
        }
        | ({"init": str(options.init)} if options.init else {}),
        "data": {
            "name": data.name,
            "source": data.source,
            "train": len(data.train[1]),
            "valid": len(data.valid[1]) if data.valid else 0,
            "sha256": data.sha256,
        },
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "started": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def ending(status: str, epochs: int, started: float, final: dict, best: dict) -> dict:
    """The log's last line. A PyTorch reference judges nothing: `bands` is empty."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KiB elsewhere
    return {
        "status": status,
        "epochs": epochs,
        "seconds": time.perf_counter() - started,
        "peak_memory_bytes": peak if sys.platform == "darwin" else peak * 1024,
        "final": final,
        "best": best,
        "bands": [],
    }
