"""The Time Machine as the chapters on recurrent networks and the Transformer read it (D2L zh 8.2 and 8.3, en 9.2 and
9.3).
"""

import re
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor

from common import Data, digest, read_plain

FILE = Path("time-machine") / "timemachine.txt"
# gpt: the part of the text that is trained on, and how many windows begin within the length of one.
TRAINED, STARTS = 0.9, 4


def cleaned(content: bytes, edition: str) -> str:
    """Lower-case letters with one space for everything between them. zh strips each line by itself, so that no space
    stands between two lines; en cleans the text as a whole.
    """
    letters = lambda text: re.sub("[^A-Za-z]+", " ", text).lower()
    text = content.decode("utf-8")
    return "".join(letters(line).strip() for line in text.splitlines()) if edition == "zh" else letters(text)


def vocabulary(text: str, edition: str) -> list[str]:
    """The characters in the order of their numbers: zh by frequency behind `<unk>`, en by the alphabet."""
    if edition == "zh":
        return ["<unk>"] + [character for character, _ in Counter(text).most_common()]
    return sorted({"<unk>"} | set(text))


def numbered(text: str, characters: list[str]) -> Tensor:
    """[N]"""
    numbers = {character: number for number, character in enumerate(characters)}
    return torch.tensor([numbers[character] for character in text])


def windows(tokens: Tensor, num_steps: int, starts: slice | Tensor = slice(None)) -> tuple[Tensor, Tensor]:
    """The text windows at `starts`, at all places unless stated, and the tokens that follow: [N, T] twice."""
    cut = lambda tokens: tokens.unfold(0, num_steps, 1)[starts]
    return cut(tokens[:-1]), cut(tokens[1:])


def time_machine(data_dir: Path, edition: str) -> tuple[Tensor, int, str]:
    """The characters as numbers [N], how many different ones there are, and what the log calls the text's `sha256`."""
    content = read_plain(data_dir / FILE)
    text = cleaned(content, edition)
    characters = vocabulary(text, edition)
    return numbered(text, characters), len(characters), digest([content])


def raw_time_machine(data_dir: Path, context: int) -> tuple[Data, int]:
    """The text as it is: overlapping windows of its first nine tenths, windows side by side of the rest."""
    content = read_plain(data_dir / FILE)
    text = content.decode("utf-8")
    characters = vocabulary(text, "en")
    tokens, cut = numbered(text, characters), int(len(text) * TRAINED)
    part = lambda tokens, step: windows(tokens, context, slice(0, len(tokens) - context, step))
    data = Data(
        "time-machine", "real", part(tokens[:cut], -(-context // STARTS)), part(tokens[cut:], context), digest([content])
    )
    return data, len(characters)
