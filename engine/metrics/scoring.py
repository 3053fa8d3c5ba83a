"""Reading an answer from a model's text, and scoring it. One small pure function per scorer, kept in `SCORERS`."""

from __future__ import annotations

import json
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from engine.core.errors import UnparsedAnswerError
from engine.core.interval import Counts, Interval
from engine.core.task import AnswerKind, Example, Rule, Task
from engine.core.text.answer_forms import answer_tokens, field_form, punctuation_as_blanks, without_punctuation
from engine.core.text.json_schema import schema_fault
from engine.core.text.patterns import found_end
from engine.core.text.scripts import whole_words
from engine.core.text.segments import split_words
from engine.core.variant import DecodingMode
from engine.metrics.bootstrap import macro_f1_interval


def read_answer(task: Task, mode: DecodingMode, text: str) -> str:
    """Read the answer from what a model wrote.

    Raises:
        UnparsedAnswerError: no answer of the task's kind is in it.
    """
    if task.answer.kind is AnswerKind.LABEL:
        return _read_label(task, mode, text)
    if task.answer.kind is AnswerKind.JSON:
        return json.dumps(_read_object(text), ensure_ascii=False)
    answer = text.strip()
    if not answer:
        raise UnparsedAnswerError("The answer is empty.")
    return answer


def _read_label(task: Task, mode: DecodingMode, text: str) -> str:
    if mode is DecodingMode.CHOICE and text in task.answer.labels:
        return text  # a backend that cannot restrict the model to the labels answers in free text, parsed below
    wanted = text
    if mode is DecodingMode.JSON:
        found = _read_object(text)
        wanted = str(found.get("label", ""))
    if wanted.strip() in task.answer.labels:
        return wanted.strip()
    by_form = _names_by_form(task.answer.words)
    form = _label_form(wanted)
    if form in by_form:
        return by_form[form][0]
    named = [found for key, found in by_form.items() if re.search(whole_words(key), form)]
    inner = {label for label, name in named if not any(name != other and name in other for _label, other in named)}
    if len(inner) == 1:
        return inner.pop()
    found_text = f"{len(inner)} labels" if inner else "no label"
    raise UnparsedAnswerError(f"The answer names {found_text}: {text[:80]!r}.")


