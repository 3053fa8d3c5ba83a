"""The rows of the table in CONTRIBUTING.md about what is seen: a page, a chart, a command of the terminal."""

from __future__ import annotations

from tests.project_copy import PROJECT, Copy, named


def test_a_page_is_a_file_and_its_parts(copy: Copy) -> None:
    """A page is found in the navigation and drawn with the lab of this home, and no import rule is broken."""
    copy.add(
        "components/tally/runs.py",
        '"""How many runs there are."""\n\n'
        "import streamlit as st\n\n"
        "from engine.services.lab import Lab\n\n\n"
        "def count(lab: Lab) -> None:\n"
        '    """Show the number of runs."""\n'
        '    st.metric("Runs", len(lab.runs.list()))\n',
    )
    copy.add("components/tally/__init__.py", '"""The parts of Tally."""\n')
    copy.add(
        "pages/decide/tally.py",
        '"""How many runs there are."""\n\n'
        "import streamlit as st\n\n"
        "from components.tally.runs import count\n"
        "from components.ui import state\n\n"
        'st.title("Tally")\n'
        "count(state.lab())\n",
    )
    copy.change("pyproject.toml", {"| history | present": "| history | present | tally"})
    copy.change(
        "app.py",
        {
            '        st.Page("pages/decide/history.py", title="History", icon=":material/history:"),\n': (
                '        st.Page("pages/decide/history.py", title="History", icon=":material/history:"),\n'
                '        st.Page("pages/decide/tally.py", title="Tally", icon=":material/tag:"),\n'
            )
        },
    )
    assert named("a page") == {"app.py", "pyproject.toml"}
    assert copy.changed == named("a page") | {
        "pages/decide/tally.py",
        "components/tally/__init__.py",
        "components/tally/runs.py",
    }
    script = (
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=120).run()\n"
        "app = app.switch_page('pages/decide/tally.py').run()\n"
        "assert not app.exception, app.exception\n"
        "print(app.title[0].value, app.metric[0].value)\n"
    )
    assert copy.python("-c", script).split()[-2:] == ["Tally", "0"]
    rules = copy.python("-c", "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])")
    assert "0 broken" in rules


def test_a_chart_is_a_function(copy: Copy) -> None:
    """A chart of a report is drawn by a page, with its table behind a button."""
    copy.change(
        "engine/analysis/report_charts.py",
        {
            "def latency_chart(report: Report) -> Chart:\n": (
                "def rows_chart(report: Report) -> Chart:\n"
                '    """How many rows each variant answered."""\n'
                "    items = report.figures\n"
                "    return Chart(\n"
                '        title="Rows answered", caption="by variant", alt="Rows answered by variant.",\n'
                '        x=Axis(title="rows", low=0.0), y=Axis(title="variant", categories=tuple(i.name for i in items)),\n'
                '        series=(Series(name="rows", colour="muted", x=tuple(float(i.rows) for i in items),\n'
                "                       y=tuple(float(place) for place in range(len(items))), bars=True),),\n"
                "    )\n\n\n"
                "def latency_chart(report: Report) -> Chart:\n"
            )
        },
    )
    copy.change(
        "app.py",
        {
            '        st.Page("pages/decide/history.py", title="History", icon=":material/history:"),\n': (
                '        st.Page("pages/decide/history.py", title="History", icon=":material/history:"),\n'
                '        st.Page("pages/decide/tally.py", title="Tally", icon=":material/tag:"),\n'
            )
        },
    )
    copy.add(
        "pages/decide/tally.py",
        '"""How many rows were answered."""\n\n'
        "from components.ui import state\n"
        "from components.widgets.chart_card import chart_card\n"
        "from engine.analysis.report_charts import rows_chart\n"
        "from engine.core.limits import Limits\n\n"
        "lab = state.lab()\n"
        'chart_card(rows_chart(lab.results.report(lab.runs.list()[0].run_id, Limits())), key="tally")\n',
    )
    assert named("a chart") == {"engine/analysis/report_charts.py"}
    copy.compare()
    script = (
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=120).run()\n"
        "app = app.switch_page('pages/decide/tally.py').run()\n"
        "assert not app.exception, app.exception\n"
        "print([one.value for one in app.markdown], [one.value for one in app.caption])\n"
    )
    drawn = copy.python("-c", script)
    assert "**Rows answered**" in drawn
    assert "by variant" in drawn


def test_a_command_of_the_terminal_is_a_module_and_a_line(copy: Copy) -> None:
    """A command is listed in the help, and answers by the lab of this home."""
    copy.add(
        "terminal/commands/tally.py",
        '"""`tally`: how many tasks there are."""\n\n'
        "from __future__ import annotations\n\n"
        "from cyclopts import App\n\n"
        "from terminal.exits import EXIT_DONE\n"
        "from terminal.options import OPTIONS\n"
        "from wiring import open_lab\n\n"
        'app = App(group_parameters=OPTIONS, name="tally")\n\n\n'
        "@app.default\n"
        "def tally() -> int:\n"
        '    """Count the tasks."""\n'
        "    print(len(open_lab().tasks.list()))\n"
        "    return EXIT_DONE\n",
    )
    copy.change(
        "terminal/app.py",
        {
            '    "lora": "List, show, export and remove saved LoRA weights.",\n': (
                '    "lora": "List, show, export and remove saved LoRA weights.",\n    "tally": "Count the tasks.",\n'
            )
        },
    )
    assert named("a command of the terminal") == {"terminal/app.py"}
    assert copy.changed == {"terminal/app.py", "terminal/commands/tally.py"}
    assert "Count the tasks." in copy.python("cli.py", "--help")
    assert int(copy.python("cli.py", "tally")) == len(list((PROJECT / "data" / "tasks").iterdir()))
