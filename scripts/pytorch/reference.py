"""Trains the PyTorch reference over many seeds and prints its results beside the official builds of the book.

    python reference.py --data-dir ../../data                          writes ../../tests/reference/en-*.json
    python reference.py --data-dir ../../data --preset zh --seeds 10   compares the zh programs with the book
    python reference.py --data-dir ../../data --model lenet --seeds 20 --runs-dir runs   keeps the runs

Which numbers are wanted, and what the book's builds have, is read from the chapters' bands.toml. The book's zh numbers
come from 28 builds or more, whose range is the band, and nothing is written; but those of kernel regression from 15.
These and the English ones, from 12 builds or fewer, are too few to tell chance from a mistake: `Band::pooled` of
crates/d2l makes their bands of the builds and of the values that are written here.

One run is a few seconds of one core, of LeNet and the translation models a minute. With `--runs-dir` the runs are kept, and a finished one that is
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

import torch

import autoregressive
import bahdanau
import batch_norm_lenet
import dropout
import edge_kernel
import house_price
import kernel_regression
import lenet
import linear_regression
import mlp
import polynomial
import recurrent
import seq2seq
import softmax_regression
import transformer
import weight_decay
from common import folder
from training import default_name

PROGRAMS = {
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
    "autoregressive": autoregressive,
    "rnn": recurrent,
    "lstm": recurrent,
    "gru": recurrent,
    "deep-rnn": recurrent,
    "deep-gru": recurrent,
    "kernel-regression": kernel_regression,
    "seq2seq": seq2seq,
    "bahdanau": bahdanau,
    "translation": transformer,
}
ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "reference"
ABOUT = [
    "Made by scripts/pytorch/reference.py: results of the PyTorch reference, our PyTorch program for the model.",
    "values: of the seeds 0, 1, 2, …, rounded to 7 significant digits.",
]


def rounded(value: float) -> float:
    """To 7 significant digits, about what f32 carries."""
    return float(f"{value:.7g}")


def experiments() -> list[dict]:
    """The experiments of all chapters' bands.toml."""
    files = sorted(ROOT.glob("crates/*/bands.toml"))
    return [found for file in files for found in tomllib.loads(file.read_text(encoding="utf-8"))["experiment"]]


def metrics(experiment: dict) -> list[str]:
    """The metrics that have bands; if the best epoch's has one, the last epoch's comes before it, with or without."""
    names = []
    for band in experiment["bands"]:
        metric = band["metric"]
        names += [metric.removesuffix(".best"), metric] if metric.endswith(".best") else [metric]
    return list(dict.fromkeys(names))


def value_in_log(lines: list[dict], metric: str) -> float:
    """The metric of a finished run: of an epoch, the best of all epochs, or at the end."""
    _, *epochs, end = lines
    name, _, point = metric.rpartition(".")
    if number := re.fullmatch(r"epoch(\d+)", point):
        group, quantity = name.split(".")
        return epochs[int(number[1]) - 1][group][quantity]
    if point == "best":
        return end["best"][name]["value"]
    return end["final"][metric]


def one_run(work: tuple[dict, int, Path, Path | None]) -> tuple[dict, list[float]]:
    """The recipe of one run of an experiment's program, and its values of the experiment's metrics."""
    experiment, seed, data_dir, kept = work
    model, implementation, preset = experiment["id"].split()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as runs_dir:
        options = SimpleNamespace(
            model=model, implementation=implementation, preset=preset, seed=seed, data_dir=data_dir,
            runs_dir=kept or Path(runs_dir), init=None, epochs=None, no_shuffle=False, examples=None, name=None,
            quiet=True,
        )
        run = finished_run(options) or PROGRAMS[model].train(options)
        lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        return lines[0]["recipe"], [value_in_log(lines, metric) for metric in metrics(experiment)]


def finished_run(options) -> Path | None:
    """The finished run with these settings, if there is one."""
    for run in options.runs_dir.glob(f"*/{default_name(options.model, options)}"):
        log = run / "log.jsonl"
        if log.exists() and '"status":"finished"' in log.read_text():
            return run
    return None


def reference(experiment: dict, recipe: dict, columns: dict[str, list[float]]) -> dict:
    """The content of one experiment's file; `columns` has each metric's values by seed."""
    return {
        "about": ABOUT,
        "id": experiment["id"],
        "recipe": recipe,
        "versions": {"torch": torch.__version__},
        "metrics": [
            {"metric": metric, "values": [rounded(value) for value in values]} for metric, values in columns.items()
        ],
    }


def write_json(path: Path, content: dict) -> None:
    """Indented, but with each list of numbers on one line."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    number_list = re.compile(r"\[\s*-?\d[^\[\]{}\"]*\]")
    text = number_list.sub(lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text)
    path.write_text(text + "\n", encoding="utf-8")


def report(experiment: dict, columns: dict[str, list[float]]) -> None:
    """PyTorch's results beside the book's, one line per band: lowest, median, highest; how many seeds lie within."""
    for band in experiment["bands"]:
        values, digits, builds = columns[band["metric"]], band.get("decimals"), band["builds"]
        if isinstance(builds, list):
            low, median, high = min(builds), statistics.median(builds), max(builds)
        else:
            low, median, high = (band[key] for key in ("low", "median", "high"))
        shown = [value if digits is None else round(value, digits) for value in values]
        inside = sum(low <= value <= high for value in shown)
        print(
            f"{experiment['id']:38} {band['metric']:28} book {low:<10.6g} {median:<10.6g} {high:<10.6g}"
            f" PyTorch {min(values):<10.4g} {statistics.median(values):<10.4g} {max(values):<10.4g}"
            f" inside {inside}/{len(values)}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=folder("D2L_DATA", "data"), metavar="DIR")
    parser.add_argument("--preset", choices=["en", "zh"], default="en")
    parser.add_argument("--model", choices=list(PROGRAMS), help="only this one")
    parser.add_argument("--implementation", choices=["scratch", "concise"], help="only this one")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--runs-dir", type=Path, metavar="DIR", help="keep the runs there; take those that are there")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()

    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for experiment in experiments():
            model, implementation, preset = experiment["id"].split()
            is_wanted = preset == options.preset and options.model in (None, model)
            if not (is_wanted and model in PROGRAMS and options.implementation in (None, implementation)):
                continue
            work = [(experiment, seed, options.data_dir, options.runs_dir) for seed in range(options.seeds)]
            recipes, rows = zip(*pool.map(one_run, work, chunksize=1))
            columns = {metric: list(values) for metric, values in zip(metrics(experiment), zip(*rows))}
            report(experiment, columns)
            if name := experiment.get("reference"):
                write_json(REFERENCE / f"{name}.json", reference(experiment, recipes[0], columns))


if __name__ == "__main__":
    main()
