"""Loads the parameters of a Rust run into the model's PyTorch twin, by their names, and evaluates them there.

    python check_run.py ../../runs/convolutional/densenet-concise-quick-cpu-s0 --data-dir ../../data

Prints the metrics on the held-out data beside the log's, and exits with 1 if they differ by more than the rounding of f32
explains. Needs the data as files, and Pillow if the run enlarged its pictures.
"""

import argparse
from pathlib import Path

from common import UsageError, folder, load_parameters, main
from twin import read_log
from twins import Case, Twin, twins_of

# Relative, between two f32 evaluations; of an accuracy, two of 10,000 examples.
TOLERANCE, ACCURACY_TOLERANCE = 1e-4, 2.5e-4


def check(options) -> None:
    header, *_, end = read_log(options.run)
    if end["kind"] != "end":
        raise UsageError(f"{options.run}: the run has not ended")
    case = Case(header, options.data_dir)
    agree = [agrees(twin, case, options.run, end["final"]) for twin in twins_of(case) if twin.lesson.data.valid]
    if not agree:
        raise UsageError(f"{options.run}: found no held-out data, wanted a run that has some")
    if not all(agree):
        raise SystemExit(1)


def agrees(twin: Twin, case: Case, run: Path, final: dict[str, float]) -> bool:
    """Whether PyTorch finds what the log says."""
    load_parameters(twin.lesson.model, run / twin.file())
    found, _ = twin.lesson.evaluate(twin.lesson.data.valid, case.recipe["batch_size"])
    within = True
    for name, value in found.items():
        metric = f"valid.{name}" if twin.fold is None else f"fold{twin.fold}.valid.{name}"
        wanted = final[metric]
        print(f"{metric:20} PyTorch {value:.6g}, the log {wanted:.6g}")
        tolerance = ACCURACY_TOLERANCE if name == "accuracy" else TOLERANCE * max(abs(wanted), 1.0)
        within &= abs(value - wanted) <= tolerance
    return within


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--data-dir", type=Path, default=folder("D2L_DATA", "data"), metavar="DIR")
    parser.add_argument("--threads", type=int, default=1)
    main(parser, check)
