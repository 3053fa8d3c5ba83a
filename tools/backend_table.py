"""Write the table of backends and what they can do into docs/backends.md: `python -m tools.backend_table`."""

from __future__ import annotations

from pathlib import Path

from adapters.models.llama_cpp.client import CAPABILITIES as LLAMA_CPP
from adapters.models.ollama.capabilities import CAPABILITIES as OLLAMA
from adapters.models.openai_compatible.dialects import DIALECTS
from engine.core.capabilities import Capabilities, table

DOCS = Path(__file__).parents[1] / "docs" / "backends.md"
BEGIN, END = "<!-- capability table: written by tools/backend_table.py -->", "<!-- end of the table -->"


def backends() -> dict[str, Capabilities]:
    """Return every backend by the name of its column."""
    return {
        "llama.cpp": LLAMA_CPP,
        "Ollama": OLLAMA,
        **{dialect.title: dialect.capabilities for dialect in DIALECTS},
    }


def section() -> str:
    """Return the table between its markers."""
    return f"{BEGIN}\n\n{table(backends())}\n{END}"


def main() -> None:
    """Replace the table in the docs."""
    text = DOCS.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOCS.write_text(f"{before}{section()}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
