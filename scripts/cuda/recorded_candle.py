"""Copies the candle-core that the workspace builds with, and makes the copy write down every call that would reach a GPU.

    python3 scripts/cuda/recorded_candle.py TARGET

Candle has no hook for that. Each method of `Storage` is the one place where an operation reaches a device; numbers come
to a device in three functions of `device.rs` and are read back in four of `tensor.rs`. A call of `record.rs` is put at
the head of each. Whatever doesn't look as it did in the release that this was written for is an error.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

RELEASE = "0.11.1"

IN_STORAGE = {
    "try_clone": ('"copy"', "&[(self.dtype(), layout)]"),
    "const_set": ('"const_set"', "&[(self.dtype(), l)]"),
    "affine": ('"affine"', "&[(self.dtype(), layout)]"),
    "powf": ('"upowf"', "&[(self.dtype(), layout)]"),
    "elu": ('"uelu"', "&[(self.dtype(), layout)]"),
    "cmp": (
        "match op { CmpOp::Eq => \"eq\", CmpOp::Ne => \"ne\", CmpOp::Le => \"le\", CmpOp::Ge => \"ge\", "
        "CmpOp::Lt => \"lt\", CmpOp::Gt => \"gt\" }",
        "&[(self.dtype(), lhs_layout), (rhs.dtype(), rhs_layout)]",
    ),
    "reduce_op": (
        "&format!(\"{}:{}\", match op { ReduceOp::Sum => \"fast_sum\", ReduceOp::Min => \"fast_min\", "
        "ReduceOp::Max => \"fast_max\", ReduceOp::ArgMin => \"fast_argmin\", ReduceOp::ArgMax => \"fast_argmax\" }, "
        "s.iter().map(|&axis| layout.dims()[axis]).product::<usize>())",
        "&[(self.dtype(), layout)]",
    ),
    "to_dtype": ('&format!("cast:{}", dtype.as_str())', "&[(self.dtype(), layout)]"),
    "apply_op1": ('&format!("custom:{}", c.name())', "&[(self.dtype(), l)]"),
    "apply_op2": ('&format!("custom:{}", c.name())', "&[(self.dtype(), l1), (t2.dtype(), l2)]"),
    "apply_op3": (
        '&format!("custom:{}", c.name())',
        "&[(self.dtype(), l1), (t2.dtype(), l2), (t3.dtype(), l3)]",
    ),
    "inplace_op": ('&format!("custom:{}", c.name())', "&[(self.dtype(), dst_l)]"),
    "unary_impl": ("B::KERNEL", "&[(self.dtype(), layout)]"),
    "binary_impl": ("B::KERNEL", "&[(self.dtype(), lhs_layout), (rhs.dtype(), rhs_layout)]"),
    "conv1d": ('"conv1d"', "&[(self.dtype(), l), (kernel.dtype(), kernel_l)]"),
    "conv_transpose1d": ('"conv_transpose1d"', "&[(self.dtype(), l), (kernel.dtype(), kernel_l)]"),
    "conv2d": ('"conv2d"', "&[(self.dtype(), l), (kernel.dtype(), kernel_l)]"),
    "conv_transpose2d": ('"conv_transpose2d"', "&[(self.dtype(), l), (kernel.dtype(), kernel_l)]"),
    "avg_pool2d": ('"avg_pool2d"', "&[(self.dtype(), layout)]"),
    "max_pool2d": ('"max_pool2d"', "&[(self.dtype(), layout)]"),
    "upsample_nearest1d": ('"upsample_nearest1d"', "&[(self.dtype(), layout)]"),
    "upsample_nearest2d": ('"upsample_nearest2d"', "&[(self.dtype(), layout)]"),
    "upsample_bilinear2d": ('"upsample_bilinear2d"', "&[(self.dtype(), layout)]"),
    "where_cond": (
        '"where"',
        "&[(self.dtype(), layout), (t.dtype(), layout_t), (f.dtype(), layout_f)]",
    ),
    "gather": ('"gather"', "&[(self.dtype(), l), (indexes.dtype(), indexes_l)]"),
    "scatter_set": (
        '"s"',
        "&[(self.dtype(), l), (indexes.dtype(), indexes_l), (source.dtype(), source_l)]",
    ),
    "scatter_add": (
        '"sa"',
        "&[(self.dtype(), l), (indexes.dtype(), indexes_l), (source.dtype(), source_l)]",
    ),
    "index_add": (
        '"ia"',
        "&[(self.dtype(), l), (indexes.dtype(), indexes_l), (source.dtype(), source_l)]",
    ),
    "index_select": ('"is"', "&[(self.dtype(), lhs_l), (rhs.dtype(), rhs_l)]"),
    "matmul": ('"matmul"', "&[(self.dtype(), lhs_layout), (rhs.dtype(), rhs_layout)]"),
    "copy_strided_src": ('"ucopy"', "&[(self.dtype(), src_l)]"),
    "copy2d": ('"copy2d"', "&[(self.dtype(), &Layout::contiguous((d1, d2)))]"),
}
# What touches no device.
NOT_IN_STORAGE = {"device", "dtype", "same_device", "same_dtype"}

SHAPED = "&[(dtype, &crate::Layout::contiguous(shape))]"
IN_DEVICE = {
    "rand_uniform_f64": ('"random"', SHAPED),
    "rand_normal_f64": ('"random"', SHAPED),
    "zeros": ('"zeros"', SHAPED),
    "storage_from_slice": ('"upload"', "&[]"),
    "storage": ('"upload"', "&[]"),
    "storage_owned": ('"upload"', "&[]"),
}
READ = ('"read"', "&[(self.dtype(), self.layout())]")
# Where a backward pass ends: between two of them lies what one step takes. Candle's own pass makes its store by `new`.
STORE = "#[derive(Default, Debug)]\npub struct GradStore(HashMap<TensorId, Tensor>);\n"
RECORDED_STORE = """#[derive(Debug)]
pub struct GradStore(HashMap<TensorId, Tensor>);

