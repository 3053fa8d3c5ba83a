"""Throughput mode: rows of one variant as sequences that share the cells of their common prefix."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psutil

from adapters.models.llama_cpp.native import Context, Entry
from adapters.models.llama_cpp.session import Session, common_length
from engine.core.errors import AdaptLabError
from engine.core.generation import Completion, GenerateRequest
from engine.core.run.prediction import Usage
from engine.core.variant import DecodingMode
from engine.running.label_search import LabelSearch

MAX_ROWS = 32
BATCH_CELLS = 1024
"""Tokens a group may hold: each row's attention scans all of them, so more would cost more than it saves."""


def answer_batch(session: Session, requests: Sequence[GenerateRequest]) -> list[Completion | Exception]:
    """Answer requests of one slot; a request that fails yields its error in its place.

    Choice decoding is batched, and timings are the batch's seconds divided by its rows; free text and JSON are answered
    one after the other.
    """
    results: dict[int, Completion | Exception] = {}
    groups: list[list[int]] = [[]]
    cells = 0
    ready = {}
    for place, request in enumerate(requests):
        if request.decoding.mode is not DecodingMode.CHOICE:
            results[place] = _one(session, request)
            continue
        try:
            ready[place] = session.ready(request)
        except AdaptLabError as error:
            results[place] = error
            continue
        own = len(ready[place].tokens) - ready[place].prefix_length + session.trie(request.decoding.labels).longest
        if groups[-1] and (cells + own > BATCH_CELLS or len(groups[-1]) == MAX_ROWS):
            groups.append([])
            cells = 0
        cells += own + (0 if groups[-1] else ready[place].prefix_length)
        groups[-1].append(place)
    for group in groups:
        if group:
            results.update(zip(group, _answer_or_clear(session, [requests[p] for p in group]), strict=True))
    return [results[place] for place in range(len(requests))]


def _context(session: Session) -> Context:
    return session.batch_context(MAX_ROWS + 1, BATCH_CELLS)


def _one(session: Session, request: GenerateRequest) -> Completion | Exception:
    try:
        return session.generate(request, lambda _text: None)
    except AdaptLabError as error:
        return error


def _answer_or_clear(session: Session, requests: Sequence[GenerateRequest]) -> list[Completion]:
    """Answer a group; one that was cancelled halfway leaves nothing behind in the cache."""
    try:
        return _answer_group(session, requests)
    except AdaptLabError:
        session.batch_prefix = None
        for sequence in range(MAX_ROWS + 1):
            _context(session).clear(sequence)
        raise


def _answer_group(session: Session, requests: Sequence[GenerateRequest]) -> list[Completion]:
    started, cpu_started = time.perf_counter(), time.process_time()
    context = _context(session)
    ready = [session.ready(request) for request in requests]
    prefix = ready[0].tokens[: min(row.prefix_length for row in ready)]
    shared = min(common_length(prefix, row.tokens) for row in ready)
    prefix = prefix[:shared]
    context.set_lora(ready[0].lora)
    kept = (prefix, ready[0].lora)
    was_kept = session.batch_prefix == kept
    if not was_kept:
        session.batch_prefix = None
        context.clear(0)
        context.evaluate([Entry(token, place, 0) for place, token in enumerate(prefix)])
        session.batch_prefix = kept
    entries = []
    for number, row in enumerate(ready, start=1):
        if shared:
            context.copy(0, number)
        last = len(row.tokens) - 1
        entries += [Entry(row.tokens[p], p, number, p == last) for p in range(shared, len(row.tokens))]
    logits = context.evaluate(entries)
    prefilled = time.perf_counter()
    searches = [
        LabelSearch(session.trie(request.decoding.labels), every_label=request.decoding.every_label)
        for request in requests
    ]
    for search, row_logits in zip(searches, logits, strict=True):
        # Labels that all begin with the same token ask for what follows it, which this evaluation did not give.
        if search.wanted() == ():
            search.feed(row_logits)
    _decide(context, searches, [row.tokens for row in ready], shared)
    for sequence in range(1, len(ready) + 1):
        context.clear(sequence)
    ended, rows = time.perf_counter(), len(ready)
    cpu_s = time.process_time() - cpu_started
    rss_bytes = int(psutil.Process().memory_info().rss)
    return [
        Completion(
            text=search.label,
            usage=Usage(
                prompt_tokens=len(row.tokens),
                cached_prompt_tokens=shared if place or was_kept else 0,
                completion_tokens=len(session.trie(request.decoding.labels).sequences[search.label]) - 1,
            ),
            prefill_s=(prefilled - started) / rows,
            decode_s=(ended - prefilled) / rows,
            ttft_s=(ended - started) / rows,
            cpu_s=cpu_s / rows,
            probabilities=search.probabilities,
            prompt=row.text,
            rss_bytes=rss_bytes,
        )
        for place, (search, row, request) in enumerate(zip(searches, ready, requests, strict=True))
    ]


def _decide(context: Context, searches: Sequence[LabelSearch], prompts: Sequence[tuple[int, ...]], shared: int) -> None:
    """Open branches for all undecided rows at once until every row is decided.

    What a row's last branch shares with its next one stays in the cache, unless the model can only forget all: then the
    prompt is read again from where the rows differ.

    Args:
        context: holds the rows' prompts, from sequence 1 on.
        searches: one for each row.
        prompts: the rows' tokens.
        shared: how many of them all begin with, as sequence 0 holds them.
    """
    written: dict[int, tuple[int, ...]] = {}
    while True:
        asking = [(n, path) for n, search in enumerate(searches) if (path := search.wanted())]
        if not asking:
            return
        entries = []
        for number, path in asking:
            tokens = prompts[number] + path
            start = len(prompts[number]) + common_length(written.get(number, ()), path)
            if not context.keep(number + 1, start):
                context.clear(number + 1)
                if shared:
                    context.copy(0, number + 1)
                start = shared
            last = len(tokens) - 1
            entries += [Entry(tokens[place], place, number + 1, place == last) for place in range(start, len(tokens))]
            written[number] = path
        for (number, _path), row_logits in zip(asking, context.evaluate(entries), strict=True):
            searches[number].feed(row_logits)
