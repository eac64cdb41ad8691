"""Golden numbers of the English-French pairs: the published file as each edition prepares it, in Python.

    python golden_translation.py --data-dir ../../data        writes ../../crates/d2l-data/tests/translation/pairs.json

For each case the file holds the options, the sizes of both vocabularies, their first tokens, and for the training pairs
and the pairs that follow them the sum of (1 + i % 7) * value of each column: source, its valid length, target, its
valid length (D2L zh 9.5, en 10.5). The larger cases have what the book's few hundred pairs lack: spaces in a row,
sentences that are cut off, thousands of equally frequent tokens.
"""

import argparse
import gzip
import json
from collections import Counter
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "crates" / "d2l-data" / "tests" / "translation" / "pairs.json"
MARKS = ",.!?"
# edition, training pairs, pairs that follow, time steps, least frequency
CASES = [("zh", 601, 129, 10, 2), ("en", 512, 129, 9, 2), ("zh", 30_000, 2_000, 8, 3), ("en", 30_000, 2_000, 8, 3)]


def published(data_dir: Path) -> bytes:
    """The published file's content."""
    path = data_dir / "fra-eng" / "fra.txt"
    return path.read_bytes() if path.exists() else gzip.decompress(path.with_name("fra.txt.gz").read_bytes())


def prepared(text: str) -> str:
    """Plain spaces, lower case, a space before each mark that has none."""
    text = text.replace("\u202f", " ").replace("\xa0", " ").lower()
    before = " " + text  # before[i] is what stands before text[i]
    return "".join(" " + c if c in MARKS and before[i] != " " else c for i, c in enumerate(text))


def sentences(lines: list[str], edition: str) -> list[list[list[str]]]:
    """The tokens of the English, then of the French sentences."""
    columns = zip(*(line.split("\t") for line in lines))
    keep = (lambda token: True) if edition == "zh" else bool
    return [[[token for token in sentence.split(" ") if keep(token)] for sentence in column] for column in columns]


def sequence(tokens: list[str], steps: int) -> list[str]:
    return (tokens + ["<eos>"] + ["<pad>"] * steps)[:steps]


def counted(side: list[list[str]], name: str, edition: str, train: int, steps: int) -> list[list[str]]:
    """The sentences whose tokens the vocabulary of a side, `source` or `target`, is made of."""
    if edition == "zh":  # the training sentences, uncut
        return side[:train]
    padded = [sequence(tokens, steps) for tokens in side]  # what is left after padding, in both parts
    return padded if name == "source" else [["<bos>"] + tokens for tokens in padded]


def vocabulary(known: list[list[str]], edition: str, least: int) -> list[str]:
    """The tokens in the order of their numbers."""
    counts = Counter(token for tokens in known for token in tokens)
    if edition == "en":
        return sorted({"<unk>"} | {token for token, n in counts.items() if n >= least})
    found = [token for token, n in counts.most_common() if n >= least]
    reserved = ["<unk>", "<pad>", "<bos>", "<eos>"]
    return reserved + [token for token in found if token not in reserved]


def weighted_sum(values: list[int]) -> int:
    return sum((1 + i % 7) * value for i, value in enumerate(values))


def case(text: str, edition: str, train: int, valid: int, steps: int, least: int) -> dict:
    sides = sentences(text.split("\n")[: train + valid], edition)
    found = {"edition": edition, "train": train, "valid": valid, "steps": steps, "min_frequency": least}
    sums = {"train": [], "valid": []}
    for name, side in zip(("source", "target"), sides):
        padded = [sequence(tokens, steps) for tokens in side]
        tokens = vocabulary(counted(side, name, edition, train, steps), edition, least)
        numbers = {token: number for number, token in enumerate(tokens)}
        found[name] = {"tokens": len(tokens), "first": tokens[:12]}
        rows = [[numbers.get(token, numbers["<unk>"]) for token in row] for row in padded]
        lengths = [sum(token != "<pad>" for token in row) for row in padded]
        for part, where in (("train", slice(0, train)), ("valid", slice(train, None))):
            flat = [number for row in rows[where] for number in row]
            sums[part] += [weighted_sum(flat), weighted_sum(lengths[where])]
    return found | {"sums": sums}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the published files")
    text = prepared(published(parser.parse_args().data_dir).decode("utf-8"))
    golden = {
        "about": "Made by scripts/pytorch/golden_translation.py, which says what everything here means.",
        "cases": [case(text, *options) for options in CASES],
    }
    FILE.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
