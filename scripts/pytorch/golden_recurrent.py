"""Golden numbers of d2l-nn's recurrent layers, as in golden_nn.py.

    python golden_recurrent.py        writes ../../crates/d2l-nn/tests/golden/recurrent.json

A case is a layer of 3 features and 4 hidden units on 5 steps of 2 examples, computed in f64. All tensors are the filler
of golden_models.py: x [5, 2, 3] (salt 1, scale 2), h [layers * directions, 2, 4] (salt 2, scale 2), c likewise (salt
3), and the parameters in PyTorch's order (salts 10, 11, …, scale 1). The loss is the sum of the outputs times the
filler of salt 4 and scale 2, plus the sum of the squares of the final states. The file holds by case

    y, h, c       outputs and final states
    gradients     of x, h, c (where there is one) and the parameters, by name
"""

import torch
from torch import nn

from golden_models import filled
from golden_nn import TARGET, flat
from reference import write_json

STEPS, BATCH, FEATURES, HIDDEN = 5, 2, 3, 4


def case(make, **settings) -> dict:
    layer = make(FEATURES, HIDDEN, **settings).double()
    number = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    inputs = {"x": filled([STEPS, BATCH, FEATURES], 1, 2.0), "h": filled([number, BATCH, HIDDEN], 2, 2.0)}
    if make is nn.LSTM:
        inputs["c"] = filled([number, BATCH, HIDDEN], 3, 2.0)
    for tensor in inputs.values():
        tensor.requires_grad_()
    parameters = dict(layer.named_parameters())
    with torch.no_grad():
        for salt, parameter in enumerate(parameters.values(), 10):
            parameter.copy_(filled(list(parameter.shape), salt, 1.0))
    x = inputs["x"].transpose(0, 1) if settings.get("batch_first") else inputs["x"]
    y, last = layer(x, (inputs["h"], inputs["c"]) if make is nn.LSTM else inputs["h"])
    states = last if make is nn.LSTM else (last,)
    loss = (y * filled(list(y.shape), 4, 2.0)).sum() + sum(state.square().sum() for state in states)
    loss.backward()
    return {
        "y": flat(y),
        **dict(zip("hc", map(flat, states))),
        "gradients": {name: flat(tensor.grad) for name, tensor in {**inputs, **parameters}.items()},
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    two = {"num_layers": 2, "bidirectional": True}
    write_json(
        TARGET.parent / "golden" / "recurrent.json",
        {
            "about": "Made by scripts/pytorch/golden_recurrent.py, which says what everything here means.",
            "torch": torch.__version__,
            "cases": {
                "rnn": case(nn.RNN),
                "rnn relu, two layers, both directions": case(nn.RNN, nonlinearity="relu", **two),
                "rnn, two layers, both directions": case(nn.RNN, **two),
                "gru, two layers, both directions": case(nn.GRU, **two),
                "gru, batch first": case(nn.GRU, batch_first=True),
                "lstm, two layers, both directions": case(nn.LSTM, **two),
                "lstm, without biases": case(nn.LSTM, bias=False),
            },
        },
    )
