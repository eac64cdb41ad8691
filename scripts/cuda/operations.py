"""Compares what the chapters' models compute as on a GPU with what candle's CUDA backend can, and counts launches.

    python3 scripts/cuda/operations.py PROGRAMS > table.md

PROGRAMS is the folder of the chapters' programs, built with the candle-core that `recorded_candle.py` makes; see
`record-operations.sh`. Each model trains some steps of each of its presets with `D2L_COMPOSED=1`. An operation that the
CUDA backend lacks, or lacks for these types or strides, and a read from the device within a step end with an error.
The rules are those of `crates/d2l-nn/CUDA.md`.
"""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNELS = {
    line.split()[0]
    for line in (ROOT / "crates/d2l-nn/cuda-kernels.txt").read_text().splitlines()
}
CHAPTERS = [
    "linear-regression", "softmax-regression", "mlp", "convolutional", "recurrent", "attention", "transformer",
]  # fmt: skip
# Four steps in an epoch, small enough for a deep network with two examples.
FLAGS = "--epochs 1 --examples 8 --batch-size 2 --learning-rate 1e-4 --data builtin --quiet".split()
# All points are one minibatch, so that a step lies between two epochs.
ONE_MINIBATCH = "--epochs 4 --data builtin --quiet".split()
FLAGS_OF = {"edge-kernel": ONE_MINIBATCH, "kernel-regression": ONE_MINIBATCH}
FLOATS = {"f32", "f64", "f16", "bf16"}
# The line at the end of this workspace's backward pass, which may have several of candle's in it, or none.
STEP = "gradients"
# Custom operations with a CUDA function: candle-nn's; and those of `d2l-nn/src/graph/custom.rs` and `d2l-nn/src/memory.rs`,
# which move what is on the device already and start nothing.
CUSTOM = {"sigmoid": "usigmoid", "softmax-last-dim": "softmax", "output": "", "seed": "", "move": ""}
# Models that read from the device in a step.
READERS = {
    "airfoil-descent",  # draws the path of its two weights
    *FLAGS_OF,  # the end of an epoch, where numbers are read, lies within
}
# Backward passes before the first step: the gradients of all states of three networks are measured before training too.
BEFORE_TRAINING = {"gradients-through-time": 3}
# A shorter sum is one thread's work in candle, which has a kernel of its own for that.
SMALL_SUM = 32
# Kernels count in 32 bits.
MOST_ELEMENTS = 2**32 - 1


class Refused(Exception):
    """The CUDA backend can't do this."""


@dataclass
class Operand:
    """A tensor as an operation got it."""

    dtype: str
    shape: list[int]
    strides: list[int]

    @staticmethod
    def parse(text: str) -> "Operand":
        dtype, shape, rest = text.split(":")
        strides, _offset = rest.split("+")
        numbers = lambda text: [] if text == "-" else [int(number) for number in text.split("x")]
        return Operand(dtype, numbers(shape), numbers(strides))

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def is_contiguous(self) -> bool:
        """As candle's `Shape::is_contiguous`."""
        expected = 1
        for side, stride in zip(reversed(self.shape), reversed(self.strides)):
            if side > 1 and stride != expected:
                return False
            expected *= side
        return True


def need(condition: bool, why: str) -> None:
    """Refuses what doesn't meet a condition."""
    if not condition:
        raise Refused(why)


def check_product(a: Operand, b: Operand) -> None:
    """`gemm_config`: each matrix row by row or column by column, matrices of a batch at equal distances."""
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    for operand, rows, columns in [(a, m, k), (b, k, n)]:
        row, column = operand.strides[-2:]
        plain = (column == 1 or columns == 1) and (row == columns or rows == 1)
        transposed = (column == rows or columns == 1) and (row == 1 or rows == 1)
        need(plain or transposed, "a matrix that is neither row by row nor column by column")
        front, strides = operand.shape[:-2], operand.strides[:-2]
        if len(front) == 2:
            need(
                strides[0] == strides[1] * front[1] or 1 in front,
                "matrices of a batch at unequal distances",
            )
        need(len(front) <= 2, "more than two axes in front of the matrices")


