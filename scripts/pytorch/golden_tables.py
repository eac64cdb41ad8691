"""Golden numbers of the tables of crates/d2l-data: the features that pandas and numpy prepare from the same files.

    python golden_tables.py --data-dir ../../data        writes ../../crates/d2l-data/tests/tables/golden.json

The file holds, for the small made-up tables beside it, every prepared feature:

    houses       names and rows (training file, then test file), by edition
    titanic      names and rows; medians, means and standard deviations from the first TRAIN rows alone
    diabetes     rows of the forms Raw and Filled, likewise

and for the published files, without any of their rows,

    house-prices names, the sums over the training and over the test file of (1 + row % 7) * feature, by edition
    airfoil      the same sums of the five features and of the target, over the book's 1,500 rows
    counts       facts by which a file is recognised as the published one
"""

import argparse
from pathlib import Path

import numpy
import pandas
from pandas._libs.parsers import STR_NA_VALUES
from pandas.api.types import is_numeric_dtype

from reference import write_json

FOLDER = Path(__file__).resolve().parents[2] / "crates" / "d2l-data" / "tests" / "tables"
TRAIN = 5  # rows of the little tables that statistics may come from
# The editions' pandas differ in what they read as missing: zh's, before 2.0, keeps the text None.
MISSING = {"zh": {"keep_default_na": False, "na_values": sorted(STR_NA_VALUES - {"None"})}, "en": {}}


def houses(train: Path, test: Path, edition: str) -> tuple[pandas.DataFrame, int]:
    """The features of both files, as D2L zh 4.10.4 and en 5.7.3 make them, and the number of training rows."""
    train, test = (pandas.read_csv(path, **MISSING[edition]) for path in (train, test))
    features = pandas.concat((train.drop(columns=["Id", "SalePrice"]), test.drop(columns=["Id"])))
    numeric = [name for name in features if is_numeric_dtype(features[name])]
    features[numeric] = features[numeric].apply(lambda x: (x - x.mean()) / x.std()).fillna(0)
    return pandas.get_dummies(features, dummy_na=True, dtype=float), len(train)


def weighted_sums(values: numpy.ndarray) -> list[float]:
    return ((1 + numpy.arange(len(values)) % 7) @ values).tolist()


def standardised(features: pandas.DataFrame, train: list[int]) -> pandas.DataFrame:
    """With mean and standard deviation of the rows `train`."""
    known = features.iloc[train]
    return (features - known.mean()) / known.std(ddof=0)


def titanic(table: pandas.DataFrame, train: list[int]) -> pandas.DataFrame:
    """The features; what is made of several rows comes from the rows `train`."""
    numbers = pandas.DataFrame({
        "Pclass": table.Pclass,
        "Age": table.Age.fillna(table.Age.iloc[train].median()),
        "SibSp": table.SibSp,
        "Parch": table.Parch,
        "Fare": numpy.log1p(table.Fare),
    })
    flags = pandas.DataFrame({"Sex_female": table.Sex == "female", "Age_missing": table.Age.isna()})
    ports = pandas.get_dummies(table.Embarked, prefix="Embarked")
    features = pandas.concat([standardised(numbers, train), flags, ports], axis=1).astype(float)
    return features[["Pclass", "Sex_female", "Age", "Age_missing", "SibSp", "Parch", "Fare", *ports.columns]]


def diabetes(table: pandas.DataFrame, train: list[int], form: str) -> pandas.DataFrame:
    """The features in the form `raw` or `filled`."""
    features = table.drop(columns=8).astype(float)
    if form == "filled":
        features[[1, 2, 3, 4, 5]] = features[[1, 2, 3, 4, 5]].replace(0, numpy.nan)
        features = features.fillna(features.iloc[train].median())
    return standardised(features, train)


def airfoil(folder: Path) -> numpy.ndarray:
    """D2L zh 11.5.4, in f64: numpy's std divides by n."""
    data = numpy.genfromtxt(folder / "airfoil" / "airfoil_self_noise.dat", delimiter="\t")
    return ((data - data.mean(axis=0)) / data.std(axis=0))[:1500]


def counts(folder: Path) -> dict:
    ship = pandas.read_csv(folder / "titanic" / "train.csv")
    pima = pandas.read_csv(folder / "diabetes" / "pima-indians-diabetes.csv", header=None)
    scaled = pandas.read_csv(folder / "diabetes" / "diabetes.csv.gz", header=None)
    house = pandas.read_csv(folder / "house-prices" / "kaggle_house_pred_train.csv")
    return {
        "titanic": {"survived": int(ship.Survived.sum()), "women": int((ship.Sex == "female").sum()),
                    "ages missing": int(ship.Age.isna().sum())},
        "diabetes": {"positive": int(pima[8].sum()), "zeros": (pima.loc[:, 1:5] == 0).sum().tolist()},
        "diabetes scaled": {"ones": int(scaled[8].sum()), "sums": weighted_sums(scaled.values[:, :8])},
        "house-prices": {"prices": int(house.SalePrice.sum())},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the published files")
    folder = parser.parse_args().data_dir
    train = list(range(TRAIN))
    passengers = titanic(pandas.read_csv(FOLDER / "titanic.csv"), train)
    women = pandas.read_csv(FOLDER / "diabetes.csv", header=None)
    golden = {
        "about": "Made by scripts/pytorch/golden_tables.py, which says what everything here means.",
        "pandas": pandas.__version__,
        "houses": {}, "titanic": {"names": list(passengers), "rows": passengers.values.tolist()},
        "diabetes": {form.title(): diabetes(women, train, form).values.tolist() for form in ("raw", "filled")},
        "house-prices": {}, "airfoil": weighted_sums(airfoil(folder)), "counts": counts(folder),
    }
    for edition in MISSING:
        features, _ = houses(FOLDER / "houses_train.csv", FOLDER / "houses_test.csv", edition)
        golden["houses"][edition] = {"names": list(features), "rows": features.values.tolist()}
        kaggle = [folder / "house-prices" / f"kaggle_house_pred_{part}.csv" for part in ("train", "test")]
        features, known = houses(*kaggle, edition)
        golden["house-prices"][edition] = {
            "names": list(features),
            "train": weighted_sums(features.values[:known]),
            "test": weighted_sums(features.values[known:]),
        }
    write_json(FOLDER / "golden.json", golden)
    print(f"wrote {FOLDER / 'golden.json'}")


if __name__ == "__main__":
    main()
