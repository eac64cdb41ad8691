"""How time and memory of a training step grow with batch, sequence, width and depth, here and in PyTorch.

    scripts/bench/run.sh growth [--threads 2] [--rounds 7] [--json FILE] [--markdown FILE] [--figure FILE]

A series varies one size of a model and keeps the others. Both sides compute in turn, as in compare.py; their losses must
agree. Memory is the peak of the process that was timed.
"""

import argparse
import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import growing
import report
from compare import CHECKED_STEPS, fastest, in_turn, warm_up
from worker import Failed, Ours, PyTorch

POWERS = lambda first, last, factor=2: [first * factor**n for n in range(20) if first * factor**n <= last]
MILLISECONDS_PER_TURN = 100


@dataclass(frozen=True)
class Series:
    """The rows `grow-MODEL-SIZES`, the varied size in the place of `{}`."""

    what: str
    row: str
    sizes: list[int]


SERIES = [
    Series("MLP, batch", "grow-mlp-{}x256x1", POWERS(1, 1024, 4)),
    Series("MLP, width", "grow-mlp-256x{}x1", POWERS(64, 2048)),
    Series("MLP, hidden layers", "grow-mlp-256x256x{}", POWERS(1, 32)),
    Series("LSTM, sequence", "grow-lstm-8x{}x128", POWERS(64, 4096)),
    Series("LSTM, width", "grow-lstm-32x32x{}", POWERS(64, 2048)),
    Series("Transformer, batch", "grow-encoder-{}x64x128x1", POWERS(1, 1024, 4)),
    Series("Transformer, sequence", "grow-encoder-1x{}x256x1", POWERS(64, 4096)),
    Series("Transformer, width", "grow-encoder-4x64x{}x1", POWERS(64, 2048)),
    Series("Transformer, blocks", "grow-encoder-4x128x128x{}", POWERS(1, 16)),
]


def measure(ours: Ours, pytorch: PyTorch, name: str, threads: int, rounds: int) -> dict:
    """A point of both curves: milliseconds, megabytes and the ratio of the times."""
    with ExitStack() as stack:
        init = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "init.safetensors"
        mine = stack.enter_context(ours.start(name, threads, save_init=init))
        start = lambda variant: stack.enter_context(pytorch.start(name, threads, variant, init))
        settings = list(growing.row(name).variants)
        _, other = fastest(name, settings, "eager", start, mine.check(CHECKED_STEPS))
        steps = [max(1, round(MILLISECONDS_PER_TURN / warm_up(worker))) for worker in (mine, other)]
        medians = in_turn([mine, other], steps, rounds)
        peaks = [worker.peak_megabytes() for worker in (mine, other)]
    return {
        "ours_ms": statistics.median(left for left, _ in medians),
        "pytorch_ms": statistics.median(right for _, right in medians),
        "ratio": statistics.median(left / right for left, right in medians),
        "ours_mb": peaks[0],
        "pytorch_mb": peaks[1],
    }


def markdown(header: dict, threads: int, curves: dict[str, list[dict]]) -> str:
    """A line for each point."""
    machine = header["machine"]
    text = f"{machine['cpu']}, {report.threads(threads)}; PyTorch {header['versions']['torch']}; commit "
    text += f"{header['versions']['commit']}; {header['date'][:10]}.\n\n"
    text += "| | size | ours ms | PyTorch ms | ratio | ours MB | PyTorch MB |\n|---|---:|---:|---:|---:|---:|---:|\n"
    for what, points in curves.items():
        for point in points:
            text += f"| {what} | {point['size']:,} | {point['ours_ms']:.3g} | {point['pytorch_ms']:.3g} | "
            text += f"{point['ratio']:.2f} | {point['ours_mb']:.0f} | {point['pytorch_mb']:.0f} |\n"
    return text


def draw(curves: dict[str, list[dict]], path: Path) -> None:
    """Time above, memory below, both axes logarithmic: a straight line is a power of the size."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "growth", "font.size": 9}
    figure, axes = pyplot.subplots(3, 6, figsize=(14, 7), layout="constrained")
    for number, (what, points) in enumerate(curves.items()):
        for column, (unit, label) in enumerate([("ms", "milliseconds"), ("mb", "megabytes")]):
            axis = axes[number // 3][number % 3 * 2 + column]
            sizes = [point["size"] for point in points]
            axis.loglog(sizes, [point[f"ours_{unit}"] for point in points], "o-", markersize=3, label="ours")
            axis.loglog(sizes, [point[f"pytorch_{unit}"] for point in points], "s--", markersize=3, label="PyTorch")
            axis.set(xlabel=what, ylabel=label)
            axis.grid(alpha=0.3)
            axis.minorticks_off()
    axes[0][0].legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="run.sh growth")
    parser.add_argument("--series", default="", metavar="TEXT", help="only series whose names contain the text")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="pairs of turns per point [7]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the points to this file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table to this file")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the curves as SVG; needs matplotlib")
    parser.add_argument("--ours", required=True, metavar="PROGRAM", help=argparse.SUPPRESS)
    options = parser.parse_args()
    ours, pytorch = Ours(options.ours), PyTorch()
    header = report.header(pytorch.rows()["torch"], options.rounds, CHECKED_STEPS)
    report.busy(header["machine"])
    curves = {}
    for series in (series for series in SERIES if options.series in series.what):
        curves[series.what] = []
        for size in series.sizes:
            name = series.row.format(size)
            point = {"size": size} | measure(ours, pytorch, name, options.threads, options.rounds)
            curves[series.what].append(point)
            report.say(f"{name}: {point['ours_ms']:.3f} ms, PyTorch {point['pytorch_ms']:.3f} ms, "
                       f"{point['ours_mb']:.0f} MB, PyTorch {point['pytorch_mb']:.0f} MB")
    print(markdown(header, options.threads, curves))
    if options.json:
        options.json.write_text(json.dumps(header | {"threads": options.threads, "curves": curves}, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(markdown(header, options.threads, curves), encoding="utf-8")
    if options.figure:
        draw(curves, options.figure)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
