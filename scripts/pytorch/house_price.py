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

from common import Data, Log, Preset, arguments, digest, main, read_plain, run_folder
from lesson import Lesson, Measure
from mlp import Mlp
from training import default_name, ending, header, shuffle_of, shuffled, train_epochs

FOLDS = 5
PRESETS = {
    ("concise", "zh"): Preset(
        "zh 4.10", batch_size=64, learning_rate=5.0, epochs=100, optimizer="adam", train_after=True
    ),
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
    shuffle = shuffle_of(options)
    data = (data or house_prices(options.data_dir, options.preset)).first(options.examples)
    inputs, _ = data.train
    folder = run_folder(options.runs_dir / "mlp", options.name, default_name("house-price", options))
    log, started, final, ends = Log(folder), time.perf_counter(), {}, []
    epochs = preset.epochs if options.epochs is None else options.epochs
    log.write("run", **header("mlp", "house-price", options, preset, epochs, fold_of(data, 1), network(inputs)))

    def one_model(data: Data, fold: int | None) -> dict[str, float]:
        """Trains one model; returns the last epoch's numbers."""
        lesson = lesson_of(network(inputs), options.preset, data)
        rule = torch.optim.Adam if preset.optimizer == "adam" else torch.optim.SGD
        lesson.optimizer = rule(lesson.model.parameters(), preset.learning_rate)
        batches = shuffled(len(data.train[1]), preset.batch_size, shuffle)
        last, _ = train_epochs(lesson, preset, epochs, batches, log, fold)
        return last

    for fold in range(1, FOLDS + 1):
        ends.append(one_model(fold_of(data, fold), fold))
        final |= {f"fold{fold}.{name}": value for name, value in ends[-1].items()}
    final |= {f"folds.{name}": sum(end[name] for end in ends) / FOLDS for name in ends[0]}
    if options.preset == "zh":
        final |= one_model(data, None)
    log.write("end", **ending("finished", epochs, started, final, {}))
    if not options.quiet:
        print("\n".join(f"{name:32}{value:.6f}" for name, value in sorted(final.items())))
    return folder


def fold_of(data: Data, fold: int) -> Data:
    """The data without a fold, counted from 1, which is held out."""
    size = len(data.train[1]) // FOLDS
    held = torch.zeros(len(data.train[1]), dtype=torch.bool)
    held[(fold - 1) * size : fold * size if fold < FOLDS else None] = True
    part = lambda chosen: tuple(tensor[chosen] for tensor in data.train)
    return Data(data.name, data.source, part(~held), part(held), data.sha256)


def network(inputs: Tensor) -> Mlp:
    """A linear model with PyTorch's initial values: both editions end up with them."""
    return Mlp([inputs.shape[1], 1])


def lesson_of(model: nn.Module, edition: str, data: Data) -> Lesson:
    """zh trains on the squared error in dollars, en on that of the logarithm. Both show log_rmse, the root of the mean
    squared error of the logarithm.
    """
    loss = lambda outputs, prices: F.mse_loss(outputs, prices.log() if edition == "en" else prices)
    error = lambda outputs, prices: F.mse_loss(log_price(outputs, edition), prices.log())
    return Lesson(data, model, loss, measures={"log_rmse": Measure(error, shown=math.sqrt, in_training=False)})


if __name__ == "__main__":
    main(arguments(__doc__.splitlines()[0]), train)
