"""House prices by linear regression and 5-fold cross-validation (D2L zh 4.10 and en 5.7), the PyTorch reference for
crates/03-mlp/src/house_price.rs.

    python house_price.py --preset en --data-dir ../../data
"""

import io
import math
import time
from pathlib import Path

import numpy
import pandas
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import Data, Log, Mean, Preset, Window, arguments, digest, main, read_plain, run_folder
from training import default_name, ending, header

FOLDS = 5
PRESETS = {
    ("concise", "zh"): Preset("zh 4.10", batch_size=64, learning_rate=5.0, epochs=100, optimizer="adam"),
    ("concise", "en"): Preset("en 5.7", batch_size=64, learning_rate=0.01, epochs=10, windows=True),
}
# The texts that mean a missing value. The pandas of the zh builds read the word None as a category.
MISSING = {"zh": ["NA", ""], "en": ["NA", "", "None"]}


def house_prices(data_dir: Path, edition: str) -> Data:
    """Features [1460, 331] (en: 330) and prices [1460, 1] in dollars."""
    read = lambda content: pandas.read_csv(io.BytesIO(content), na_values=MISSING[edition], keep_default_na=False)
    paths = [data_dir / "house-prices" / f"kaggle_house_pred_{part}.csv" for part in ["train", "test"]]
    parts = [read_plain(path) for path in paths]
    train, test = (read(part) for part in parts)
    table = pandas.concat([train.iloc[:, 1:-1], test.iloc[:, 1:]])
    numeric = table.columns[[pandas.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]
    # Mean and sample standard deviation of training and test rows together; then missing values are the mean, 0.
    table[numeric] = table[numeric].apply(lambda column: (column - column.mean()) / column.std()).fillna(0)
    table = pandas.get_dummies(table, dummy_na=True)
    features = torch.tensor(table[: len(train)].to_numpy(numpy.float32))
    prices = torch.tensor(train["SalePrice"].to_numpy(numpy.float32)).reshape(-1, 1)
    return Data("house-prices", "real", (features, prices), None, digest(parts))


def log_price(outputs: Tensor, edition: str) -> Tensor:
    """Prices below 1 dollar count as 1."""
    return outputs if edition == "en" else outputs.clamp(min=1).log()


def train(options, data: Data | None = None) -> Path:
    """All folds, and for zh a model of all rows; returns the run's folder. The log has a line per fold and epoch."""
    preset = PRESETS[options.implementation, options.preset]
    torch.manual_seed(options.seed)
    shuffle = torch.Generator().manual_seed(options.seed)
    data = (data or house_prices(options.data_dir, options.preset)).first(options.examples)
    inputs, prices = data.train
    size = len(inputs) // FOLDS
    folder = run_folder(options.runs_dir / "mlp", options.name, default_name("house-price", options))
    log, started, final, ends = Log(folder), time.perf_counter(), {}, []
    epochs = preset.epochs if options.epochs is None else options.epochs
    held_out = [slice(fold * size, (fold + 1) * size) for fold in range(FOLDS)]
    first = Data(data.name, data.source, rows(data.train, held_out[0], keep=False), None, data.sha256)
    log.write("run", **header("mlp", "house-price", options, preset, epochs, first, network(inputs)))
    for fold, held in enumerate(held_out, start=1):
        train_part, valid_part = rows(data.train, held, keep=False), rows(data.train, held, keep=True)
        last = one_model(options, preset, epochs, train_part, valid_part, shuffle, log, fold)
        ends.append(last)
        final |= {f"fold{fold}.{name}": value for name, value in last.items()}
    final |= {f"folds.{name}": sum(end[name] for end in ends) / FOLDS for name in ends[0]}
    if options.preset == "zh":
        final |= one_model(options, preset, epochs, data.train, None, shuffle, log, None)
    log.write("end", **ending("finished", epochs, started, final, {}))
    if not options.quiet:
        print("\n".join(f"{name:32}{value:.6f}" for name, value in sorted(final.items())))
    return folder


def rows(split: tuple[Tensor, Tensor], held: slice, keep: bool) -> tuple[Tensor, Tensor]:
    """The held-out rows, or all others."""
    chosen = torch.zeros(len(split[0]), dtype=torch.bool)
    chosen[held] = True
    return tuple(tensor[chosen == keep] for tensor in split)


def network(inputs: Tensor) -> nn.Linear:
    """A linear model with PyTorch's initial values: both editions end up with them."""
    return nn.Linear(inputs.shape[1], 1)


def one_model(options, preset, epochs, train_part, valid_part, shuffle, log, fold) -> dict:
    """Trains one model; returns the last epoch's numbers."""
    (inputs, prices), edition = train_part, options.preset
    model = network(inputs)
    rule = torch.optim.Adam if preset.optimizer == "adam" else torch.optim.SGD
    optimizer = rule(model.parameters(), preset.learning_rate)
    loss = lambda outputs, prices: F.mse_loss(outputs, prices.log() if edition == "en" else prices)
    window = Window(max(1, math.ceil(len(inputs) / preset.batch_size) // 2))
    last, step = {}, 0
    for epoch in range(1, epochs + 1):
        order = torch.arange(len(inputs)) if options.no_shuffle else torch.randperm(len(inputs), generator=shuffle)
        running, norm, began = Mean(), Mean(), time.perf_counter()
        for batch in order.split(preset.batch_size):
            optimizer.zero_grad()
            value = loss(model(inputs[batch]), prices[batch])
            value.backward()
            norm.add(torch.nn.utils.get_total_norm([p.grad for p in model.parameters()]).item())
            optimizer.step()
            running.add(value.item(), len(batch))
            window.add(value.item())
            step += 1
        seconds = time.perf_counter() - began
        groups = {"train": {"loss": running.value}}
        if edition == "zh":
            groups["train_after"] = evaluate(model, loss, inputs, prices, edition)
        else:
            groups["train_window"] = {"loss": window.last}
        if valid_part:
            groups["valid"] = evaluate(model, loss, *valid_part, edition)
            if edition == "en":
                batches = zip(*(tensor.split(preset.batch_size) for tensor in valid_part))
                values = [loss(model(x), y).item() for x, y in batches]
                groups["valid_batches"] = {"loss": sum(values) / len(values)}
        record = {"epoch": epoch, "step": step, "learning_rate": preset.learning_rate, **groups,
                  "gradient_norm": norm.value, "seconds": seconds, "examples_per_second": len(inputs) / seconds}
        log.write("epoch", **record, **({"fold": fold} if fold else {}))
        last = {f"{group}.{name}": value for group, metrics in groups.items() for name, value in metrics.items()}
    return last


@torch.no_grad()
def evaluate(model: nn.Module, loss, inputs: Tensor, prices: Tensor, edition: str) -> dict:
    """Over all rows at once: the loss, and the root of the mean squared error of the logarithm."""
    outputs = model(inputs)
    error = F.mse_loss(log_price(outputs, edition), prices.log())
    return {"loss": loss(outputs, prices).item(), "log_rmse": error.sqrt().item()}


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
