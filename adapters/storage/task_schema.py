"""The JSON schema of a task: read from its own file alone, and safe to check every answer against.

Nothing is fetched. What passes here can be checked without end or surprise: each `$ref` leads to a place in the file,
none leads in a circle back to the same value, and the schema is neither deep nor unfolds to very many parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from engine.core.errors import TaskError
from engine.core.text.patterns import pattern_fault

MAX_DEPTH = 64
"""Levels of one schema inside another, references followed. Real ones reach about 10."""
MAX_PARTS = 10_000
"""Parts that are checked against one value, each counted as often as references and alternatives lead to it."""
_NOT_TOGETHER = {"patternProperties", "unevaluatedProperties"}
"""The second searches with the first's expressions in a part of the library that knows no limit of time."""
_REFERENCES = ("$ref", "$dynamicRef")
_SAME_VALUE_LISTS = ("allOf", "anyOf", "oneOf")
_SAME_VALUE = ("not", "if", "then", "else")


_FORMATS = jsonschema.FormatChecker(formats=("regex",))
"""What a schema's own texts are checked for. jsonschema checks more where other packages happen to be installed."""


def read_schema(name: str, text: str) -> Mapping[str, Any]:
    """Read a schema and check that it can be used.

    Args:
        name: of its file, for errors.
        text: what is in the file.

    Raises:
        TaskError: it is not JSON or not a schema, it refers to something outside the file or to nothing or in a circle,
            or it is too deep or too large.
    """
    try:
        schema = json.loads(text)
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError as error:
        raise TaskError(f"{name}: {error}.", "Correct the JSON.") from error
    if not isinstance(schema, dict):
        raise TaskError(f"{name}: a JSON schema is an object.", "Correct the schema.")
    _check_depth(name, schema)
    try:
        jsonschema.Draft202012Validator.check_schema(schema, format_checker=_FORMATS)
    except jsonschema.SchemaError as error:
        place = ".".join(str(part) for part in error.absolute_path) or "schema"
        raise TaskError(f"{name}: field '{place}': {error.message[:200]}.", "Correct the schema.") from error
    except RecursionError:
        raise _too_deep(name) from None
    _References(name, schema).check()
    return schema


def _too_deep(name: str) -> TaskError:
    return TaskError(f"{name} is nested deeper than {MAX_DEPTH} levels.", "Make the schema flatter.")


def _check_depth(name: str, schema: dict[str, Any]) -> None:
    """Refuse deep nesting of any kind before a recursive reader sees it: a level of schema is two of JSON."""
    level: list[Any] = [schema]
    for _ in range(2 * MAX_DEPTH):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise _too_deep(name)


class _References:
    """Walks a schema along its parts and references, each part once."""

    def __init__(self, name: str, schema: dict[str, Any]) -> None:
        self._name = name
        self._root = DRAFT202012.create_resource(schema)
        self._parts: dict[int, int] = {}
        """How many parts each schema unfolds to for one value, by identity; 0 while it is being counted."""
        self._seen: set[str] = set()
        self._waiting: list[tuple[Resource[Any], Any, int]] = []
        """Schemas of parts of a value, which may well refer back: that is how trees are described."""

    def check(self) -> None:
        """Raise `TaskError` at the first reference that cannot be followed, circle or excess."""
        self._waiting.append((self._root, Registry().resolver_with_root(self._root), 0))
        while self._waiting:
            resource, resolver, depth = self._waiting.pop()
            self._count(resource, resolver, depth=depth)

    def _count(self, resource: Resource[Any], resolver: Any, *, depth: int) -> int:
        schema = resource.contents
        if not isinstance(schema, dict):
            return 1
        if depth > MAX_DEPTH:
            raise _too_deep(self._name)
        self._check_keywords(schema)
        known = self._parts.get(id(schema))
        if known == 0:
            raise TaskError(
                f"{self._name}: a '$ref' leads in a circle back to the same value.",
                "Let it refer to a schema under '$defs' that does not refer back at once.",
            )
        if known is not None:
            return known
        self._parts[id(schema)] = 0
        same_value = {id(inner) for inner in _for_the_same_value(schema)}
        total = 1
        for inner in resource.subresources():
            if id(inner.contents) in same_value:
                total += self._count(inner, resolver.in_subresource(inner), depth=depth + 1)
            else:
                self._waiting.append((inner, resolver.in_subresource(inner), depth + 1))
        for reference in _references(schema):
            found, its_resolver = self._resolved(reference, resolver)
            total += self._count(found, its_resolver, depth=depth + 1)
            if total > MAX_PARTS:
                break
        if total > MAX_PARTS:
            raise TaskError(
                f"{self._name} unfolds to more than {MAX_PARTS:,} parts.", "Use fewer references inside one another."
            )
        self._parts[id(schema)] = total
        return total

    def _check_keywords(self, schema: Mapping[str, Any]) -> None:
        """Refuse expressions that cannot be used, and what would take the check out of its limits."""
        own = schema.get("pattern")
        for pattern in (*([own] if isinstance(own, str) else []), *schema.get("patternProperties", ())):
            fault = pattern_fault(pattern)
            if fault is not None:
                raise TaskError(f"{self._name}: 'pattern' {pattern[:80]!r}: {fault}.", "Correct the expression.")
        if "$schema" in schema and schema is not self._root.contents:
            raise TaskError(
                f"{self._name}: a '$schema' inside the schema.", "Name it once, at the top, or leave it out."
            )
        self._seen |= schema.keys() & _NOT_TOGETHER
        if self._seen == _NOT_TOGETHER:
            raise TaskError(
                f"{self._name} has both 'patternProperties' and 'unevaluatedProperties'.",
                "Use 'additionalProperties' instead of the second.",
            )

    def _resolved(self, reference: str, resolver: Any) -> tuple[Resource[Any], Any]:
        try:
            found = resolver.lookup(reference)
        except (Unresolvable, ValueError, AttributeError, TypeError, LookupError) as error:
            shown = reference[:80]
            if reference.startswith("#"):
                what = f"{self._name}: the '$ref' {shown!r} leads to nothing in the file."
            else:
                what = f"{self._name}: the '$ref' {shown!r} leads out of the file; nothing is fetched."
            raise TaskError(what, "Write what it stands for under '$defs', and refer to '#/$defs/its-name'.") from error
        if not isinstance(found.contents, dict | bool):
            raise TaskError(
                f"{self._name}: the '$ref' {reference[:80]!r} leads to something that is not a schema.",
                "Refer to a schema under '$defs'.",
            )
        return DRAFT202012.create_resource(found.contents), found.resolver


def _for_the_same_value(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the schemas inside this one that describe the same value, not a part of it."""
    for keyword in _SAME_VALUE_LISTS:
        yield from schema.get(keyword, ())
    for keyword in _SAME_VALUE:
        if keyword in schema:
            yield schema[keyword]
    yield from schema.get("dependentSchemas", {}).values()


def _references(schema: Mapping[str, Any]) -> Iterator[str]:
    for keyword in _REFERENCES:
        if isinstance(schema.get(keyword), str):
            yield schema[keyword]
