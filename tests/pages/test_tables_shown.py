"""What all tables of the screen have in common."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from components.widgets.tables import MOST_COLUMNS
from engine.metrics import wording as say
from tests.memory_lab import memory_lab, memory_task
from tests.pages.conftest import Opener


def texts_of(app: AppTest) -> str:
    """Return all running text of a page."""
    return " ".join(element.value for element in (*app.caption, *app.markdown))


def report_on_confidence(open_app: Opener, rows: int) -> AppTest:
    """Open the Report of a run of so many rows, at Confidence."""
    lab = memory_lab(task=memory_task(rows=rows))
    app = open_app(lab, "pages/decide/report.py")
    app.session_state["report_tab"] = "Confidence"
    app.query_params["run_id"] = lab.finished(rows=rows)
    app.run()
    assert not app.exception
    return app


def test_no_table_says_none_and_wide_ones_begin_with_eight_columns(open_app: Opener) -> None:
    """Where there is no number stands a dash. The name of a row stays in place only where there is something to scroll."""
    app = report_on_confidence(open_app, 100)
    assert {frame.proto.placeholder for frame in app.dataframe} == {say.MISSING}
    wide = [frame for frame in app.dataframe if len(frame.value.columns) > MOST_COLUMNS and frame.proto.column_order]
    assert wide
    for frame in wide:
        assert len(frame.proto.column_order) <= MOST_COLUMNS
        assert frame.proto.column_order[0] == frame.value.columns[0]
        assert '"pinned": true' not in frame.proto.columns
    app.toggle(key="report_metrics_all").set_value(True).run()
    assert "too few for curves" not in texts_of(app)
    (whole,) = [frame for frame in app.dataframe if '"pinned": true' in frame.proto.columns]
    assert len(whole.proto.column_order) == len(whole.value.columns) > MOST_COLUMNS


def test_few_rows_get_a_line_of_words_instead_of_curves(open_app: Opener) -> None:
    """Under 100 rows the Report says so in a line, and draws no curve of confidence."""
    assert "40 rows are too few for curves" in texts_of(report_on_confidence(open_app, 40))
