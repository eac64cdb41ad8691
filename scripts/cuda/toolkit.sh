#!/usr/bin/env bash
# usage: toolkit.sh DIR
# Makes DIR/cuda, a CUDA_HOME that compiles and links `--features cuda` on a machine without a GPU (100 MB to fetch,
# 270 MB on disk): the compiler from NVIDIA's wheels on PyPI, and for the driver and the CUDA libraries stand-ins to link
# against, made from cudarc's own declarations. They open the GPU machine's real ones at the first call (lazy.c).
set -euo pipefail
if [ $# -ne 1 ]; then
  sed -n '2s/^# //p' "$0" >&2
  exit 2
fi
mkdir -p "$1"
home=$(cd "$1" && pwd)
cuda=$home/cuda

python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$home/wheels" \
  nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 \
  nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85
for wheel in "$home"/wheels/*.whl; do
  unzip -q -o "$wheel" 'nvidia/*' -d "$home/unpacked"
done
ln -sfn unpacked/nvidia/cu13 "$cuda"
chmod +x "$cuda"/bin/* "$cuda"/nvvm/bin/*
ln -sfn lib "$cuda/lib64"
ln -sf libcudart.so.13 "$cuda/lib/libcudart.so"

# What each library says if it isn't there: CUDA_ERROR_STUB_LIBRARY, CUBLAS_STATUS_NOT_INITIALIZED,
# CURAND_STATUS_INITIALIZATION_FAILED, NVRTC_ERROR_INTERNAL_ERROR.
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$cuda/lib/stubs"
cudarc=$(find "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/cudarc-* -maxdepth 0 | sort -V | tail -n 1)/src
for library in driver:cuda:1:34 cublas:cublas:13:1 cublaslt:cublasLt:13:1 curand:curand:10:203 nvrtc:nvrtc:13:11; do
  IFS=: read -r module name version missing <<<"$library"
  functions=$home/$name.functions
  grep -rohE '\bfn (cu|cublas|cublasLt|curand|nvrtc)[A-Z][A-Za-z0-9_]+' "$cudarc/$module/sys/" | sort -u |
    awk '{ print "FUNCTION(" $2 ", " NR - 1 ")" }' >"$functions"
  cc -O2 -Wall -fPIC -c -DLIBRARY="\"lib$name.so.$version\"" -DMISSING="$missing" -DFUNCTIONS="\"$functions\"" \
    -o "$home/$name.o" "$here/lazy.c"
  rm -f "$cuda/lib/stubs/lib$name.so" "$cuda/lib/stubs/lib$name.a"
  ar crs "$cuda/lib/stubs/lib$name.a" "$home/$name.o"
done

du -shL "$cuda"
echo "export CUDA_HOME=$cuda PATH=$cuda/bin:\$PATH CUDA_COMPUTE_CAP=90"
