"""Examples per second of the whole training loop: a chapter's program beside the model's PyTorch twin, in turn.

    scripts/bench/run.sh loops [--threads 1,2] [--runs 3] [--markdown FILE]

Both train from the same initial parameters through the same minibatches (../pytorch/twin.py) and write the same log, from
which the numbers are read. An epoch's time is that of its steps: minibatch, forward, loss, backward, clipping, step,
and what is recorded of a step; without evaluation. The twin takes its minibatches from tensors in memory by indexing,
which is faster than torch.utils.data.DataLoader.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import report
from worker import Failed

ROOT = Path(__file__).resolve().parents[2]
TWIN = ROOT / "scripts" / "pytorch" / "twin.py"


@dataclass(frozen=True)
class Loop:
    """A preset of the book, shortened if a whole epoch takes long."""

    package: str
    model: str
    flags: str
    epochs: int

    def command(self, target: Path, name: str, epochs: int) -> list[str]:
        flags = [*self.flags.split(), "--epochs", str(epochs), "--name", name, "--overwrite", "--quiet"]
        return [str(target / "debug" / self.package), self.model, *flags]


LOOPS = [
    Loop("mlp", "mlp", "--preset zh", 3),
    Loop("convolutional", "lenet", "--preset zh", 3),
    Loop("convolutional", "resnet18", "--preset quick --examples 2560", 3),
    Loop("recurrent", "gru", "--preset zh --implementation concise", 6),
    Loop("transformer", "translation", "--preset zh", 6),
]


def run(command: list[str], threads: int, folder: Path) -> None:
    """Runs a program to its end."""
    environment = os.environ | {"D2L_RUNS": str(folder), "RAYON_NUM_THREADS": str(threads), "CANDLE_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")


def rates(folder: Path) -> list[float]:
    """Examples per second of the run's epochs, but the first, in which memory is still claimed."""
    lines = map(json.loads, (folder / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [line["examples_per_second"] for line in lines if line["kind"] == "epoch" and line["epoch"] > 1]


def measure(loop: Loop, target: Path, threads: int, runs: int) -> dict[str, list[float]]:
    """The rates of all epochs of both sides."""
    found = {"ours": [], "pytorch": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rust = folder / loop.package / "rust"
        run(loop.command(target, "rust-start", 0), threads, folder)
        for _ in range(runs):
            run(loop.command(target, "rust", loop.epochs), threads, folder)
            found["ours"] += rates(rust)
            run([sys.executable, str(TWIN), "--quiet", "--threads", str(threads), str(rust)], threads, folder)
            twin = rust.with_name("rust-pytorch")
            found["pytorch"] += rates(twin)
            twin.rename(folder / f"done{len(found['pytorch'])}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="run.sh loops")
    parser.add_argument("--threads", default="1,2", metavar="N,…", help="numbers of threads [1,2]")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="of each side [3]")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table to this file")
    parser.add_argument("--ours", required=True, metavar="PROGRAM", help=argparse.SUPPRESS)
    options = parser.parse_args()
    target = Path(options.ours).resolve().parents[1]
    text = "| model | threads | ours | PyTorch | ratio |\n|---|---:|---:|---:|---:|\n"
    for loop in LOOPS:
        for threads in map(int, options.threads.split(",")):
            found = measure(loop, target, threads, options.runs)
            spread = lambda side: " .. ".join(
                f"{rate:,.0f}" for rate in (min(found[side]), statistics.median(found[side]), max(found[side]))
            )
            ratio = statistics.median(found["ours"]) / statistics.median(found["pytorch"])
            line = f"| `{loop.model} {loop.flags}` | {threads} | {spread('ours')} | {spread('pytorch')} | {ratio:.2f} |\n"
            report.say(line.strip())
            text += line
    print(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
