"""Golden BLEU scores of corpora: sacreBLEU's scores of sentences that are tokens already.

    python golden_bleu.py        writes ../../crates/d2l-data/tests/translation/bleu.json

Needs sacrebleu (requirements.txt). Of each corpus the file holds the predictions, one or more references for each, and
`corpus_bleu(..., tokenize="none")` with both ways of smoothing: score and precisions in percent, brevity penalty and
lengths. The first corpora are written by hand, for one rule each; the others are drawn from six words.
"""

import json
import random
from pathlib import Path

import sacrebleu

FILE = Path(__file__).resolve().parents[2] / "crates" / "d2l-data" / "tests" / "translation" / "bleu.json"
WORDS = "je tu il est calme .".split()

BY_HAND = {
    "all right": [("il est très calme .", ["il est très calme ."])],
    "too short": [("il est calme", ["il est très calme ce soir ."])],
    "too long": [("il est très très calme ce soir .", ["il est très calme ce soir ."])],
    "one word again and again": [("le le le le le le le", ["le chat est sur le lit .", "un chat est sur le lit ."])],
    "the nearest length, the shorter of two": [("a b c d e f", ["a b c d", "a b c d e x y z", "a b c d e f g h"])],
    "no run of four matches": [("il est chez lui ce soir", ["il est chez moi ce matin"])],
    "no run of four matches in two": [("il est chez lui", ["il est chez moi"]), ("tu pars .", ["tu restes ."])],
    "nothing matches": [("a b c d e", ["v w x y z"])],
    "no prediction has four words": [("va !", ["va !"]), ("j'ai perdu .", ["j'ai perdu ."])],
    "an empty prediction": [("", ["je suis chez moi ."]), ("il est très calme .", ["il est très calme ."])],
    "the book's sentences": [
        ("va !", ["va !"]),
        ("j'ai perdu .", ["j'ai perdu ."]),
        ("il est riche .", ["il est calme .", "il est tranquille ."]),
        ("je suis chez moi .", ["je suis chez moi .", "je suis à la maison ."]),
    ],
}


def drawn(rng: random.Random) -> list[tuple[str, list[str]]]:
    sentence = lambda: " ".join(rng.choices(WORDS, k=rng.randint(1, 9)))
    return [(sentence(), [sentence() for _ in range(rng.randint(1, 3))]) for _ in range(rng.randint(2, 6))]


def scores(corpus: list[tuple[str, list[str]]]) -> dict:
    predictions = [prediction for prediction, _ in corpus]
    references = [references for _, references in corpus]
    # One stream per place in the lists of references; None if a sentence has fewer.
    most = max(map(len, references))
    streams = [[one[i] if i < len(one) else None for one in references] for i in range(most)]
    found = {"predictions": predictions, "references": references}
    for smoothing in ("none", "exp"):
        bleu = sacrebleu.corpus_bleu(predictions, streams, smooth_method=smoothing, tokenize="none", force=True)
        found[smoothing] = {"score": bleu.score, "precisions": bleu.precisions}
        found.update(brevity_penalty=bleu.bp, prediction_len=bleu.sys_len, reference_len=bleu.ref_len)
    return found


def main() -> None:
    rng = random.Random(0)
    corpora = [{"what": what} | scores(corpus) for what, corpus in BY_HAND.items()]
    corpora += [{"what": f"drawn {number}"} | scores(drawn(rng)) for number in range(12)]
    golden = {
        "about": "Made by scripts/pytorch/golden_bleu.py, which says what everything here means.",
        "sacrebleu": sacrebleu.__version__,
        "corpora": corpora,
    }
    FILE.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