def calls(name: str, operands: list[Operand]) -> tuple[list[str], int]:
    """What the CUDA backend starts on the device for a recorded line, and how many arrays of sizes and strides it copies
    there for that."""
    name, _, detail = name.partition(":")
    for operand in operands:
        empty_is_fine = name in ("ucopy", "copy2d", "read")
        need(operand.size > 0 or empty_is_fine, "no elements")
        need(operand.size <= MOST_ELEMENTS, "more elements than 32 bits count")
    one = operands[0] if operands else None
    strided = int(any(not operand.is_contiguous for operand in operands))
    if name in ("upload", "zeros", "random", "copy"):
        return [f"memory: {name}"], 0
    if name == "ucopy" and (one.size == 0 or one.is_contiguous):
        return (["memory: copy"] if one.size else []), 0
    if name == "copy2d" and one.size == 0:
        return [], 0
    if name == "matmul":
        need(one.dtype in FLOATS, f"a product of {one.dtype}")
        check_product(*operands)
        return ["cublas: gemm"], 0
    if name == "conv2d":
        x, kernel = operands
        copied = [] if kernel.is_contiguous else [f"ucopy_{kernel.dtype}"]
        return [f"im2col_{x.dtype}", *copied, "cublas: gemm", f"ucopy_{x.dtype}"], 2 + len(copied)
    if name in ("conv1d", "upsample_nearest1d"):
        raise Refused("an operation that this workspace doesn't use: read its source first")
    if name in ("gather", "ia", "sa", "s"):
        need(all(operand.is_contiguous for operand in operands), "strides")
    if name == "is":
        need(one.is_contiguous, "strides")
    if name in ("gather", "is", "ia", "sa", "s"):
        copied = ["memory: copy"] if name == "ia" else []
        return [*copied, f"{name}_{operands[1].dtype}_{one.dtype}"], int(name == "is")
    if name == "where":
        return [f"where_{one.dtype}_{operands[1].dtype}"], 1
    if name == "cast":
        return [f"cast_{one.dtype}_{detail}"], strided
    if name.startswith("fast_"):
        small = "_small" if name == "fast_sum" and int(detail) <= SMALL_SUM else ""
        return [f"{name}{small}_{one.dtype}"], 1
    if name == "custom":
        kernel = CUSTOM.get(detail)
        need(kernel is not None, "an operation without a CUDA function")
        if detail == "softmax-last-dim":
            need(one.is_contiguous, "strides")
        return ([f"{kernel}_{one.dtype}"], strided) if kernel else ([], 0)
    always = name in ("conv_transpose2d", "avg_pool2d", "max_pool2d", "upsample_nearest2d", "upsample_bilinear2d")
    return [f"{name}_{one.dtype}"], int(always or strided)


@dataclass
class Step:
    """What a training step takes."""

    launches: int
    kernels: int
    products: int
    memory: int
    sizes: int
    uploads: int
    reads: int


def examine(model: str, lines: list[str]) -> tuple[Step, list[str]]:
    """Checks the lines of a model's run and counts those of its steps."""
    started: Counter[str] = Counter()
    refused = []
    marks = [number for number, line in enumerate(lines) if line == STEP]
    first = BEFORE_TRAINING.get(model, 0)
    begin, end = marks[first + 1], marks[first + 2]  # the first step makes what the optimizer keeps
    for number, line in enumerate(lines):
        if line == STEP:
            continue
        name, *operands = line.split(" ")
        within = begin <= number < end
        if name == "read":
            started["read"] += within
            if within and model not in READERS:
                refused.append(f"{line}: read from the device within a step")
            continue
        try:
            called, sizes = calls(name, [Operand.parse(text) for text in operands])
            for kernel in called:
                if ": " not in kernel:
                    need(kernel in KERNELS, f"no kernel {kernel}")
        except Refused as error:
            refused.append(f"{line}: {error}")
            continue
        if within:
            started["sizes"] += sizes
            for kernel in called:
                kind = kernel.split(":")[0] if ": " in kernel else "kernel"
                started["upload" if kernel == "memory: upload" else kind] += 1
    kinds = ["kernel", "cublas", "memory"]
    parts = [started[kind] for kind in [*kinds, "sizes", "upload", "read"]]
    step = Step(sum(started[kind] for kind in kinds), *parts)
    return step, list(dict.fromkeys(refused))


def experiments(program: Path) -> list[tuple[str, str, str]]:
    """Model, implementation and preset of each line of `--list`, but for the presets for a GPU: the same networks, with
    larger pictures."""
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in listed.splitlines()[1:]]
    return [tuple(words[:3]) for words in lines if words[5] != "gpu"]


def main(programs: Path) -> None:
    """Prints the table; whatever is refused goes to stderr."""
    print("| model | launches | kernels | cuBLAS | memory | sizes and strides | from the host | reads |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    wrong = False
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        for chapter in CHAPTERS:
            for model, implementation, preset in experiments(programs / chapter):
                record.unlink(missing_ok=True)
                which = [model, "--implementation", implementation, "--preset", preset]
                where = ["--runs-dir", folder, "--name", "run", "--overwrite"]
                environment = {**os.environ, "D2L_COMPOSED": "1", "D2L_RECORD": str(record)}
                environment.pop("D2L_DATA", None)
                command = [programs / chapter, *which, *FLAGS_OF.get(model, FLAGS), *where]
                subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
                step, refused = examine(model, record.read_text().splitlines())
                for line in refused:
                    wrong = True
                    print(f"{' '.join(which)}: {line}", file=sys.stderr)
                if preset != "quick":
                    continue  # the same steps, with other numbers
                numbers = [
                    step.launches, step.kernels, step.products, step.memory, step.sizes, step.uploads, step.reads
                ]  # fmt: skip
                shown = " | ".join(str(number) for number in numbers)
                print(f"| {model}, {implementation} | {shown} |", flush=True)
    sys.exit(int(wrong))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
