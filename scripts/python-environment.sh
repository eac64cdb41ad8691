# For scripts that run Python with PyTorch: source this file.

# python_environment MODULES: sets `python` to a Python that has the modules. D2L_BENCH_PYTHON names one that has them
# already; otherwise scripts/pytorch/requirements.txt is installed into target/pytorch-venv.
python_environment() {
  local requirements=$root/scripts/pytorch/requirements.txt environment=${CARGO_TARGET_DIR:-$root/target}/pytorch-venv
  python=${D2L_BENCH_PYTHON:-}
  if [ -z "$python" ]; then
    python=$environment/bin/python
    # The copy of the requirements is written last: if it is missing or differs, the installation is incomplete.
    if ! cmp -s "$requirements" "$environment/requirements.txt"; then
      echo "installing PyTorch into $environment" >&2
      python3 -m venv --clear "$environment"
      "$python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements" >&2
      cp "$requirements" "$environment/requirements.txt"
    fi
  elif ! "$python" -c "import $1" 2>/dev/null; then
    echo "error: D2L_BENCH_PYTHON $python: found no Python with $1 there" >&2
    exit 2
  fi
}
