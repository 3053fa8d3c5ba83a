"""What the Playground shows, as plain data: pure functions of a question's current state."""

from __future__ import annotations

from typing import Any

import polars as pl

from components.ui.lane_view import detail, stage
from components.ui.text import inert, visible
from engine.analysis.marks import FigureName, Origin, mark_of
from engine.core.run.prediction import LEAST_REST, OTHER_LABELS, Prediction
from engine.core.variant import variant_names
from engine.metrics import wording as say
from engine.metrics.intervals import tokens_per_second
from engine.metrics.marks import with_sentences
from engine.services.playground import PlayLane, PlaySnapshot, Question

MOST_BARS = 3
INPUT, RIGHT_ANSWER = "the input", "the right answer"
_ANSWER_CHARACTERS = 600

HELP = {
    "time": "Seconds from sending the input to the whole answer, retrieval included.",
    "first word": "Seconds until the first token of the answer, retrieval included.",
    "retrieval": "Seconds spent on finding examples or passages.",
    "prompt": "Tokens of the prompt; those reused from an earlier answer are given separately.",
    "answer": "Tokens that the model wrote.",
    "tokens/s": "Tokens read per second while taking in the prompt, then tokens written per second.",
}


_NAMED = {
    "time": FigureName.TOTAL,
    "first word": FigureName.TTFT,
    "retrieval": FigureName.RETRIEVAL,
    "prompt": FigureName.TOKENS,
    "answer": FigureName.TOKENS,
    "tokens/s": FigureName.TOKEN_SPEED,
}
"""Whose mark a figure carries."""


def play_views(snapshot: PlaySnapshot, origin: Origin) -> list[dict[str, Any]]:
    """Return each variant's answer as the lanes show it; `origin` is that of the model's answers."""
    names = _names(snapshot)
    return [_lane(lane, names[lane.variant.id], snapshot, origin) for lane in snapshot.lanes]


def _names(snapshot: PlaySnapshot) -> dict[str, str]:
    return variant_names([lane.variant for lane in snapshot.lanes])


def answers_of(snapshot: PlaySnapshot) -> list[tuple[str, Prediction]]:
    """Return the answers that were made so far, each with the name of its variant."""
    names = _names(snapshot)
    return [(names[lane.variant.id], lane.prediction) for lane in snapshot.lanes if lane.prediction is not None]


def _lane(lane: PlayLane, name: str, snapshot: PlaySnapshot, origin: Origin) -> dict[str, Any]:
    look = lane.variant.style
    made = lane.prediction
    return {
        "id": lane.variant.id,
        "name": name,
        "light": look.light,
        "dark": look.dark,
        "fraction": 1.0 if made else 0.0,
        "counted": "answered" if made else "not answered yet",
        "time": say.seconds(made.timing.total_s) if made and made.failure is None else say.MISSING,
        "time_help": with_sentences(HELP["time"], [mark_of(_NAMED["time"], lane.variant, origin)]),
        "figures": [_figure(name, value, lane, origin) for name, value in _figures(made).items()],
        "bars": _bars(made),
        "preparing": _preparing(lane, snapshot),
        "answer": _answer(lane, snapshot),
    }


def _figure(name: str, value: str, lane: PlayLane, origin: Origin) -> list[str]:
    """Return a figure as its name, its value, the sentence about it and its mark."""
    mark = mark_of(_NAMED[name], lane.variant, origin)
    return [name, value, with_sentences(HELP[name], [mark]), mark.sign]


def _figures(made: Prediction | None) -> dict[str, str]:
    if made is None:
        return dict.fromkeys(list(HELP)[1:], say.MISSING)
    usage = made.usage
    kept = f" ({usage.cached_prompt_tokens} reused)" if usage.cached_prompt_tokens else ""
    # A chosen label is not written token by token, so a writing speed would be meaningless.
    written = (
        None if made.probabilities else tokens_per_second([made.usage.completion_tokens], [made.timing.decode_s or 0.0])
    )
    speeds = [
        rate
        for rate in (
            tokens_per_second(
                [made.usage.prompt_tokens - made.usage.cached_prompt_tokens], [made.timing.prefill_s or 0.0]
            ),
            written,
        )
        if rate is not None
    ]
    return {
        "first word": say.seconds(made.timing.ttft_s),
        "retrieval": say.seconds(made.timing.retrieval_s),
        "prompt": f"{say.counted(usage.prompt_tokens, 'token')}{kept}",
        "answer": say.counted(usage.completion_tokens, "token"),
        "tokens/s": "·".join(map(say.short, speeds)) or say.MISSING,
    }


