"""Times the same training steps in this workspace and in PyTorch, in turn. run.sh starts this; README.md explains it.

    python compare.py --ours PROGRAM [--models mlp,lenet] [--threads 1,2] [--against both] [--rounds 21] [--json FILE]
        [--markdown FILE]
"""

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import report
from worker import COMPILED, Failed, Ours, PyTorch, Worker

CHECKED_STEPS, TOLERANCE = 5, 1e-4  # of the steps' values, relative
LAUNCHES = 3  # for memory and the time to the first step
WARM_UP_SECONDS, MEMORY_SECONDS = 0.3, 0.5
PAUSE_SECONDS = 0.02  # between two turns: PyTorch's threads spin for some milliseconds before they sleep
RATE, RATE_ROUNDS = "matrix-product", 7
AGAINST = ["eager", "compiled", "both"]
CONFIDENCE = 0.95


class Usage(Exception):
    """A wrong call: one line, exit code 2."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise Usage(message)


def rank(rounds: int) -> int:
    """The k for which the median lies between the k-th smallest and the k-th largest of the independent values with
    CONFIDENCE: the number of values below the median is binomial with probability 1/2. 0 where there is none."""
    below, k = 0.0, 0
    while True:
        below += math.comb(rounds, k) / 2**rounds  # P(at most k values lie below)
        if below > (1 - CONFIDENCE) / 2:
            return k
        k += 1


def interval(values: list[float]) -> tuple[float, float]:
    """Of the median: order statistics, without any assumption on how the values are distributed."""
    values, k = sorted(values), rank(len(values))
    return values[k - 1], values[-k]


def flags() -> argparse.Namespace:
    parser = Parser(description="Training steps of this workspace beside PyTorch's.", prog="run.sh")
    parser.add_argument("--models", metavar="ROW,…", help="rows, or what stands before a - in their names [all]")
    parser.add_argument("--threads", default="1,2", metavar="N,…", help="numbers of threads [1,2]")
    parser.add_argument(
        "--against",
        choices=AGAINST,
        default="eager",
        help="PyTorch as it is, its models through torch.compile, or the faster of both [eager]",
    )
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="pairs of turns, odd, 7 or more [21]")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="for the rounds of a row [10]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table to this file")
    parser.add_argument("--list", action="store_true", help="print the rows and leave")
    parser.add_argument("--ours", required=True, metavar="PROGRAM", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts = options.threads.split(",")
    if not all(count.isdecimal() and 1 <= int(count) <= cores for count in counts):
        raise Usage(f"--threads {options.threads}: wanted numbers from 1 to {cores}, the cores here, parted by commas")
    options.threads = list(dict.fromkeys(int(count) for count in counts))
    if options.rounds % 2 == 0 or rank(options.rounds) == 0 or options.rounds < RATE_ROUNDS:
        raise Usage(f"--rounds {options.rounds}: wanted an odd number, {RATE_ROUNDS} or more")
    if not 0 < options.seconds < math.inf:
        raise Usage(f"--seconds {options.seconds}: wanted a number above 0")
    for path in (options.json, options.markdown):
        if path and not path.absolute().parent.is_dir():
            raise Usage(f"{path}: wanted a file in a folder that exists")
    return options


def chosen(models: str | None, ours: list[str], theirs: dict[str, dict]) -> list[str]:
    """The rows to measure, in the registry's order."""
    if models is None:
        missing = [name for name in theirs if name not in ours]
        if missing:
            report.say(f"left out, since crates/bench has no such rows yet: {', '.join(missing)}")
        return [name for name, row in theirs.items() if name in ours and not row["on_request"]]
    wanted = set()
    for model in models.split(","):
        found = [model] if model in theirs else [name for name in theirs if model and name.startswith(f"{model}-")]
        if not found:
            raise Usage(f"--models {model}: no such row; wanted some of {', '.join(theirs)}")
        if missing := [name for name in found if name not in ours]:
            raise Usage(f"--models {model}: crates/bench has no row {', '.join(missing)} yet")
        wanted.update(found)
    return [name for name in theirs if name in wanted]


