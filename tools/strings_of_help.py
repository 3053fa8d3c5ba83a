"""What the terminal shows as help: of every command, and of every option where it is said.

It is read from the parser, since some of it is written in docstrings of the engine's own dataclasses.
"""

from __future__ import annotations

from collections.abc import Iterator

from cyclopts import App, Parameter


def strings_of_help(
    app: App, words: tuple[str, ...] = (), *, given: Parameter | None = None
) -> Iterator[tuple[str, str, str]]:
    """Return what help says, command by command: the command, the option or nothing, and the text.

    Args:
        app: the parser, or one of its commands.
        words: that name the command.
        given: what the parser says of all options, such as how their names are written.
    """
    given = given or app.default_parameter
    command = " ".join(words)
    for text in (app.help, app.help_epilogue):
        if text:
            yield command, "", text
    if app.default_command is not None:
        for argument in app.assemble_argument_collection(default_parameter=given, parse_docstring=True):
            if argument.show and argument.parameter.help:
                yield command, argument.name, argument.parameter.help
    for name in app:
        if not name.startswith("-"):
            yield from strings_of_help(app[name], (*words, name), given=given)
