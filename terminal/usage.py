"""Usage errors in a line or two: what was written, the closest known name, and where to find help."""

from __future__ import annotations

from cyclopts import App
from cyclopts.exceptions import (
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnusedCliTokensError,
    ValidationError,
)

from engine.core.errors import UsageError, unknown_name

_SUGGESTION = " Did you mean "


def explained(error: CycloptsError, app: App) -> UsageError:
    """Convert a parser error to one of our errors."""
    place = " ".join((app.name[0], *(error.command_chain or ())))
    see = f"See '{place} --help'."
    if isinstance(error, UnknownCommandError | UnusedCliTokensError):
        return _unknown_word(error, see)
    if isinstance(error, ValidationError) and error.argument is not None and error.argument.tokens:
        token = error.argument.tokens[0]
        name = token.keyword or error.argument.name
        return UsageError(f"{name} got '{token.value}'. {error.exception_message}", see)
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        return UsageError(f"{error.argument.name} is missing.", see)
    what, suggested, name = str(error).replace('"', "'").partition(_SUGGESTION)
    return UsageError(what, f"{suggested.strip()} {name} {see}" if suggested else see)


def _unknown_word(error: CycloptsError, see: str) -> UsageError:
    """Suggest the closest command; the parser's own message would import all commands."""
    word = (error.unused_tokens or [""])[0]
    commands = [] if error.app is None else sorted(name for name in error.app if not name.startswith("-"))
    if not commands:
        return UsageError(f"Unexpected argument '{word}'.", see)
    unknown = unknown_name("command", word, commands)
    return UsageError(unknown.what, f"{unknown.fix} {see}")
