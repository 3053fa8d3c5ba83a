#!/usr/bin/env bash
# Runs the suite without models and browser on each Python that is supported: bash tools/pythons.sh [PYTHON ...]
# Each gets a venv of its own in .venv/pythons, from the lock file. Gigabytes and minutes for each.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -eq 0 ]; then
  set -- python3.11 python3.12 python3.13
fi
failed=()
for python in "$@"; do
  if ! version=$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null); then
    echo "'$python' was not found. Name the Pythons that you have: make pythons PYTHONS=\"python3.12 /path/to/python3.13\"" >&2
    failed+=("$python: not found")
    continue
  fi
  folder=.venv/pythons/${version%.*}
  echo "Python $version: installing in $folder ..."
  [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
  "$folder/bin/python" -m pytest --numprocesses "${TEST_PROCESSES:-2}" --dist loadfile -m "not model and not browser" ||
    failed+=("$version: tests failed")
done
if [ ${#failed[@]} -gt 0 ]; then
  printf '%s\n' "${failed[@]}" >&2
  exit 1
fi
