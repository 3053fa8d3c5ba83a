"""Each row of the table in CONTRIBUTING.md: a copy of the project gets a small addition and is used at a front door.

An addition touches the files that the row names and no others, so a row that is no longer true fails here.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.project_copy import GUIDE, Copy, named


def test_a_metric_of_a_row_is_one_file(copy: Copy) -> None:
    """A scorer that is named in its table is computed, with an interval, in every figure of a run."""
    copy.change(
        "engine/metrics/scoring.py",
        {
            'SCORERS: Mapping[str, Scorer] = {\n    "accuracy": accuracy,': (
                "def same_length(_task: Task, example: Example, answer: str) -> float:\n"
                '    """1 if the answer is as long as the target."""\n'
                "    return float(len(answer) == len(example.target))\n\n\n"
                'SCORERS: Mapping[str, Scorer] = {\n    "same_length": same_length,\n    "accuracy": accuracy,'
            ),
            '    "accuracy": frozenset({AnswerKind.LABEL}),': (
                '    "accuracy": frozenset({AnswerKind.LABEL}),\n    "same_length": frozenset({AnswerKind.LABEL}),'
            ),
        },
    )
    assert copy.changed == named("a metric of one row")
    _ask_for(copy, "same_length")
    assert 0.0 <= copy.compare()["scores"]["same_length"]["value"] <= 1.0


def test_a_metric_of_a_run_is_one_file(copy: Copy) -> None:
    """The same for a metric that needs all rows at once."""
    copy.change(
        "engine/metrics/scoring.py",
        {
            "RUN_SCORERS: Mapping[str, RunScorer] = {\n": (
                "def _labels_used(_targets: Counts, answers: Counts, labels: int) -> Interval:\n"
                "    used = len({int(place) for place in answers if place >= 0}) / labels\n"
                "    return Interval(value=used, low=used, high=used)\n\n\n"
                'RUN_SCORERS: Mapping[str, RunScorer] = {\n    "labels_used": _labels_used,\n'
            ),
            '    "accuracy": frozenset({AnswerKind.LABEL}),': (
                '    "accuracy": frozenset({AnswerKind.LABEL}),\n    "labels_used": frozenset({AnswerKind.LABEL}),'
            ),
        },
    )
    assert copy.changed == named("a metric of a whole run")
    _ask_for(copy, "labels_used")
    used = copy.compare()["scores"]["labels_used"]["value"]
    assert used in {count / 5 for count in range(6)}


def test_a_technique_is_a_record(copy: Copy) -> None:
    """A technique that is prepared like others needs its name and its record, and runs beside them."""
    copy.change(
        "engine/core/techniques.py",
        {
            '    ZERO_SHOT = "zero-shot"\n': '    ZERO_SHOT = "zero-shot"\n    SHOTS_AND_SEARCH = "shots+search"\n',
            "    Technique.FEW_SHOT: TechniqueFacts(\n": (
                "    Technique.SHOTS_AND_SEARCH: TechniqueFacts(\n"
                '        label="Shots and search",\n'
                '        summary="Fixed examples and looked-up ones together.",\n'
                '        style=TechniqueStyle(light="#333333", dark="#cccccc", dash="solid", symbol="cross"),\n'
                "        upkeep=4,\n"
                "        shows_shots=True,\n"
                "        retrieves=True,\n"
                "    ),\n"
                "    Technique.FEW_SHOT: TechniqueFacts(\n"
            ),
        },
    )
    assert copy.changed <= named("a technique")
    variant = copy.compare(variants="shots+search")
    assert variant["technique"] == "shots+search"
    assert variant["retrieval_s"]["p50"] > 0
    assert variant["prepare_s"] > 0


def test_a_backend_is_a_file_and_a_line(copy: Copy) -> None:
    """A source of models is a file with the port's methods and a place in the wiring."""
    copy.add(
        "adapters/models/parrot.py",
        '''"""Models that answer by rule, under another name."""

from __future__ import annotations

from dataclasses import replace

from adapters.models.scripted import CAPABILITIES, FACTS, ScriptedModel
from engine.core.capabilities import Capabilities
from engine.core.generation import ModelFacts
from engine.core.ports import LanguageModel

PARROT = replace(FACTS, id="parrot/grey", name="Grey parrot", backend="parrot", digest="0" * 64)


class ParrotSource:
    """One model."""

    def models(self) -> list[ModelFacts]:
        return [PARROT]

    def knows(self, name: str) -> bool:
        return name.startswith("parrot/")

    def model(self, name: str) -> ModelFacts:
        return PARROT

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        return CAPABILITIES

    def language_model(self, facts: ModelFacts) -> LanguageModel:
        return ScriptedModel(facts)
''',
    )
    copy.change(
        "wiring.py",
        {
            "from adapters.models.remote_models import RemoteModels\n": (
                "from adapters.models.parrot import ParrotSource\n"
                "from adapters.models.remote_models import RemoteModels\n"
            ),
            "[ScriptedSource(), ": "[ParrotSource(), ScriptedSource(), ",
        },
    )
    assert named("a backend") == {"wiring.py"}
    assert "adapters/models/" in GUIDE
    assert copy.changed == {"wiring.py", "adapters/models/parrot.py"}
    assert copy.compare(model="parrot/grey")["n"] == 6
    manifest = json.loads((copy.folder / "out" / "run.json").read_text(encoding="utf-8"))
    assert manifest["model"]["id"] == "parrot/grey"
    assert "Grey parrot" in copy.python("cli.py", "models")


