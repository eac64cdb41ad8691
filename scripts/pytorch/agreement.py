"""How far runs are from their PyTorch twins, epoch by epoch: the table of compare-with-pytorch.sh.

    python agreement.py ../../runs/convolutional/rust [--markdown FILE] [--json FILE]

Of each run RUN its twin is RUN-pytorch, and RUN-double the same twin in f64 where there is one. A difference is
|ours - PyTorch's| / |PyTorch's|. The losses of the first epoch agree if they differ by no more than BOUND, or by no more
than FACTOR times as much as PyTorch's own f32 differs from its f64: a number that rounding pushes over the kink of a ReLU
changes the gradient by a jump, and one of the two may jump where the other doesn't. Exits with 1 if those of a run don't
agree.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from common import UsageError, main

BOUND, FACTOR = 1e-5, 100.0
LOSS, SHOWN_EPOCHS = "train.loss", 3


@dataclass(frozen=True)
class Row:
    """A run beside its twin. A list has a number for each epoch."""

    model: str
    implementation: str
    steps: int
    losses: list[float]
    metrics: float
    metric: str
    rounding: list[float] | None
    seconds: tuple[float, float]

    @property
    def agrees(self) -> bool:
        bound = max(BOUND, FACTOR * self.rounding[0]) if self.rounding else BOUND
        return self.losses[0] <= bound


def read(run: Path) -> tuple[dict, list[dict], dict]:
    """The first line of a log, those of its epochs, and the last."""
    log = run / "log.jsonl"
    if not log.exists():
        raise UsageError(f"{run}: found no log.jsonl, wanted the folder of a run")
    header, *epochs, end = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    if end["kind"] != "end":
        raise UsageError(f"{run}: found a log without its last line, wanted a run that has ended")
    return header, [epoch for epoch in epochs if epoch["kind"] == "epoch"], end


def numbers(epoch: dict) -> dict[str, float]:
    """What was measured in an epoch: the metrics and the norm of the gradients."""
    groups = [(group, metrics) for group, metrics in epoch.items() if isinstance(metrics, dict)]
    metrics = {f"{group}.{name}": value for group, metrics in groups for name, value in metrics.items()}
    return metrics | {"gradient_norm": epoch["gradient_norm"]}


def differences(ours: list[dict], theirs: list[dict]) -> list[dict[str, float]]:
    """Of each number, by epoch; of a cross-validation the largest of all folds."""
    found: dict[int, dict[str, float]] = {}
    for our_epoch, their_epoch in zip(ours, theirs, strict=True):
        largest = found.setdefault(our_epoch["epoch"], {})
        ours_numbers, their_numbers = numbers(our_epoch), numbers(their_epoch)
        for name in ours_numbers.keys() & their_numbers.keys():
            a, b = ours_numbers[name], their_numbers[name]
            difference = abs(a - b) / abs(b) if b else abs(a)
            largest[name] = max(largest.get(name, 0.0), difference)
    return [found[epoch] for epoch in sorted(found)]


def compared(run: Path) -> Row:
    """A run beside its twins."""
    header, ours, _ = read(run)
    _, theirs, _ = read(run.with_name(f"{run.name}-pytorch"))
    by_epoch = differences(ours, theirs)
    first = by_epoch[0]
    metric = max(first.keys() - {LOSS}, key=lambda name: first[name])
    double, rounding = run.with_name(f"{run.name}-double"), None
    if double.exists():
        rounding = [epoch[LOSS] for epoch in differences(theirs, read(double)[1])]
    seconds = tuple(sum(epoch["seconds"] for epoch in epochs) for epochs in (ours, theirs))
    losses = [epoch[LOSS] for epoch in by_epoch]
    steps = ours[0]["step"]
    return Row(
        header["model"], header["implementation"], steps, losses, first[metric], metric, rounding, seconds
    )


def short(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-")


def markdown(rows: list[Row]) -> str:
    """The table, with what is the same on every machine."""
    head = ["model", "by", "steps of an epoch", *(f"loss, epoch {n}" for n in range(1, SHOWN_EPOCHS + 1))]
    head += ["largest other, epoch 1", "PyTorch f32 from f64"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (SHOWN_EPOCHS + 1) + "---|---|"]
    for row in rows:
        losses = [short(loss) for loss in row.losses[:SHOWN_EPOCHS]] + [""] * (SHOWN_EPOCHS - len(row.losses))
        rounding = ", ".join(short(loss) for loss in row.rounding[:SHOWN_EPOCHS]) if row.rounding else ""
        cells = [f"`{row.model}`", row.implementation, str(row.steps), *losses, f"{short(row.metrics)} {row.metric}"]
        lines.append("| " + " | ".join([*cells, rounding]) + " |")
    return "\n".join(lines) + "\n"


def show(rows: list[Row]) -> None:
    print(f"{'model':24} {'by':8} {'loss, by epoch':24} {'largest other, epoch 1':36} {'seconds':>14}")
    for row in rows:
        losses = "  ".join(f"{short(loss):6}" for loss in row.losses[:SHOWN_EPOCHS])
        other, (ours, theirs) = f"{short(row.metrics)} {row.metric}", row.seconds
        print(f"{row.model:24} {row.implementation:8} {losses:24} {other:36} {ours:6.2f} {theirs:7.2f}")
        if row.rounding:
            print(f"{'':33} {'  '.join(f'{short(loss):6}' for loss in row.rounding[:SHOWN_EPOCHS])}  PyTorch's f32 from its f64")
        if not row.agrees:
            print(f"{'':33} more than rounding")


def report(options) -> None:
    rows = {run: compared(run) for run in options.runs}
    if options.apart:
        for run, row in rows.items():
            if max(row.losses[:SHOWN_EPOCHS]) > BOUND:
                print(run)
        return
    show(list(rows.values()))
    if options.markdown:
        options.markdown.write_text(markdown(list(rows.values())), encoding="utf-8")
    if options.json:
        found = [asdict(row) | {"agrees": row.agrees} for row in rows.values()]
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if not all(row.agrees for row in rows.values()):
        sys.exit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--apart", action="store_true", help="print the runs whose losses differ by more than 1e-5")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.set_defaults(threads=None)
    main(parser, report)
