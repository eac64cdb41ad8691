"""Runs the twins over many seeds and sets the result beside the official builds of the book.

    python reference.py --data-dir ../../data                          writes ../../tests/reference/en-*.json
    python reference.py --data-dir ../../data --preset zh --seeds 10   only compares the zh twins with the book
    python reference.py --data-dir ../../data --model lenet --seeds 20 --runs-dir runs   keeps the runs

The book's zh numbers come from 28 builds or more: a band of their own. The English ones come from 11, too few to tell
chance from a mistake, so that their presets take the band from here: the twin's values and the book's builds pooled,
mean ± 3 standard deviations (n - 1 in the denominator) of the pool.

Of the 11 builds the book's table (../../tests/reference/book.toml) keeps low, p10, median, p90 and high. By linear
interpolation between order statistics these are exactly the builds at positions 0, 1, 5, 9 and 10 of the sorted list;
the six between them are interpolated linearly. Of 5 builds (en 3.7, concise) the five numbers give all.

One run is a few seconds of one core, of LeNet a minute. With `--runs-dir` the runs are kept, and a finished one that is
found there is not repeated: what was interrupted goes on, and seeds can be added. `nice -n 10 python reference.py …`
leaves the machine usable.
"""

import argparse
import json
import multiprocessing
import re
import statistics
import tempfile
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy
import torch

import batch_norm_lenet
import dropout
import edge_kernel
import house_price
import lenet
import linear_regression
import mlp
import polynomial
import softmax_regression
import weight_decay
from common import folder
from training import default_name

TWINS = {
    "linear-regression": linear_regression,
    "softmax-regression": softmax_regression,
    "mlp": mlp,
    "dropout": dropout,
    "house-price": house_price,
    "weight-decay-lambda0": weight_decay,
    "weight-decay-lambda3": weight_decay,
    "polynomial-cubic": polynomial,
    "polynomial-linear": polynomial,
    "polynomial-degree19": polynomial,
    "edge-kernel": edge_kernel,
    "lenet": lenet,
    "batchnorm-lenet": batch_norm_lenet,
}
REFERENCE = Path(__file__).resolve().parents[2] / "tests" / "reference"
# Where a twin's log has what the book calls `train` and `valid`, by the way the book computes it.
GROUPS = {
    "whole-train-eval": ("train", "train_after"),
    "window-mean": ("train", "train_window"),
    "batch-mean-eval": ("valid", "valid_batches"),
}
ENOUGH_BUILDS = 20
# What is kept of a band of the book; `volatile` where it says so.
BOOK_KEYS = ("low", "p10", "median", "p90", "high", "builds", "book", "volatile")
# At which point of a cross-validation a number was taken.
FOLD = re.compile(r"fold \d+|mean of folds")
STEP = re.compile(r"step (\d+)")
ABOUT = [
    "Made by scripts/pytorch/reference.py: the PyTorch twin with the book's settings over seeds 0, 1, 2, …",
    "twin: one value per seed, rounded to 7 significant digits, their mean and sample standard deviation.",
    "book: the official builds, from book.toml; build_values: the builds put in order, of which the lowest two, the "
    "middle one and the highest two are exact and the others interpolated linearly between them.",
    "band: mean ± 3 sample standard deviations of twin values and build_values together.",
]


def rounded(value: float) -> float:
    """To 7 significant digits, about what f32 carries."""
    return float(f"{value:.7g}")


def metric_in_log(band: dict) -> str:
    """The log's name of a number of the book: `train_window.loss`, `folds.valid.log_rmse`, `error.bias`, …"""
    old, new = GROUPS.get(band["how"], ("", ""))
    metric = band["metric"].replace(old, new, 1)
    if metric.endswith("log_mse"):  # what en 5.7 trains on
        metric = metric.replace("log_mse", "loss")
    if step := STEP.fullmatch(band["point"]):
        return f"{metric}.epoch{step[1]}"  # of one batch, where an epoch is a step
    fold = FOLD.search(band["point"])
    return f"{fold[0].replace('mean of ', '').replace(' ', '')}.{metric}" if fold else metric


def value_in_log(run: Path, metric: str, point: str) -> float:
    """The metric of a finished run at the book's point: after an epoch, at the end, or the best of all epochs."""
    *epochs, end = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()][1:]
    if point.startswith(("epoch ", "step ")):
        group, name, *_ = metric.split(".")
        return epochs[int(point.split()[1]) - 1][group][name]
    if metric.endswith(".best"):
        return end["best"][metric.removesuffix(".best")]["value"]
    return end["final"][metric]


def build_values(band: dict) -> list[float]:
    """The builds in order, from the five numbers that the table keeps of them."""
    last = band["builds"] - 1
    low, p10, median, p90, high = (band[key] for key in ("low", "p10", "median", "p90", "high"))
    at = 0.1 * last  # where p10 lies; before position 1 for fewer than 11 builds, on the line from the lowest to it
    second = max(1.0, at)
    known = [low, low + (p10 - low) * second / at, median, high - (high - p90) * second / at, high]
    positions = [0, second, 0.5 * last, last - second, last]
    return [rounded(value) for value in numpy.interp(range(last + 1), positions, known)]


