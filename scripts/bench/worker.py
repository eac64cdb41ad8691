"""A process that makes steps on request: ours or PyTorch's."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Behind the name of a row's settings: its model goes through torch.compile.
COMPILED = " compiled"


class Failed(Exception):
    """A worker ended, or gave an unexpected answer."""


class Worker:
    """The process starts at once. It computes only between a request and its answer; use it in a `with` statement."""

    def __init__(self, name: str, command: list[str], threads: int):
        # PyTorch's threads keep their usual policy: they spin for some milliseconds after the last operation, then
        # sleep. If they sleep at once (OMP_WAIT_POLICY=passive), small models take a quarter longer.
        environment = os.environ | {
            "RAYON_NUM_THREADS": str(threads),
            "CANDLE_NUM_THREADS": "1",  # the spinning pool, off as in the chapters
            "MIMALLOC_PURGE_DELAY": "-1",  # pages are kept, as in the chapters
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
        }
        self.name = name
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors
        )
        self.threads = threads
        self.ready = False

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.stop()
        self.errors.close()

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it was gone already, with a command unread

    def ask(self, command: str) -> dict:
        """The answer to a command; waits until the worker has started, too."""
        self.send(command)
        return self.receive()

    def send(self, command: str) -> None:
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self.last_words()) from None

    def receive(self) -> dict:
        if not self.ready:
            self.ready = True
            threads = self.receive()["threads"]
            if threads != self.threads:
                raise Failed(f"computes with {threads} threads, wanted {self.threads}")
        line = self.process.stdout.readline()
        if not line:
            raise Failed(self.last_words())
        return json.loads(line)

    def last_words(self) -> str:
        """Why the worker ended."""
        code = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), f"ended with exit code {code}")
        return f"{self.name}: {last}"

    def times(self, steps: int) -> list[float]:
        """Milliseconds of each of some steps."""
        return self.ask(f"time {steps}")["milliseconds"]

    def check(self, steps: int) -> list[list[float]]:
        """What each of some steps computed."""
        return self.ask(f"check {steps}")["values"]

    def first_step(self) -> float:
        """Seconds from the start of the process to the end of its first step. Only for a worker just started."""
        self.ask("time 1")
        return time.perf_counter() - self.began

    def peak_megabytes(self) -> float:
        """The largest resident memory so far, in 10^6 bytes."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            raise Failed("found no /proc to read peak memory from; wanted Linux")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if not found:
            raise Failed(f"found no VmHWM in {status}")
        return int(found[1]) * 1024 / 1e6


def listing(command: list[str]) -> str:
    """What a command prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise Failed(f"cannot start {command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Failed(f"{' '.join(command)}: {words[-1]}")
    return done.stdout


class Ours:
    """Starts crates/bench."""

    name = "ours"

    def __init__(self, program: str):
        self.program = program

    def rows(self) -> list[str]:
        """Names of the rows it has."""
        return listing([self.program, "--list"]).split()

    def start(self, row: str, threads: int, save_init: Path | None = None) -> Worker:
        option = ["--save-init", str(save_init)] if save_init else []
        return Worker(self.name, [self.program, "--model", row, *option], threads)


class PyTorch:
    """Starts pytorch_worker.py."""

    name = "PyTorch"
    command = [sys.executable, str(HERE / "pytorch_worker.py")]

    def rows(self) -> dict:
        """`torch`, its version, and `rows`: for each its optimizer settings, and whether it must be asked for."""
        return json.loads(listing([*self.command, "--list"]))

    def start(self, row: str, threads: int, variant: str | None = None, init: Path | None = None) -> Worker:
        settings = variant and variant.removesuffix(COMPILED)
        options = ["--variant", settings] if settings else []
        options += ["--compile"] if settings != variant else []
        options += ["--init", str(init)] if init else []
        return Worker(self.name, [*self.command, "--model", row, "--threads", str(threads), *options], threads)