def _names_by_form(words: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return labels, each with its name, by the name's form without case and punctuation.

    Its names are the label and its word; forms that labels share are left out.
    """
    found: dict[str, dict[str, str]] = {}
    for label, word in words.items():
        for name in (label, word):
            if form := _label_form(name):
                found.setdefault(form, {}).setdefault(label, name)
    return {form: next(iter(labels.items())) for form, labels in found.items() if len(labels) == 1}


def _label_form(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip(string.punctuation + " ")


def _read_object(text: str) -> dict[str, Any]:
    """Read the first JSON object in a text."""
    start = text.find("{")
    if start >= 0:
        try:
            value, _ = json.JSONDecoder().raw_decode(text[start:])
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
    raise UnparsedAnswerError(f"The answer holds no JSON object: {text[:80]!r}.")


def accuracy(_task: Task, example: Example, answer: str) -> float:
    """1 if the label is the target."""
    return float(answer == example.target)


def exact_match(task: Task, example: Example, answer: str) -> float:
    """1 if the answer equals the target or another accepted form, as SQuAD and MLQA compare them."""
    accepted = {without_punctuation(form, task.locale) for form in _accepted(example)}
    return float(without_punctuation(answer, task.locale) in accepted)


def token_f1(task: Task, example: Example, answer: str) -> float:
    """SQuAD's F1: harmonic mean of precision and recall of tokens, each counted; against the nearest accepted form.

    Where a form or the answer has no token left, F1 is 1 if both have none and 0 otherwise, as in SQuAD 2.0 (arXiv
    1806.03822); 1.1 gives 0 to both, so that "A" would not be a right answer to itself.
    """

    def tokens(text: str) -> list[str]:
        return answer_tokens(without_punctuation(text, task.locale), task.locale)

    given = tokens(answer)
    return max(_token_f1(given, tokens(form)) for form in _accepted(example))


def refusal_correctness(task: Task, example: Example, answer: str) -> float:
    """1 if the answer refuses exactly when the target does."""
    refusal, given, wanted = (
        punctuation_as_blanks(text, task.locale) for text in (task.answer.refusal or "", answer, example.target)
    )
    return float((given == refusal) == (wanted == refusal))


def valid_json(task: Task, _example: Example, answer: str) -> float:
    """1 if the answer fulfils the task's JSON schema; one that cannot be checked, or not in time, does not."""
    return float(schema_fault(task.answer.json_schema or {}, json.loads(answer)) is None)


def record_match(task: Task, example: Example, answer: str) -> float:
    """1 if every field equals the target's."""
    return float(_fields(json.loads(answer), task.locale) == _fields(json.loads(example.target), task.locale))


def field_f1(task: Task, example: Example, answer: str) -> float:
    """F1 over the filled fields: a field is right if its value equals the target's."""
    given, wanted = (_fields(json.loads(text), task.locale) for text in (answer, example.target))
    given = {key: value for key, value in given.items() if value is not None}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    hits = sum(wanted.get(key) == value for key, value in given.items())
    return 2 * hits / (len(given) + len(wanted)) if given or wanted else 1.0


def rules_kept(task: Task, _example: Example, answer: str) -> float:
    """1 if the answer keeps every rule of the task."""
    return float(all(rule_results(task, answer).values()))


def rule_results(task: Task, answer: str) -> dict[str, bool]:
    """Check the rules one by one; one whose expression takes too long on this answer is not kept."""
    return {rule.name: _keeps(rule, answer, task.locale) for rule in task.rules}


def _keeps(rule: Rule, answer: str, locale: str) -> bool:
    try:
        if rule.pattern is not None:
            return found_end(rule.pattern, answer) is not None
        if rule.forbid is not None:
            return found_end(rule.forbid, answer) is None
        rest = answer[found_end(rule.max_words_after or "", answer) or 0 :]
    except (TimeoutError, ValueError):
        return False
    return len(split_words(rest) if locale else rest.split()) <= (rule.max_words or 0)


def chrf(_task: Task, example: Example, answer: str) -> float:
    """Character n-gram F-score, 0 to 1, as sacrebleu computes it (chrF2, Popović 2015)."""
    from sacrebleu.metrics import CHRF

    return float(CHRF().sentence_score(answer, [example.target]).score) / 100.0


def _accepted(example: Example) -> list[str]:
    return [example.target, *(str(form) for form in example.metadata.get("accept", ()))]


def _token_f1(given: list[str], wanted: list[str]) -> float:
    if not given or not wanted:
        return float(given == wanted)
    hits = (Counter(given) & Counter(wanted)).total()
    return 2 * hits / (len(given) + len(wanted))


def _fields(record: Any, locale: str) -> dict[str, Any]:
    """Fields in the form that is compared; a record that is not an object has none."""
    return {key: field_form(value, locale) for key, value in record.items()} if isinstance(record, dict) else {}


Scorer = Callable[[Task, Example, str], float]

SCORERS: Mapping[str, Scorer] = {
    "accuracy": accuracy,
    "exact_match": exact_match,
    "token_f1": token_f1,
    "refusal_correctness": refusal_correctness,
    "valid_json": valid_json,
    "record_match": record_match,
    "field_f1": field_f1,
    "rules_kept": rules_kept,
    "chrf": chrf,
}
"""Scorers of one prediction; those of a whole run are in `RUN_SCORERS`."""

RunScorer = Callable[[Counts, Counts, int], Interval]
"""Takes each row's target and answer as places among the labels (an answer of -1 is a failure), and how many labels."""

RUN_SCORERS: Mapping[str, RunScorer] = {
    "macro_f1": macro_f1_interval,
}
"""Scorers of a whole run, each with its interval."""

KINDS: Mapping[str, frozenset[AnswerKind]] = {
    "accuracy": frozenset({AnswerKind.LABEL}),
    "macro_f1": frozenset({AnswerKind.LABEL}),
    "exact_match": frozenset({AnswerKind.SHORT, AnswerKind.TEXT}),
    "token_f1": frozenset({AnswerKind.SHORT, AnswerKind.TEXT}),
    "refusal_correctness": frozenset({AnswerKind.SHORT}),
    "valid_json": frozenset({AnswerKind.JSON}),
    "record_match": frozenset({AnswerKind.JSON}),
    "field_f1": frozenset({AnswerKind.JSON}),
    "rules_kept": frozenset({AnswerKind.TEXT}),
    "chrf": frozenset({AnswerKind.TEXT, AnswerKind.SHORT}),
}
"""Which kinds of answer each scorer is for."""


RULE = "rule "
"""Prefix of a rule's name where its result is among the scores."""


def score_answer(task: Task, example: Example, answer: str) -> dict[str, float]:
    """Score one answer with all scorers of the task that score single predictions, and with its rules one by one."""
    scores = {name: SCORERS[name](task, example, answer) for name in task.scorers if name in SCORERS}
    return scores | {RULE + name: float(kept) for name, kept in rule_results(task, answer).items()}
