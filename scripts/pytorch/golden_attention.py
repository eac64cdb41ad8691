"""Golden numbers of d2l-nn's attention, as in golden_nn.py.

    python golden_attention.py        writes ../../crates/d2l-nn/tests/golden/attention.json

Queries [2, 2, 3, 4], keys [2, 2, 5, 4] and values [2, 2, 5, 2] are the filler of golden_models.py with salts 1, 2, 3
and scale 4. The loss is the sum of the outputs times the filler of salt 4 and scale 2. Lengths are 3 and 5; the mask
that is added is [3, 5] of salt 5 and scale 3. The file holds, computed in f64, outputs and gradients by case.
"""

import torch
import torch.nn.functional as F

from golden_models import filled
from golden_nn import TARGET, flat
from reference import write_json


def case(**settings) -> dict:
    shapes = {"q": [2, 2, 3, 4], "k": [2, 2, 5, 4], "v": [2, 2, 5, 2]}
    inputs = {name: filled(shape, salt, 4.0).requires_grad_() for salt, (name, shape) in enumerate(shapes.items(), 1)}
    output = F.scaled_dot_product_attention(*inputs.values(), **settings)
    (output * filled(list(output.shape), 4, 2.0)).sum().backward()
    return {"output": flat(output), **{name: flat(tensor.grad) for name, tensor in inputs.items()}}


if __name__ == "__main__":
    torch.set_num_threads(1)
    lengths = torch.arange(5) < torch.tensor([3, 5]).reshape(2, 1, 1, 1)
    write_json(
        TARGET.parent / "golden" / "attention.json",
        {
            "about": "Made by scripts/pytorch/golden_attention.py, which says what everything here means.",
            "torch": torch.__version__,
            "plain": case(),
            "causal": case(is_causal=True),
            "lengths": case(attn_mask=lengths),
            "added": case(attn_mask=filled([3, 5], 5, 3.0)),
        },
    )