def mean_and_std(values: list[float]) -> dict:
    return {"mean": rounded(statistics.fmean(values)), "std": rounded(statistics.stdev(values))}


def one_run(work: tuple[dict, int, Path, Path | None]) -> list[float]:
    """The book's numbers of one entry from one run of its twin."""
    entry, seed, data_dir, kept = work
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as runs_dir:
        options = SimpleNamespace(
            model=entry["model"], implementation=entry["implementation"], preset=entry["edition"], seed=seed,
            data_dir=data_dir, runs_dir=kept or Path(runs_dir), init=None, epochs=None, no_shuffle=False, examples=None,
            name=None, quiet=True,
        )
        run = finished_run(options) or TWINS[entry["model"]].train(options)
        return [value_in_log(run, metric_in_log(band), band["point"]) for band in entry["bands"]]


def finished_run(options) -> Path | None:
    """The run with these settings that is there already, if it came to its end."""
    for run in options.runs_dir.glob(f"*/{default_name(options.model, options)}"):
        log = run / "log.jsonl"
        if log.exists() and '"status":"finished"' in log.read_text():
            return run
    return None


def reference(entry: dict, values: list[list[float]]) -> dict:
    """What is committed for one entry; `values` holds one list per band."""
    metrics = []
    for band, twin in zip(entry["bands"], values):
        twin, builds = [rounded(value) for value in twin], build_values(band)
        pool = mean_and_std(twin + builds)
        metrics.append({
            "metric": metric_in_log(band),
            "point": band["point"],
            "band": {"low": rounded(pool["mean"] - 3 * pool["std"]), "high": rounded(pool["mean"] + 3 * pool["std"]),
                     **pool, "values": len(twin) + len(builds)},
            "book": {key: band[key] for key in BOOK_KEYS if key in band}
            | {"build_values": builds},
            "twin": {**mean_and_std(twin), "values": twin},
        })
    return {
        "about": ABOUT,
        "id": entry["id"],
        "edition": entry["edition"],
        "section": entry["section"],
        "model": entry["model"],
        "implementation": entry["implementation"],
        "settings": {key: entry[key] for key in ("data", "architecture", "init", "optimizer", "loss")},
        "versions": {"torch": torch.__version__},
        "seeds": len(values[0]),
        "metrics": metrics,
    }


def write_json(path: Path, content: dict) -> None:
    """Indented, but with each list of numbers on one line."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    number_list = re.compile(r"\[\s*-?\d[^\[\]{}\"]*\]")
    text = number_list.sub(lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text)
    path.write_text(text + "\n", encoding="utf-8")


def report(entry: dict, values: list[list[float]]) -> None:
    """The twin beside the book, one line per number."""
    for band, twin in zip(entry["bands"], values):
        digits = band.get("decimals") if band["read"] == "printed" else None
        shown = [value if digits is None else round(value, digits) for value in twin]
        inside = sum(band["low"] <= value <= band["high"] for value in shown)
        pool = mean_and_std(twin + build_values(band))
        print(
            f"{entry['id']:38} {metric_in_log(band):28} {band['point']:18}"
            f" book {band['low']:<10.6g} {band['median']:<10.6g} {band['high']:<10.6g}"
            f" twin {min(twin):<10.4g} {statistics.median(twin):<10.4g} {max(twin):<10.4g}"
            f" inside {inside}/{len(twin)}"
            f" pooled {pool['mean'] - 3 * pool['std']:.5g} .. {pool['mean'] + 3 * pool['std']:.5g}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=folder("D2L_DATA", "data"), metavar="DIR")
    parser.add_argument("--preset", choices=["en", "zh"], default="en")
    parser.add_argument("--model", choices=list(TWINS), help="only this one")
    parser.add_argument("--implementation", choices=["scratch", "concise"], help="only this one")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--runs-dir", type=Path, metavar="DIR", help="keep the runs there; take those that are there")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()

    entries = tomllib.loads((REFERENCE / "book.toml").read_text(encoding="utf-8"))["entry"]
    models = [options.model] if options.model else list(TWINS)
    entries = [entry for entry in entries if entry["edition"] == options.preset and entry["model"] in models]
    if options.implementation:
        entries = [entry for entry in entries if entry["implementation"] == options.implementation]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for entry in entries:
            runs = pool.map(
                one_run,
                [(entry, seed, options.data_dir, options.runs_dir) for seed in range(options.seeds)],
                chunksize=1,
            )
            values = [list(column) for column in zip(*runs)]
            report(entry, values)
            if all(band["builds"] < ENOUGH_BUILDS for band in entry["bands"]):
                name = f"{entry['edition']}-{entry['model']}-{entry['implementation']}.json"
                write_json(REFERENCE / name, reference(entry, values))


if __name__ == "__main__":
    main()