# --- Measuring --------------------------------------------------------------------------------------------------------


def compare_values(ours: list[list[float]], theirs: list[list[float]]) -> None:
    """Fails if a step of one side computed something else than the other's."""
    for step, (left, right) in enumerate(zip(ours, theirs, strict=True), 1):
        if len(left) != len(right):
            raise Failed(f"step {step}: ours computed {len(left)} numbers, PyTorch {len(right)}")
        for number, (mine, other) in enumerate(zip(left, right), 1):
            difference = abs(mine - other)
            if not difference <= TOLERANCE * max(abs(mine), abs(other)):  # not a number is no agreement
                of = "" if len(left) == 1 else f", number {number}"
                raise Failed(f"losses differ at step {step}{of}: ours {mine:.8g}, PyTorch {other:.8g}")


def warm_up(worker: Worker) -> float:
    """Steps for a while; the milliseconds of one."""
    times, end = [], time.perf_counter() + WARM_UP_SECONDS
    while time.perf_counter() < end or len(times) < 2:
        times += worker.times(1 if len(times) < 2 else max(1, round(50 / times[-1])))
    return statistics.median(times[len(times) // 2 :])


def in_turn(workers: list[Worker], steps: list[int], rounds: int) -> list[tuple[float, ...]]:
    """For each round the median milliseconds of each worker's turn. Who begins changes from round to round."""
    medians = []
    for number in range(rounds):
        order = range(len(workers)) if number % 2 == 0 else reversed(range(len(workers)))
        turns = {}
        for index in order:
            time.sleep(PAUSE_SECONDS)
            turns[index] = statistics.median(workers[index].times(steps[index]))
        medians.append(tuple(turns[index] for index in range(len(workers))))
    return medians


def launches(start) -> tuple[float, float]:
    """Peak megabytes and seconds to the first step of fresh processes: medians."""
    peaks, seconds = [], []
    for _ in range(LAUNCHES):
        with start() as worker:
            seconds.append(worker.first_step())
            # A step may need its memory only when the optimizer has state, and allocators settle with time.
            end = time.perf_counter() + MEMORY_SECONDS
            done = 0
            while time.perf_counter() < end or done < 3:
                worker.times(1)
                done += 1
            peaks.append(worker.peak_megabytes())
    return statistics.median(peaks), statistics.median(seconds)


def fastest(name: str, settings: list[str], against: str, start, values) -> tuple[str, Worker]:
    """PyTorch's process to compare with, and the name of its variant: of the optimizer's settings the fastest, and that
    one compiled, if it is asked for. The others end."""
    candidates: dict[str, tuple[float, Worker]] = {}

    def enter(variant: str) -> None:
        candidate = start(variant)
        compare_values(values, candidate.check(CHECKED_STEPS))
        candidates[variant] = warm_up(candidate), candidate

    for setting in settings:
        enter(setting)
    best = min(candidates, key=candidates.get)
    if against != "eager":
        try:
            enter(best + COMPILED)
        except Failed as error:  # torch.compile cannot compile everything
            if against == "compiled":
                raise
            report.say(f"{name}, {best + COMPILED}: left out: {error}")
        best = best + COMPILED if against == "compiled" else min(candidates, key=candidates.get)
    for variant, (_, candidate) in candidates.items():
        if variant != best:
            candidate.stop()
    return best, candidates[best][1]


def paired(
    ours: Ours, pytorch: PyTorch, name: str, settings: list[str], against: str, threads: int, rounds: int,
    seconds: float,
) -> dict:
    """Step times of a row and the processes' other numbers, once both are known to compute the same."""
    with ExitStack() as stack:
        init = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "init.safetensors"
        mine = stack.enter_context(ours.start(name, threads, save_init=init))
        values = mine.check(CHECKED_STEPS)
        start = lambda variant: stack.enter_context(pytorch.start(name, threads, variant, init))
        variant, other = fastest(name, settings, against, start, values)
        flops = other.ask("flops")["flops"]
        turn = 1e3 * seconds / (2 * rounds)  # milliseconds
        steps = [max(1, round(turn / warm_up(worker))) for worker in (mine, other)]
        medians = in_turn([mine, other], steps, rounds)
    ratios = [left / right for left, right in medians]
    low, high = interval(ratios)
    return {
        "ours_ms": statistics.median(left for left, _ in medians),
        "pytorch_ms": statistics.median(right for _, right in medians),
        "ratio": statistics.median(ratios),
        "ratio_low": low,
        "ratio_high": high,
        "pytorch_variant": variant,
        "rounds": rounds,
        "ours_steps_per_round": steps[0],
        "pytorch_steps_per_round": steps[1],
        "ratios": ratios,
        "flops": flops,
    }


def matrix_rate(ours: Ours, pytorch: PyTorch, threads: int) -> dict:
    """Operations per second of a large product on these threads, in 10^9; the faster side's counts as the machine's."""
    result = paired(ours, pytorch, RATE, ["default"], "eager", threads, RATE_ROUNDS, 3.0)
    rates = {side: result["flops"] / result[f"{side}_ms"] / 1e6 for side in ("ours", "pytorch")}
    return {"ours_gflops": rates["ours"], "pytorch_gflops": rates["pytorch"], "gflops": max(rates.values())}


def measure(ours: Ours, pytorch: PyTorch, name: str, settings: list[str], threads: int, rate: float, options):
    """A line of the table, or what went wrong."""
    row = {"model": name, "threads": threads}
    try:
        row |= paired(
            ours, pytorch, name, settings, options.against, threads, options.rounds, options.seconds
        )
        mine = launches(lambda: ours.start(name, threads))
        # Not compiled: that would be the compiler's memory and time.
        eager = row["pytorch_variant"].removesuffix(COMPILED)
        other = launches(lambda: pytorch.start(name, threads, eager))
        row |= {"ours_peak_mb": mine[0], "pytorch_peak_mb": other[0]}
        row |= {"ours_first_step_s": mine[1], "pytorch_first_step_s": other[1]}
        for side in ("ours", "pytorch"):
            gflops = row["flops"] and row["flops"] / row[f"{side}_ms"] / 1e6
            row |= {f"{side}_gflops": gflops, f"{side}_share": gflops and gflops / rate}
        return row
    except Failed as error:
        return row | {"error": str(error)}


def main() -> int:
    options = flags()
    ours, pytorch = Ours(options.ours), PyTorch()
    about = pytorch.rows()
    available = ours.rows()
    names = chosen(options.models, available, about["rows"])
    if options.list:
        print("\n".join(names))
        return 0
    header = report.header(about["torch"], options.rounds, CHECKED_STEPS)
    header |= {
        "seconds": options.seconds,
        "interval": "order statistics of the rounds' ratios, 95 % or more",
        "tolerance": TOLERANCE,
    }
    report.busy(header["machine"])
    rates, rows = {}, []
    for threads in options.threads:
        rates[threads] = matrix_rate(ours, pytorch, threads)
        report.say(f"{report.threads(threads)}: matrix product at {rates[threads]['gflops']:.0f} GFLOP/s")
        for name in names:
            settings = about["rows"][name]["variants"]
            row = measure(ours, pytorch, name, settings, threads, rates[threads]["gflops"], options)
            rows.append(row)
            report.say(report.line(row))
    rows.sort(key=lambda row: (names.index(row["model"]), row["threads"]))
    header["matrix_rate"] = {str(threads): rate for threads, rate in rates.items()}
    print(report.table(rows))
    if options.json:
        report.write_json(options.json, header, rows)
    if options.markdown:
        options.markdown.write_text(report.markdown(header, rows), encoding="utf-8")
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Usage as error:
        print(f"error: {error}; --help lists the flags", file=sys.stderr)
        sys.exit(2)
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