impl Default for GradStore {
    fn default() -> Self {
        crate::record::note("gradients", &[]);
        Self(HashMap::new())
    }
}
"""
NEW_STORE = "    fn new() -> Self {\n        Self::default()\n    }\n"
IN_TENSOR = {name: READ for name in ("to_scalar", "to_vec1", "to_vec2", "to_vec3")}


def registry_copy() -> Path:
    """The folder of the release in cargo's registry."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    found = [package for package in metadata["packages"] if package["name"] == "candle-core"]
    versions = [package["version"] for package in found]
    if versions != [RELEASE]:
        sys.exit(f"found candle-core {versions}, wanted {RELEASE} alone: read the new sources, then change RELEASE")
    return Path(found[0]["manifest_path"]).parent


def insert(file: Path, calls: dict[str, tuple[str, str]]) -> None:
    """Puts a call of the recorder at the head of each of these functions, of which there must be one each."""
    text = file.read_text()
    for name, (what, tensors) in calls.items():
        head = re.compile(rf"\n    pub(?:\(crate\))? fn {name}\b[^{{]*{{\n")
        found = head.findall(text)
        if len(found) != 1:
            sys.exit(f"{file.name}: found {len(found)} functions {name}, wanted 1")
        text = head.sub(lambda match: f"{match[0]}        crate::record::note({what}, {tensors});\n", text)
    file.write_text(text)


def replace(file: Path, old: str, new: str) -> None:
    """Replaces a piece of text, which must be there once."""
    text = file.read_text()
    if text.count(old) != 1:
        sys.exit(f"{file.name}: found {text.count(old)} times {old!r}, wanted it once")
    file.write_text(text.replace(old, new))


def main(target: Path) -> None:
    """Makes the copy in `target`."""
    source = registry_copy()
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)
    src = target / "src"
    methods = re.findall(r"\n    pub(?:\(crate\))? fn (\w+)", (src / "storage.rs").read_text())
    if sorted(methods) != sorted([*IN_STORAGE, *NOT_IN_STORAGE]):
        sys.exit(f"storage.rs: found the methods {sorted(methods)}, wanted those that this script knows")
    insert(src / "storage.rs", IN_STORAGE)
    insert(src / "device.rs", IN_DEVICE)
    insert(src / "tensor.rs", IN_TENSOR)
    replace(src / "backprop.rs", STORE, RECORDED_STORE)
    replace(src / "backprop.rs", NEW_STORE, NEW_STORE.replace("Self::default()", "Self(HashMap::new())"))
    shutil.copy(Path(__file__).with_name("record.rs"), src / "record.rs")
    lib = src / "lib.rs"
    lib.write_text(lib.read_text().replace("\nmod device;\n", "\nmod device;\nmod record;\n", 1))
    # A workspace of its own, though it lies in this one's folder.
    manifest = target / "Cargo.toml"
    manifest.write_text(manifest.read_text() + "\n[workspace]\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