def test_a_check_is_a_function_and_a_line(copy: Copy, tmp_path: Path) -> None:
    """A check of a table looks at every import, tells what it found and how to leave the rows out."""
    copy.add(
        "engine/ingest/checks/shouting.py",
        '''"""Rows in capitals."""

from __future__ import annotations

from engine.ingest.checks.work import Work
from engine.ingest.data_card import Fix


def check_shouting(work: Work) -> None:
    """Note rows written in capitals."""
    lines = [row.line for row in work.rows if row.input.isupper()]
    chosen = work.note("shouting", "Written in capitals", "Capitals are read badly.", lines, (Fix.KEEP, Fix.DROP))
    if chosen is Fix.DROP:
        work.drop(lines)
''',
    )
    copy.change(
        "engine/ingest/checks/examine.py",
        {
            "from engine.ingest.checks.texts import": (
                "from engine.ingest.checks.shouting import check_shouting\nfrom engine.ingest.checks.texts import"
            ),
            '    Check(look=check_spaces, findings=("spaces",)),\n': (
                '    Check(look=check_spaces, findings=("spaces",)),\n'
                '    Check(look=check_shouting, findings=("shouting",)),\n'
            ),
        },
    )
    assert named("a check of uploaded rows") == {"engine/ingest/checks/examine.py"}
    table = tmp_path / "rows.csv"
    rows = [f"row number {place} of its own kind,{'ab'[place % 2]}" for place in range(20)]
    table.write_text("\n".join(["text,label", *rows, "THE LAST ROW SHOUTS,a"]) + "\n", encoding="utf-8")
    ask = ("cli.py", "import-csv", str(table), "--out")
    told = copy.python(*ask, str(tmp_path / "kept"))
    assert "Written in capitals" in told
    copy.python(*ask, str(tmp_path / "dropped"), "--fix", "shouting=drop")
    assert "SHOUTS" in (tmp_path / "kept" / "examples.jsonl").read_text(encoding="utf-8")
    assert "SHOUTS" not in (tmp_path / "dropped" / "examples.jsonl").read_text(encoding="utf-8")


def test_a_sentence_of_the_verdict_is_one_file(copy: Copy) -> None:
    """A function that is named among the changes speaks in the memo."""
    copy.change(
        "engine/analysis/verdict/changes.py",
        {
            "Change = Callable": (
                "def _rows(ruling: Ruling, pick: VariantFigures) -> list[Sentence]:\n"
                '    return [Sentence(text=f"{pick.rows} rows were answered.")]\n\n\n'
                "Change = Callable"
            ),
            "(_volumes, _better_prompt, _labels)": "(_volumes, _better_prompt, _labels, _rows)",
        },
    )
    assert copy.changed == named("a sentence of the verdict")
    copy.compare()
    run_id = json.loads((copy.folder / "out" / "run.json").read_text(encoding="utf-8"))["plan"]["run_id"]
    memo = copy.folder / "memo.md"
    copy.python("cli.py", "report", run_id, "--least-quality", "0", "--out", str(memo))
    assert "6 rows were answered" in memo.read_text(encoding="utf-8")


def test_a_task_is_a_folder(copy: Copy) -> None:
    """A folder with a `task.toml` and an `examples.jsonl` in `data/tasks` is offered and can be run."""
    source, new = copy.folder / "data/tasks/support-tickets", copy.folder / "data/tasks/desk-mail"
    shutil.copytree(source, new)
    text = (new / "task.toml").read_text(encoding="utf-8")
    (new / "task.toml").write_text(text.replace('id = "support-tickets"', 'id = "desk-mail"'), encoding="utf-8")
    assert named("a task") == {"task.toml", "examples.jsonl"}
    assert "desk-mail" in copy.python("cli.py", "tasks")
    assert copy.compare("--task", "desk-mail")["n"] == 6


def _ask_for(copy: Copy, scorer: str) -> None:
    """Let a bundled task name one more scorer."""
    task = copy.folder / "data/tasks/support-tickets/task.toml"
    text = task.read_text(encoding="utf-8")
    task.write_text(text.replace('"macro_f1"]', f'"macro_f1", "{scorer}"]'), encoding="utf-8")
