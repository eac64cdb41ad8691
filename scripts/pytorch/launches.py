"""How many operations of a training step PyTorch's eager mode would launch on a GPU.

    python scripts/pytorch/launches.py [ROW ...]

The rows are those of the benchmark (`scripts/bench/rows.py`). The profiler records a step on the CPU. An operation
counts if it computes: one without another operation in it, unless it only makes a view or takes memory. The backward
pass of a convolution is one operation here and counts for each gradient that it computes, because cuDNN computes them
one by one. Numbers alone, such as an optimizer's count of steps, stay on the host and don't count. An optimizer for several tensors at once (`foreach`, what PyTorch takes on a GPU) counts as one launch for
each of its operations, which is the least.
"""

import sys
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from rows import ROWS  # noqa: E402

DEFAULT = ["resnet18-96", "translation-zh"]
# No work on a device: views, memory, questions about tensors.
FREE = {
    "aten::" + name
    for name in """
        _local_scalar_dense _reshape_alias _unsafe_view alias as_strided as_strided_ contiguous detach detach_ diagonal
        dropout empty empty_like empty_strided expand expand_as flatten is_nonzero item lift_fresh movedim narrow numpy_T
        permute reshape resize_ resolve_conj resolve_neg result_type select set_ slice split split_with_sizes squeeze
        squeeze_ swapaxes t t_ to transpose transpose_ unbind unflatten unfold unsqueeze unsqueeze_ view view_as
    """.split()
}
FOREACH = "aten::_foreach_"
# On the host, if their tensors have no axes.
NUMBERS = {"aten::add_", "aten::copy_"}


def launches(row: str, variant: str) -> dict[str, int]:
    """The operations of the second step, by name."""
    work = ROWS[row].work(**ROWS[row].variants.get(variant, {"foreach": True}))
    work.step()  # the first makes the optimizer's state
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiled:
        work.step()
    counts: dict[str, int] = {}

    def visit(event) -> None:
        name = event.name
        children = [child for child in event.cpu_children if child.name.startswith("aten::")]
        shapes = event.input_shapes or []
        is_number = name in NUMBERS and not any(shapes)
        whole = name.startswith(FOREACH) or name == "aten::convolution_backward"
        is_work = name.startswith("aten::") and name not in FREE and not is_number
        if is_work and (whole or all(child.name in FREE for child in children)):
            number = 2 if name == "aten::convolution_backward" else 1
            counts[name] = counts.get(name, 0) + number
        elif not whole:
            for child in event.cpu_children:
                visit(child)

    for event in profiled.events():
        if event.cpu_parent is None:
            visit(event)
    return counts


def main() -> None:
    """Prints a line for each row and kind of optimizer, and what it is made of."""
    torch.set_num_threads(1)
    for row in sys.argv[1:] or DEFAULT:
        for variant in ["default", "foreach"]:
            counts = launches(row, variant)
            largest = sorted(counts.items(), key=lambda pair: -pair[1])
            print(f"{row}, {variant}: {sum(counts.values())} launches")
            print("  " + ", ".join(f"{name.removeprefix('aten::')} {count}" for name, count in largest[:14]))


if __name__ == "__main__":
    main()
