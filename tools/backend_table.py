"""Write two tables into docs/backends.md: what backends can do, and what checks of real ones found.

Run `python cli.py models --check MODEL --json > docs/checks/NAME.json` where the server is, then
`python -m tools.backend_table`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adapters.models.llama_cpp.client import CAPABILITIES as LLAMA_CPP
from adapters.models.ollama.capabilities import CAPABILITIES as OLLAMA
from adapters.models.openai_compatible.dialects import DIALECTS
from engine.core.capabilities import Capabilities, table

DOCS = Path(__file__).parents[1] / "docs" / "backends.md"
BEGIN, END = "<!-- capability table: written by tools/backend_table.py -->", "<!-- end of the table -->"

CHECKS = DOCS.parent / "checks"
CHECKS_BEGIN, CHECKS_END = "<!-- table of checks: written by tools/backend_table.py -->", "<!-- end of the checks -->"
NOT_MET = ("LM Studio", "closed APIs")
"""What no check was ever made of."""


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


def checks_section() -> str:
    """Return the table of the checks that are kept, between its markers."""
    found: list[dict[str, Any]] = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(CHECKS.glob("*.json"))
    ]
    names = list(dict.fromkeys(str(one["what"]) for check in found for one in check["findings"]))
    lines = [f"| answered by | on | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for check in found:
        works = {one["what"]: one["works"] for one in check["findings"]}
        cells = " | ".join(str(works.get(name, "")) for name in names)
        lines.append(f"| {check['answered_by']}, {check['model']} | {check['checked_at'][:10]} | {cells} |")
    lines += [f"| {name} | not met | {' | '.join([''] * len(names))} |" for name in NOT_MET]
    return f"{CHECKS_BEGIN}\n\n" + "\n".join(lines) + f"\n\n{CHECKS_END}"


def main() -> None:
    """Replace the tables in the docs."""
    text = DOCS.read_text(encoding="utf-8")
    for begin, end, new in ((BEGIN, END, section()), (CHECKS_BEGIN, CHECKS_END, checks_section())):
        text = text.split(begin)[0] + new + text.split(end)[1]
    DOCS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
