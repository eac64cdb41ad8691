"""Golden numbers of d2l-nn's losses, softmaxes and embedding, as in golden_nn.py.

    python golden_losses.py        writes ../../crates/d2l-nn/tests/golden/losses.json

The file holds, all in f64, values and gradients of the sum of the values times the filler of salt 4 and scale 2. If a
loss is a scalar, only the filler's first number is used. Reductions are PyTorch's.

    cross_entropy  logits [3, 4, 5] (salt 1, scale 6) and classes [3, 4] (salt 99), those at 1 and 10 replaced by 7 where
                   7 is ignored; class weights are the filler of salt 3 and scale 1, plus 0.6; lengths 3, 0 and 4, as
                   ignored targets here; smoothing 0.2
    elements       predictions [4, 3] (salt 1, scale 5) and targets (salt 2, scale 5), with their first entries equal;
                   for binary_* the targets are 1 where those are above 0; for kl their softmax, the predictions' log
                   softmax being given; weights are the filler of salt 5 and scale 1, plus 0.5
    softmax        x [3, 4, 5] (salt 1, scale 6), along axes 0, 1 and 2; masked along the last by lengths [3] and [3, 4]
                   and by a mask of hash(i, 98) % 3 > 0, rows without any position being 0
    adaptive       AdaptiveLogSoftmaxWithLoss of x [7, 8] (salt 1, scale 4), 11 classes, cutoffs 3 and 7, divisor 2; its
                   parameters in their order are fillers of scale 2 and salts 10, 11, …; classes are hash(i, 99) % 11
    embedding      weight [6, 3] (salt 1, scale 2), ids [2, 4] of hash(i, 99) % 6; padded: with padding_idx 2
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from golden_models import filled, hashes
from golden_nn import TARGET, flat
from reference import write_json

IGNORED = 7
REDUCTIONS = ["mean", "sum", "none"]


def with_gradients(output: Tensor, /, **inputs: Tensor) -> dict:
    factors = filled([output.numel()], 4, 2.0).reshape(output.shape)
    (output * factors).sum().backward()
    return {"value": flat(output), **{name: flat(x.grad) for name, x in inputs.items()}}


def cross_entropy() -> dict:
    weights = filled([5], 3, 1.0) + 0.6
    lengths = torch.arange(4) < torch.tensor([3, 0, 4]).reshape(3, 1)
    cases = {
        "plain": {},
        "ignored": {"ignored": True},
        "smoothed": {"label_smoothing": 0.2},
        "weighted": {"weight": weights},
        "masked": {"masked": True},
        "all": {"ignored": True, "label_smoothing": 0.2, "weight": weights, "masked": True},
    }
    found = {}
    for name, settings in cases.items():
        for reduction in REDUCTIONS:
            given = dict(settings)
            targets = torch.from_numpy(hashes(12, 99).astype("int64") % 5)
            if given.pop("ignored", False):
                targets[1] = targets[10] = IGNORED
            if given.pop("masked", False):
                targets[~lengths.flatten()] = IGNORED
            logits = filled([12, 5], 1, 6.0).requires_grad_()
            loss = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction=reduction, **given)
            found[f"{name} {reduction}"] = with_gradients(loss, x=logits)
    return found


def focal(x: Tensor, y: Tensor, reduction: str) -> Tensor:
    """As the paper writes it."""
    p = torch.where(y == 1, torch.sigmoid(x), torch.sigmoid(-x))
    alpha = torch.where(y == 1, 0.25, 0.75)
    loss = -alpha * (1 - p) ** 2 * torch.log(p)
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction]()


def elements() -> dict:
    weight = filled([3], 5, 1.0) + 0.5

    def binary(**settings):
        return lambda x, y, r: F.binary_cross_entropy_with_logits(x, (y > 0).double(), reduction=r, **settings)

    losses = {
        "mse": lambda x, y, r: F.mse_loss(x, y, reduction=r),
        "l1": lambda x, y, r: F.l1_loss(x, y, reduction=r),
        "huber": lambda x, y, r: F.huber_loss(x, y, delta=0.7, reduction=r),
        "smooth_l1": lambda x, y, r: F.smooth_l1_loss(x, y, beta=0.7, reduction=r),
        "kl": lambda x, y, r: F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1), reduction=r),
        "kl_log": lambda x, y, r: F.kl_div(F.log_softmax(x, 1), F.log_softmax(y, 1), reduction=r, log_target=True),
        "binary": binary(),
        "binary_weight": binary(weight=weight),
        "binary_pos_weight": binary(pos_weight=weight),
        "binary_both": binary(weight=weight, pos_weight=weight),
        "binary_focal": lambda x, y, r: focal(x, (y > 0).double(), r),
    }
    found = {}
    for name, loss in losses.items():
        for reduction in REDUCTIONS + (["batchmean"] if name.startswith("kl") else []):
            x, y = filled([4, 3], 1, 5.0), filled([4, 3], 2, 5.0)
            x[0, 0] = y[0, 0]
            x.requires_grad_()
            has_slope = not name.startswith("binary")
            y.requires_grad_(has_slope)
            inputs = {"x": x} | ({"y": y} if has_slope else {})
            found[f"{name} {reduction}"] = with_gradients(loss(x, y, reduction), **inputs)
    return found


def masked(mask: Tensor) -> dict:
    x = filled([3, 4, 5], 1, 6.0).requires_grad_()
    y = F.softmax(x.masked_fill(~mask, -1e30), -1) * mask.any(-1, keepdim=True)
    return with_gradients(y, x=x)


def softmax() -> dict:
    found = {}
    for axis in range(3):
        for name, function in {"softmax": F.softmax, "log_softmax": F.log_softmax}.items():
            x = filled([3, 4, 5], 1, 6.0).requires_grad_()
            found[f"{name} {axis}"] = with_gradients(function(x, axis), x=x)
    position = torch.arange(5)
    by_example = torch.tensor([3, 0, 5]).reshape(3, 1, 1)
    by_query = torch.from_numpy(hashes(12, 97).astype("int64") % 6).reshape(3, 4, 1)
    found["lengths of examples"] = masked((position < by_example).expand(3, 4, 5))
    found["lengths of queries"] = masked(position < by_query)
    found["mask"] = masked(torch.from_numpy(hashes(60, 98) % 3 > 0).reshape(3, 4, 5))
    return found


def embedding(**settings) -> dict:
    weight = filled([6, 3], 1, 2.0).requires_grad_()
    ids = torch.from_numpy(hashes(8, 99).astype("int64") % 6).reshape(2, 4)
    return with_gradients(F.embedding(ids, weight, **settings), weight=weight)


def adaptive() -> dict:
    layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 11, [3, 7], div_value=2.0, dtype=torch.float64)
    parameters = dict(layer.named_parameters())
    for number, parameter in enumerate(parameters.values()):
        parameter.data = filled(list(parameter.shape), 10 + number, 2.0)
    x = filled([7, 8], 1, 4.0).requires_grad_()
    targets = torch.from_numpy(hashes(7, 99).astype("int64") % 11)
    found = with_gradients(layer(x, targets).loss, x=x, **parameters)
    return found | {"log_probabilities": flat(layer.log_prob(x))}


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = TARGET.parent / "golden" / "losses.json"
    write_json(
        target,
        {
            "about": "Made by scripts/pytorch/golden_losses.py, which says what everything here means.",
            "torch": torch.__version__,
            "cross_entropy": cross_entropy(),
            "elements": elements(),
            "softmax": softmax(),
            "adaptive": adaptive(),
            "embedding": {"plain": embedding(), "padded": embedding(padding_idx=2)},
        },
    )
    print(f"wrote {target}")
