"""A task folder as one zip archive, to be imported elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from adapters.archives import EARLIEST, checked_entries, packed, read_entries
from engine.core.errors import TaskError

_MOST_NAMES = 3


def pack_folder(folder: Path) -> bytes:
    """Pack a task's files: definition, rows, schema and documents, and nothing else in the folder.

    The same task gives the same bytes.

    Raises:
        TaskError: a file cannot be read.
    """
    try:
        files = ((f"{folder.name}/{inner}", path.read_bytes()) for path, inner in _files_of(folder))
        return packed(files, date=EARLIEST)
    except OSError as error:
        raise TaskError(f"The task cannot be packed ({error.strerror}).", "Check its files' permissions.") from error


def _files_of(folder: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    for path in sorted(folder.rglob("*")):
        inner = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_file() and not path.is_symlink() and _belongs(inner):
            yield path, inner


def unpack_into(name: str, data: bytes, folder: Path) -> None:
    """Unpack a packed task into an empty folder; every path and size is checked before the first byte is written.

    Raises:
        TaskError: it is not a packed task, or holds something that does not belong there.
    """
    inner = _inner_paths(name, [entry.path for entry in checked_entries(name, data)])
    for path, content in read_entries(data, inner):
        target = folder / inner[path]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _inner_paths(name: str, paths: list[PurePosixPath]) -> dict[str, PurePosixPath]:
    """Map packed paths to paths in the task's folder: the archive may hold the folder, or what is in it."""
    roots = {path.parent for path in paths if path.name == "task.toml"}
    if len(roots) != 1:
        raise TaskError(
            f"{name} holds {len(roots)} files 'task.toml'; a packed task holds one.", "Export the task again."
        )
    root = roots.pop()
    inner = {}
    for path in paths:
        if not path.is_relative_to(root):
            raise TaskError(f"{name} holds '{path}' beside the task.", "Pack only the task's folder.")
        place = path.relative_to(root)
        if not _belongs(place):
            raise TaskError(f"{name} holds '{place}', which is not part of a task.", "Pack only the task's folder.")
        inner[str(path)] = place
    return inner


def _belongs(path: PurePosixPath) -> bool:
    """A task's own files: at its top, or Markdown in one folder."""
    if any(part.startswith(".") for part in path.parts):
        return False
    if len(path.parts) == 1:
        return path.suffix in {".toml", ".jsonl", ".json"}
    return len(path.parts) < _MOST_NAMES and path.suffix == ".md"
