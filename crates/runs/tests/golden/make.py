#!/usr/bin/env python3
"""Writes import.tfevents with TensorBoard's own writer. Needs `pip install tensorboard`; 2.21 made the file here.

PyTorch's SummaryWriter writes scalars and pictures in the first form, TensorFlow 2 and Keras in the second.
"""
import glob
import os
import shutil
import tempfile

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_SCALAR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

START = 1767225600.0  # 2026-01-01T00:00:00Z


def main():
    folder = tempfile.mkdtemp()
    writer = EventFileWriter(folder)

    def add(seconds, step, value):
        writer.add_event(Event(wall_time=START + seconds, step=step, summary=Summary(value=[value])))

    data = plugin_data_pb2.HParamsPluginData()
    data.session_start_info.hparams["optimizer"].string_value = "adam"
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=data.SerializeToString())
    metadata = SummaryMetadata(plugin_data=plugin)
    add(0.0, 0, Summary.Value(tag="_hparams_/session_start_info", metadata=metadata))

    plugin = SummaryMetadata.PluginData(plugin_name="scalars")
    metadata = SummaryMetadata(plugin_data=plugin, data_class=DATA_CLASS_SCALAR)
    for seconds, step, loss, accuracy in [(0.0, 100, 0.5, 0.75), (2.5, 200, 0.1, 0.875)]:
        add(seconds, step, Summary.Value(tag="Loss/train", simple_value=loss))
        tensor = TensorProto(dtype="DT_FLOAT", tensor_shape=TensorShapeProto(), float_val=[accuracy])
        add(seconds, step, Summary.Value(tag="accuracy/val", metadata=metadata, tensor=tensor))
    image = Summary.Image(height=1, width=1, colorspace=3, encoded_image_string=b"\x89PNG")
    add(2.5, 200, Summary.Value(tag="picture", image=image))
    writer.close()
    (file,) = glob.glob(folder + "/*tfevents*")
    shutil.move(file, os.path.join(os.path.dirname(os.path.abspath(__file__)), "import.tfevents"))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