def _bars(made: Prediction | None) -> list[list[Any]]:
    """Return the most probable labels, and last what all others have together."""
    if made is None or not made.probabilities:
        return []
    ranked = [item for item in made.shares if item[0] in made.probabilities][:MOST_BARS]
    rest = 1.0 - sum(share for _name, share in ranked)
    shown = [*ranked, (OTHER_LABELS, rest)] if rest > LEAST_REST else ranked
    return [[visible(name), share, say.share(share)] for name, share in shown]


def _preparing(lane: PlayLane, snapshot: PlaySnapshot) -> dict[str, Any] | None:
    if not snapshot.is_running or lane.state != "preparing" or lane.progress is None:
        return None
    fraction = min(max(lane.progress.fraction, 0.0), 1.0)
    return {"fraction": fraction, "text": stage(lane.progress), "detail": detail(lane.progress)}


def _answer(lane: PlayLane, snapshot: PlaySnapshot) -> dict[str, str]:
    made = lane.prediction
    if made is None:
        if lane.state == "answering" and snapshot.is_running:
            return {"mark": "writing", "text": visible(lane.text[-_ANSWER_CHARACTERS:]), "target": ""}
        return {
            "mark": "none",
            "text": "",
            "target": snapshot.stage or ("waiting" if snapshot.is_running else "not asked"),
        }
    mark = "failed" if made.failure else (made.outcome if made.score is not None else "none")
    text = made.failure.message if made.failure else (made.text or made.answer or "")
    target = f"target {visible(made.target[:_ANSWER_CHARACTERS])}" if made.target else ""
    return {"mark": mark, "text": visible(text[:_ANSWER_CHARACTERS]), "target": target}


def changes_frame(before: PlaySnapshot | None, now: PlaySnapshot) -> pl.DataFrame:
    """Return the effect of the change on each variant that answered both questions; empty without an earlier one."""
    earlier = {lane.variant.id: lane.prediction for lane in before.lanes} if before else {}
    names = _names(now)
    rows = [
        {
            "Variant": names[lane.variant.id],
            "Before": _told(was),
            "Now": _told(lane.prediction),
            "Same answer": "yes" if _told(was) == _told(lane.prediction) else "no",
            "Sure before": _sure(was),
            "Sure now": _sure(lane.prediction),
            "Seconds before": was.timing.total_s,
            "Seconds now": lane.prediction.timing.total_s,
            "Prompt tokens before": was.usage.prompt_tokens,
            "Prompt tokens now": lane.prediction.usage.prompt_tokens,
        }
        for lane in now.lanes
        if lane.prediction is not None and (was := earlier.get(lane.variant.id)) is not None
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _told(made: Prediction) -> str:
    if made.failure is not None:
        return f"no answer: {made.failure.kind.value.replace('_', ' ')}"
    return inert(made.answer or made.text)


def _sure(made: Prediction) -> float | None:
    sure = made.probabilities.get(made.answer or "")
    return None if sure is None else sure * 100


def changed_settings(was: Question, is_: Question) -> list[str]:
    """Say in words what differs between two questions; empty if they are the same."""
    named = {
        INPUT: (was.text, is_.text),
        "the task": (was.task_id, is_.task_id),
        "the model": (was.model_id, is_.model_id),
        "the training rows": (was.train_rows, is_.train_rows),
        "the seed": (was.seed, is_.seed),
        "the LoRA weights": (was.weights_key, is_.weights_key),
        RIGHT_ANSWER: (was.target, is_.target),
        "the variants": ({variant.id for variant in was.variants}, {variant.id for variant in is_.variants}),
    }
    changed = [name for name, (one, other) in named.items() if one != other]
    variants = {variant.id: variant for variant in was.variants}
    for name, attribute in (
        ("the instructions", "prompt"),
        ("the decoding", "decoding"),
        ("the examples in the prompt", "shots_k"),
        ("what is retrieved", "retrieval"),
        ("the LoRA scale", "lora_scale"),
    ):
        pairs = [(variants[v.id], v) for v in is_.variants if v.id in variants]
        if any(getattr(one, attribute) != getattr(other, attribute) for one, other in pairs):
            changed.append(name)
    return changed
