"""Golden gradients of a long recurrence for d2l-nn's backward pass, as in golden_nn.py.

    python golden_graph.py        writes ../../crates/d2l-nn/tests/golden/graph.json

500 steps of a minimal gated unit, computed in f64: with u_t = [x_t, h_{t-1}],

    z_t = sigmoid(u_t W_z' + b_z),  n_t = tanh(u_t W_n' + b_n),  h_t = z_t h_{t-1} + (1 - z_t) n_t

for 2 examples of 3 features and 4 hidden units. All tensors are the filler of golden_models.py: x [500, 2, 3] (salt 1,
scale 2), h_0 [2, 4] (salt 2, scale 1), W_z [4, 7], b_z [4], W_n [4, 7], b_n [4] (salts 3, 4, 5, 6, scale 2). The loss
is the sum of all h_t times the filler of salt 7 and scale 2. The file holds

    loss, h       the loss and the last state
    gradients     of h_0 (as h), the parameters, and x at the first and the last step (as x_first and x_last)
"""

import torch

from golden_models import filled
from golden_nn import TARGET, flat
from reference import write_json

STEPS, BATCH, FEATURES, HIDDEN = 500, 2, 3, 4


def recurrence() -> dict:
    inputs = {
        "x": filled([STEPS, BATCH, FEATURES], 1, 2.0),
        "h": filled([BATCH, HIDDEN], 2, 1.0),
        "w_z": filled([HIDDEN, FEATURES + HIDDEN], 3, 2.0),
        "b_z": filled([HIDDEN], 4, 2.0),
        "w_n": filled([HIDDEN, FEATURES + HIDDEN], 5, 2.0),
        "b_n": filled([HIDDEN], 6, 2.0),
    }
    for tensor in inputs.values():
        tensor.requires_grad_()
    x, h, w_z, b_z, w_n, b_n = inputs.values()
    states = []
    for x_t in x:
        u = torch.cat([x_t, h], 1)
        z = torch.sigmoid(u @ w_z.T + b_z)
        n = torch.tanh(u @ w_n.T + b_n)
        h = z * h + (1 - z) * n
        states.append(h)
    states = torch.stack(states)
    loss = (states * filled(list(states.shape), 7, 2.0)).sum()
    loss.backward()
    gradients = {name: tensor.grad for name, tensor in inputs.items()}
    of_x = gradients.pop("x")
    gradients |= {"x_first": of_x[0], "x_last": of_x[-1]}
    return {
        "loss": loss.item(),
        "h": flat(h),
        "gradients": {name: flat(gradient) for name, gradient in gradients.items()},
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    write_json(
        TARGET.parent / "golden" / "graph.json",
        {
            "about": "Made by scripts/pytorch/golden_graph.py, which says what everything here means.",
            "torch": torch.__version__,
            **recurrence(),
        },
    )
