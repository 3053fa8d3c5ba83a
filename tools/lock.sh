#!/usr/bin/env bash
# Renews the lock files: bash tools/lock.sh [PYTHON]
# Each names one version and the SHA-256 of every file of every package, for Linux, macOS and Windows and Python 3.11 to 3.13.
# UPGRADE= (empty) keeps each version that still fits.
set -euo pipefail
cd "$(dirname "$0")/.."
uv="$(dirname "${1:-.venv/bin/python}")/uv"
compile() {
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
    --no-emit-find-links ${UPGRADE---upgrade} "$@"
}
compile requirements.txt --output-file requirements.lock
compile requirements-sbom.txt --output-file requirements-sbom.lock
compile requirements-dev.txt --constraint requirements.lock --output-file requirements-dev.lock
