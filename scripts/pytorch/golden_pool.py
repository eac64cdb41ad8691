"""Golden numbers of d2l-nn's pooling and upsampling: what PyTorch computes, in f64.

    python golden_pool.py        writes ../../crates/d2l-nn/tests/golden/pool.json

The input of a case has the shape `shape`, salt 1 and scale 8 (the filler: golden_models.py). It is rounded, so that
pooling regions hold ties. `y` is the output and `dx` the gradient of Σ y · w, with w the filler of salt 2 and scale 2.
"""

import torch
import torch.nn.functional as F

from golden_models import filled
from golden_nn import TARGET, flat
from reference import write_json

SHAPES = [[1, 1, 5, 7], [2, 1, 6, 4]]
POOLS = [((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1)), ((3, 3), (1, 1), (1, 1)), ((2, 3), (3, 1), (1, 0))]


def case(op: str, shape: list[int], function, **settings) -> dict:
    x = filled(shape, 1, 8.0).round().requires_grad_()
    y = function(x)
    (y * filled(list(y.shape), 2, 2.0)).sum().backward()
    return {"op": op, "shape": shape, **settings, "out": list(y.shape), "y": flat(y), "dx": flat(x.grad)}


def cases() -> list[dict]:
    found = []
    for shape in SHAPES:
        for kernel, stride, padding in POOLS:
            for ceil in (False, True):
                pool = {"kernel": kernel, "stride": stride, "padding": padding, "ceil": ceil}
                found.append(case("max", shape, lambda x: F.max_pool2d(x, kernel, stride, padding, 1, ceil), **pool))
                for count in (False, True):
                    average = lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil, count)
                    found.append(case("average", shape, average, **pool, count=count))
        for size in [(1, 1), (2, 3), (5, 4), (9, 8)]:
            found.append(case("adaptive average", shape, lambda x: F.adaptive_avg_pool2d(x, size), size=size))
            found.append(case("adaptive max", shape, lambda x: F.adaptive_max_pool2d(x, size), size=size))
        for size in [(10, 14), (3, 11), (1, 1)]:
            found.append(case("nearest", shape, lambda x: F.interpolate(x, size), size=size))
            for corners in (False, True):
                bilinear = lambda x: F.interpolate(x, size, mode="bilinear", align_corners=corners)
                found.append(case("bilinear", shape, bilinear, size=size, corners=corners))
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    about = "Made by scripts/pytorch/golden_pool.py, which says what everything here means."
    target = TARGET.parent / "golden" / "pool.json"
    write_json(target, {"about": about, "torch": torch.__version__, "cases": cases()})
    print(f"wrote {target}")
