"""The benchmark's output: lines while it runs, the table, and the two files."""

import json
import os
import platform
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

COLUMNS = ["row", "threads", "ours ms", "PyTorch ms", "ratio", "95 % interval", "ours MB", "PyTorch MB"]
COLUMNS += ["ours first s", "PyTorch first s", "ours share", "PyTorch share"]


def say(line: str) -> None:
    """Progress, to stderr."""
    print(line, file=sys.stderr, flush=True)


def threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def cells(row: dict) -> list[str]:
    """A row's texts, one for each column."""
    share = lambda side: f"{row[f'{side}_share']:.0%}" if row[f"{side}_share"] else "-"
    number = lambda value: f"{value:.2f}" if value >= 1 else f"{value:.4f}"
    variant = "" if row["pytorch_variant"] == "default" else f" {row['pytorch_variant']}"
    return [
        row["model"],
        str(row["threads"]),
        number(row["ours_ms"]),
        number(row["pytorch_ms"]) + variant,
        f"{row['ratio']:.2f}",
        f"{row['ratio_low']:.2f} .. {row['ratio_high']:.2f}",
        f"{row['ours_peak_mb']:.0f}",
        f"{row['pytorch_peak_mb']:.0f}",
        f"{row['ours_first_step_s']:.2f}",
        f"{row['pytorch_first_step_s']:.2f}",
        share("ours"),
        share("pytorch"),
    ]


def line(row: dict) -> str:
    """The line for a row that is done."""
    start = f"{row['model']}, {threads(row['threads'])}"
    if "error" in row:
        return f"{start}: {row['error']}"
    return (
        f"{start}: {row['ours_ms']:.3f} ms, PyTorch {row['pytorch_ms']:.3f} ms, "
        f"ratio {row['ratio']:.3f} ({row['ratio_low']:.3f} .. {row['ratio_high']:.3f})"
    )


def table(rows: list[dict]) -> str:
    """Aligned text; the line of a row that failed gives the reason."""
    lines = [COLUMNS] + [cells(row) for row in rows if "error" not in row]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    widths[0] = max([widths[0]] + [len(row["model"]) for row in rows])
    aligned = lambda line: "  ".join(
        [line[0].ljust(widths[0])] + [text.rjust(width) for text, width in zip(line[1:], widths[1:])]
    )
    failed = [
        f"{row['model']:{widths[0]}}  {row['threads']:>{widths[1]}}  {row['error']}" for row in rows if "error" in row
    ]
    return "\n".join([aligned(line) for line in lines] + failed)


def markdown(header: dict, rows: list[dict]) -> str:
    """The table for a README, with the machine above it."""
    machine, versions = header["machine"], header["versions"]
    rates = "; ".join(
        f"{rate['gflops']:.0f} GFLOP/s on {threads(int(count))}" for count, rate in header["matrix_rate"].items()
    )
    text = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; PyTorch {versions['torch']}, "
        f"{versions['rustc']}; commit {versions['commit']}; {header['date'][:10]}; {header['rounds']} rounds. "
        f"A large matrix product: {rates}.\n\n"
    )
    join = lambda texts: f"| {' | '.join(texts)} |\n"
    text += join(COLUMNS) + f"|---|{'---:|' * (len(COLUMNS) - 1)}\n"
    for row in rows:
        failed = [row["model"], str(row["threads"]), row.get("error", "")] + [""] * (len(COLUMNS) - 3)
        text += join(failed if "error" in row else cells(row))
    return text


def write_json(path: Path, header: dict, rows: list[dict]) -> None:
    path.write_text(json.dumps(header | {"rows": rows}, indent=1) + "\n", encoding="utf-8")


# --- The machine ------------------------------------------------------------------------------------------------------


def output(*command: str) -> str:
    """The output of a command, or `unknown`."""
    try:
        folder = Path(__file__).resolve().parent
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def cpu() -> str:
    """The processor's name, and its widest vectors, on which the times depend."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    name = re.search(r"model name\s*: (.*)", text)
    vectors = next((f" ({what})" for what in ("avx512f", "avx2") if re.search(rf"\b{what}\b", text)), "")
    return (name[1].strip() if name else platform.processor() or platform.machine()) + vectors


def header(torch: str, rounds: int, checked_steps: int) -> dict:
    """Everything that stands above the rows in the JSON file."""
    changed = output("git", "status", "--porcelain")
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "cpu": cpu(),
            "cores": os.cpu_count(),
            "memory_mb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6),
            "system": f"{platform.system()} {platform.release()}",
            "load_before": round(os.getloadavg()[0], 2),
        },
        "versions": {
            "torch": torch,
            "python": platform.python_version(),
            "rustc": output("rustc", "--version"),
            "commit": output("git", "rev-parse", "--short", "HEAD") + (" with changes" if changed else ""),
        },
        "rounds": rounds,
        "checked_steps": checked_steps,
    }


def busy(machine: dict) -> None:
    """Warns if something else is running."""
    if machine["load_before"] > 0.3:
        say(f"the load average is {machine['load_before']}: other programs compute too, and ratios will scatter")
