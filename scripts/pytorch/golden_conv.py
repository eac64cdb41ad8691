"""Golden numbers of d2l-nn's convolutions: what PyTorch computes, in f64.

    python golden_conv.py        writes ../../crates/d2l-nn/tests/golden/conv.json

Input, weight and bias of a case come from the filler (golden_models.py) with salts 1, 2 and 3 and scale 2. `y`, `dx`,
`dw` and `db` are summaries, as golden_models.py has them, of the output and of the gradients of Σ y · w, where w is the
filler with salt 4 and scale 2.
"""

import torch
import torch.nn.functional as F

from golden_models import filled, summary
from golden_nn import TARGET
from reference import write_json

# x, weight, stride, padding, dilation, groups; of transposed ones also the output padding
CONVOLUTIONS = [
    ([2, 1, 9, 7], [3, 1, 5, 3], (1, 1), (2, 0), (1, 1), 1),
    ([3, 4, 8, 9], [6, 2, 3, 3], (2, 1), (1, 2), (1, 2), 2),
    ([1, 6, 7, 7], [6, 1, 2, 2], (3, 2), (0, 1), (2, 1), 6),
    ([2, 3, 6, 5], [4, 3, 1, 1], (2, 2), (0, 0), (1, 1), 1),
    ([2, 16, 9, 6], [24, 16, 3, 3], (1, 1), (1, 1), (1, 1), 1),
]
TRANSPOSED = [
    ([2, 3, 4, 5], [3, 2, 4, 4], (2, 2), (1, 1), (1, 1), 1, (0, 0)),
    ([1, 4, 3, 4], [4, 3, 3, 2], (3, 2), (1, 0), (1, 2), 2, (2, 1)),
]


def case(op: str, function, x_shape: list[int], weight_shape: list[int], filters: int, **settings) -> dict:
    inputs = [filled(shape, salt, 2.0).requires_grad_() for salt, shape in enumerate([x_shape, weight_shape, [filters]], 1)]
    y = function(*inputs)
    (y * filled(list(y.shape), 4, 2.0)).sum().backward()
    x, weight, bias = inputs
    return {
        "op": op, "x": x_shape, "weight": weight_shape, **settings, "out": list(y.shape),
        "y": summary(y), "dx": summary(x.grad), "dw": summary(weight.grad), "db": summary(bias.grad),
    }  # fmt: skip


def cases() -> list[dict]:
    found = []
    for x, weight, stride, padding, dilation, groups in CONVOLUTIONS:
        settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        found.append(case("conv2d", lambda x, w, b: F.conv2d(x, w, b, **settings), x, weight, weight[0], **settings))
    for x, weight, stride, padding, dilation, groups, extra in TRANSPOSED:
        settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "output_padding": extra}
        function = lambda x, w, b: F.conv_transpose2d(x, w, b, **settings)
        found.append(case("conv_transpose2d", function, x, weight, weight[1] * groups, **settings))
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    about = "Made by scripts/pytorch/golden_conv.py, which says what everything here means."
    target = TARGET.parent / "golden" / "conv.json"
    write_json(target, {"about": about, "torch": torch.__version__, "cases": cases()})
    print(f"wrote {target}")
