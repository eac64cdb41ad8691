"""The functions that candle's CUDA backend can start on a device, read from its sources.

    python3 scripts/cuda/kernels.py > crates/d2l-nn/cuda-kernels.txt

One line for each: its name, which ends with the types that it is for, and the file and line that define it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

RELEASE = "0.11.1"
FILES = ["affine", "binary", "cast", "conv", "fill", "indexing", "reduce", "sort", "ternary", "unary"]
# Types that tensors of this workspace have; the sources have others too.
TYPES = "f64|f32|f16|bf16|u8|u32|i64"
NAME = re.compile(rf"\b[a-z][a-z0-9_]*_(?:{TYPES})\b")
# A function, or a macro that makes functions of the names it is given.
DEFINITION = re.compile(r'^(?:extern "C" __global__ void (\w+)\(|[A-Z][A-Z0-9_]*OP[A-Z0-9_]*\((.*))')


def sources() -> Path:
    """The folder of the kernels' sources in cargo's registry."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    found = [package for package in metadata["packages"] if package["name"] == "candle-kernels"]
    if [package["version"] for package in found] != [RELEASE]:
        sys.exit(f"wanted candle-kernels {RELEASE}: read the new sources, then change RELEASE")
    return Path(found[0]["manifest_path"]).parent / "src"


def main() -> None:
    """Prints the list."""
    folder = sources()
    for stem in FILES:
        lines = (folder / f"{stem}.cu").read_text().splitlines()
        for number, line in enumerate(lines, start=1):
            definition = DEFINITION.match(line)
            if definition:
                for name in NAME.findall(definition[1] or definition[2]):
                    print(f"{name} candle-kernels-{RELEASE}/src/{stem}.cu:{number}")


if __name__ == "__main__":
    main()
