#!/usr/bin/env bash
# Checks for what the setup needs, and says in one line what is missing and how to fix it.
python="$1"
if ! command -v "$python" >/dev/null 2>&1; then
  echo "'$python' was not found. Install Python 3.11 to 3.13, or name your Python: make run PYTHON=python3.12" >&2
  exit 1
fi
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
  version=$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null)
  echo "Python ${version:-of this version} is not supported: use 3.11 to 3.13. Name one: make run PYTHON=python3.12" >&2
  exit 1
fi
if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
  echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt install python3-venv" >&2
  exit 1
fi
if ! command -v "${CC:-cc}" >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1 && ! command -v clang >/dev/null 2>&1; then
  echo "No C compiler was found; llama.cpp needs one. On Debian and Ubuntu: sudo apt install build-essential; on macOS: xcode-select --install" >&2
  exit 1
fi
# On Linux torch brings a GPU's libraries along, and pip keeps what it fetched until all is installed. Elsewhere it is half.
here_gb=8
while_installing_gb=7
[ "$(uname -s)" = Linux ] || { here_gb=4; while_installing_gb=3; }
free_gb() { df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print int($4 / 1000000); found = 1 } END { if (!found) print 0 }'; }
device() { df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print $1 }'; }
temporary="${TMPDIR:-/tmp}"
[ -d "$temporary" ] || temporary=/tmp
if [ ! -f .venv/.run-ready ]; then
  [ "$(device .)" = "$(device "$temporary")" ] && here_gb=$((here_gb + while_installing_gb)) && while_installing_gb=0
  if [ "$(free_gb .)" -lt "$here_gb" ]; then
    echo "$(free_gb .) GB of disk are free here; installing needs $here_gb. Free some, or put the folder on another disk." >&2
    exit 1
  fi
  if [ "$(free_gb "$temporary")" -lt "$while_installing_gb" ]; then
    echo "$(free_gb "$temporary") GB are free in $temporary; installing needs $while_installing_gb there for a while. Name another folder: TMPDIR=/path make run" >&2
    exit 1
  fi
fi
