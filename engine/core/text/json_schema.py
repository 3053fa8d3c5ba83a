"""Whether a record fulfils a JSON schema: nothing is fetched, and a check that would not end soon is given up."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from engine.core.text.patterns import found_end

CHECK_S = 2.0
"""Seconds of this process that the check of one record may take. Ordinary ones take milliseconds."""

_ends: ContextVar[float] = ContextVar("when the check that is going on must be done, on this thread's clock")

Check = Callable[[Any, Any, Any, Any], Iterator[Any] | None]


def schema_fault(schema: Mapping[str, Any], record: Any) -> str | None:
    """Say where a record does not fulfil a JSON schema (draft 2020-12); `None` if it does. Nothing is ever fetched."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    # "$schema" would make the library go on with its own validator, which knows no limits.
    own = {key: value for key, value in schema.items() if key != "$schema"}
    # An empty registry: the library's own default would load what a `$ref` names from the network.
    validator = _validator()(own, registry=Registry())
    before = _ends.set(time.thread_time() + CHECK_S)
    try:
        found = next(iter(validator.iter_errors(record)), None)
    except RecursionError:
        return "it is nested too deep to be checked"
    except OverflowError:
        return "it holds a number too large to be checked"
    except TimeoutError:
        return f"checking it takes longer than {CHECK_S:g} s; a simpler schema is needed"
    except Unresolvable:
        return "its schema refers to something that is not in it"
    except ValueError as error:
        return f"its schema cannot be used: {error}"
    finally:
        _ends.reset(before)
    return None if found is None else str(found.message)


@functools.cache
def _validator() -> Any:
    """Build the validator: each keyword looks at the clock, and those with expressions search under a limit."""
    import jsonschema

    standard = jsonschema.Draft202012Validator
    own: dict[str, Check] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    }
    checks = {name: _timed(check) for name, check in {**standard.VALIDATORS, **own}.items()}
    return jsonschema.validators.extend(standard, validators=checks)


def _timed(check: Check) -> Check:
    @functools.wraps(check)
    def timed(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any] | None:
        if time.thread_time() > _ends.get():
            raise TimeoutError
        return check(validator, value, instance, schema)

    return timed


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "string") and found_end(pattern, instance) is None:
        yield _error(f"{instance[:80]!r} does not match {pattern[:80]!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "object"):
        for pattern, inner in patterns.items():
            for name, value in instance.items():
                if found_end(pattern, name) is not None:
                    yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, inner: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not validator.is_type(instance, "object"):
        return
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in schema.get("properties", {}) or any(found_end(pattern, name) is not None for pattern in patterns):
            continue
        if inner is False:
            yield _error(f"the field {name[:80]!r} is not in the schema")
        elif inner is not True:
            yield from validator.descend(value, inner, path=name)


def _error(message: str) -> Any:
    import jsonschema

    return jsonschema.ValidationError(message)
