"""The memo as one HTML file: no request, a strict Content-Security-Policy, every cell inert, clean when printed.

Also as Markdown.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from adapters.memo.wording import FILTERS, assumptions, identity, leaks, method, prices, what_marks_mean
from engine.analysis.marks import imported_sentence
from engine.analysis.memo import MemoContents
from engine.charts.chart import Chart, Grid
from engine.charts.plotly_form import to_plotly
from engine.charts.style import PALETTES, colour, paint
from engine.charts.svg_form import to_svg
from engine.core.errors import StoreError
from engine.core.run.standing import NO_VERDICT
from engine.metrics import wording as say

SIGNS = {
    "right": "\N{CHECK MARK}",
    "wrong": "\N{BALLOT X}",
    "failed": "\N{SQUARE WITH UPPER RIGHT TO LOWER LEFT FILL}",
    "missing": "\N{MIDDLE DOT}",
}
"""How an answer's outcome is written; they differ without colour."""
_PLOT_PX = (364.0, 274.0)
"""Width and height inside the axes of two charts beside each other, for placing names."""
_FOLDER = Path(__file__).parent
_DRAW = (_FOLDER / "draw.js").read_text(encoding="utf-8")


def memo_html(contents: MemoContents) -> bytes:
    """Write the memo.

    Raises:
        StoreError: Plotly's script is not where its wheel keeps it.
    """
    library = _plotly()
    pictures = [_picture(chart) for chart in contents.charts]
    page = (
        _environment()
        .get_template("memo.html.j2")
        .render(
            **_common(contents),
            pictures=pictures,
            # A script element ends at the first </script, whatever the text means.
            library=Markup(library),  # noqa: S704 - Plotly's own script from its wheel
            draw=Markup(_DRAW),  # noqa: S704 - this folder's own script
            policy=_policy([library, _DRAW]),
            looks=PALETTES["light"],
            shade=_shade,
        )
    )
    return page.encode("utf-8", "replace")


def memo_markdown(contents: MemoContents) -> bytes:
    """Write the memo as Markdown, without charts."""
    page = _environment().get_template("memo.md.j2").render(**_common(contents))
    return page.encode("utf-8", "replace")


def _common(contents: MemoContents) -> dict[str, Any]:
    return {
        "memo": contents,
        "report": contents.report,
        "verdict": None if contents.aside else contents.report.verdict,
        "no_verdict": NO_VERDICT,
        "about": "figures of one run" if contents.aside else "what to choose",
        "method": method(contents),
        "assumptions": assumptions(contents),
        "identity": identity(contents),
        "leaks": leaks(contents),
        "legend": what_marks_mean(contents.report),
        "prices": prices(contents),
        "imported": imported_sentence(imported=contents.manifest.imported, rescored=contents.manifest.rescored),
        "signs": SIGNS,
        "started": say.when(contents.manifest.started_at),
        "model_name": contents.manifest.model.name or contents.report.plan.model_id,
    }


def _shade(grid: Grid, line: int, column: int) -> str:
    """Return a cell's background: the palette's shade, as strong as the figure."""
    weight = grid.weight(line, column)
    name = "better" if weight >= 0 else "worse"
    return str(paint(colour(name, round(abs(weight) * 0.7, 3))))


def _picture(chart: Chart) -> dict[str, Any]:
    return {
        "title": chart.title,
        "caption": chart.caption,
        "svg": Markup(to_svg(chart)),  # noqa: S704 - svg_form escapes every text
        "figure": paint(to_plotly(chart, plot_px=_PLOT_PX)),
        "alt": chart.alt,
        "table": chart.table(),
    }


def _policy(scripts: Sequence[str]) -> str:
    """Allow these scripts by their digests and nothing else; Plotly needs styles, and pictures made in the page."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _plotly() -> str:
    found = importlib.util.find_spec("plotly")
    path = Path(found.origin).parent / "package_data" / "plotly.min.js" if found and found.origin else None
    if path is None or not path.is_file():
        raise StoreError("Plotly's script is not in its package.", "Install plotly again from requirements.txt.")
    return path.read_text(encoding="utf-8").replace("\r\n", "\n").replace("</script", "<\\/script")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(FILTERS)
    environment.filters["data"] = _data
    return environment


def _data(value: object) -> Markup:
    """Write plain data for a script element of type application/json; no `<` is left to end it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704
