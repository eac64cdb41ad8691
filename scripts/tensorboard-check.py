#!/usr/bin/env python3
"""Reads what `runs export --format tensorboard` wrote with TensorBoard's own loaders, and asks its server.

    scripts/tensorboard-check.py RUNS-FOLDER EXPORT-FOLDER

Every metric of every epoch must come back as the log has it (as a 32-bit number), every figure as a PNG, the recipe as hyperparameters.
Needs `pip install tensorboard`. No part of CI.
"""
import json
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

PORT = 16006
SECONDS_TO_LOAD = 60


def metrics(epoch):
    """Tags and values of a line of the log."""
    fold = f"fold{epoch['fold']}/" if epoch.get("fold") else ""
    for key, value in epoch.items():
        if isinstance(value, dict):
            yield from ((f"{fold}{key}/{name}", number) for name, number in value.items())
        elif key not in ("kind", "step", "fold"):
            yield fold + key, value


def single(value):
    """The nearest 32-bit number."""
    return struct.unpack("f", struct.pack("f", value))[0]


def check_run(log, folder):
    """Compares one run; returns how many values and figures it has."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    wanted = {}
    for epoch in (line for line in lines if line["kind"] == "epoch"):
        for tag, value in metrics(epoch):
            wanted.setdefault(tag, []).append((epoch["step"], single(value)))
    found = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert found == wanted, f"{log}: {found} instead of {wanted}"

    figures = sorted(path.stem for path in (log.parent / "figures").glob("*.svg"))
    assert sorted(events.Tags()["images"]) == [f"figures/{name}" for name in figures], folder
    for tag in events.Tags()["images"]:
        (image,) = events.Images(tag)
        assert image.encoded_image_string.startswith(b"\x89PNG"), tag

    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    rate = lines[0]["recipe"].get("learning_rate")
    assert rate is None or start.hparams["learning_rate"].number_value == rate, folder
    return sum(map(len, found.values())), len(figures)


def get(path, **query):
    url = f"http://localhost:{PORT}/data/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def check_server(folder, run, tag, count, figures):
    """The real TensorBoard must list the run and give all its points, and know its hyperparameters."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(PORT)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(SECONDS_TO_LOAD):
            time.sleep(1)
            try:
                if run in get("plugin/scalars/tags"):
                    break
            except OSError:
                continue
        points = get("plugin/scalars/scalars", run=run, tag=tag)
        assert len(points) == count, points
        assert figures == 0 or get("plugin/images/tags"), "no images"
        request = {"experimentName": "", "hparamsLimit": 0}
        url = f"http://localhost:{PORT}/data/plugin/hparams/experiment"
        request = urllib.request.Request(url, json.dumps(request).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            names = {info["name"] for info in json.load(answer)["hparamInfos"]}
        assert "learning_rate" in names, names
    finally:
        server.terminate()
        server.wait()


def epochs_of(log):
    """How many epochs a run has, apart from those of folds."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return sum(line["kind"] == "epoch" and "fold" not in line for line in lines)


def main():
    runs, export = Path(sys.argv[1]), Path(sys.argv[2])
    logs = sorted(runs.glob("*/*/log.jsonl"))
    assert logs, f"no logs in {runs}"
    values = figures = 0
    for log in logs:
        more = check_run(log, export / log.parent.relative_to(runs))
        values, figures = values + more[0], figures + more[1]
    shown, epochs = max(((log, epochs_of(log)) for log in logs), key=lambda run: run[1])
    assert epochs, f"no epoch in any log of {runs}"
    check_server(export, str(shown.parent.relative_to(runs)), "train/loss", epochs, figures)
    print(f"{len(logs)} runs, {values} values, {figures} figures: as in the logs; the server shows them")


if __name__ == "__main__":
    main()
