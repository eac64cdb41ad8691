"""The PyTorch side of the benchmark: does what standard input asks for, as crates/bench does.

    python pytorch_worker.py --list
    python pytorch_worker.py --model mlp --threads 1 [--variant fused] [--compile] [--init FILE]

Commands: `check N` makes N steps and answers what each computed; `time N` makes N steps and answers how long each took;
`flops` answers the operations of a step. crates/bench/src/worker.rs says how the first two answer.
"""

import argparse
import json
import sys
import time

import torch

import growing
from rows import ROWS


def answer(work, flops: int | None, command: str) -> dict:
    verb, _, number = command.partition(" ")
    if verb == "flops":
        return {"flops": flops}
    if verb == "check":
        values = []
        for _ in range(int(number)):
            work.step()
            values.append(work.values())
        return {"values": values}
    if verb == "time":
        milliseconds = []
        for _ in range(int(number)):
            began = time.perf_counter()
            work.step()
            milliseconds.append(1e3 * (time.perf_counter() - began))
        return {"milliseconds": milliseconds}
    sys.exit(f"error: found the command {command!r}, wanted `check N`, `time N` or `flops`")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the rows as JSON and leave")
    parser.add_argument("--model", metavar="ROW", help="a row, or one of growing.py, whose name gives its sizes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", help="which of the row's optimizer settings; the first unless given")
    parser.add_argument("--compile", action="store_true", help="the model, or the optimizer's step, by torch.compile")
    parser.add_argument("--init", metavar="FILE", help="initial parameters")
    options = parser.parse_args()
    if options.list or not options.model:
        rows = {name: {"variants": list(row.variants), "on_request": row.on_request} for name, row in ROWS.items()}
        print(json.dumps({"torch": torch.__version__, "rows": rows}))
        return
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    row = ROWS.get(options.model) or growing.row(options.model)
    work = row.work(**row.variants[options.variant or next(iter(row.variants))])
    flops = work.flops()  # before the parameters are taken over: the pass may change running means
    if options.init:
        work.load(options.init)
    if options.compile:
        if not hasattr(work, "compile"):
            sys.exit("error: this row is not compiled: it has no model that is called as a whole")
        work.compile()
    print(json.dumps({"model": options.model, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(work, flops, line.strip())), flush=True)


if __name__ == "__main__":
    main()
