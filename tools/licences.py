"""Writes docs/licences.md: each package of requirements.lock with its licence, as the package itself declares it.

    python -m tools.licences

Fails where a package declares a licence that nobody has looked at: read it, then add it to ALLOWED or LOOKED_UP.
"""

import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
PAGE = ROOT / "docs" / "licences.md"

# SPDX identifiers, alone or joined by AND and OR, under which the app may be passed on and used without a fee.
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CNRI-Python", "ISC", "LGPL-2.1-or-later", "MIT", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unicode-3.0", "Unlicense",
    "Zlib",
}  # fmt: skip

# Licences of packages that declare none or no SPDX name, as their licence file has it.
LOOKED_UP = {
    "click-default-group": "Unlicense",
    "overrides": "Apache-2.0",
    "protobuf": "BSD-3-Clause",
    "pydeck": "Apache-2.0",
    "pyreadline3": "BSD-3-Clause",
    "sqlite-fts4": "Apache-2.0",
    "transformers": "Apache-2.0",
}

# Comes with PyTorch's build for Linux from PyPI, free of charge under NVIDIA's own terms; the app never calls it.
PROPRIETARY = re.compile(r"nvidia-.+|cuda-.+")

_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


@dataclass(frozen=True, kw_only=True)
class Locked:
    """One package of a lock file. `marker` says on which systems it is installed, empty for all."""

    name: str
    version: str
    marker: str = ""


def locked(lock: Path = LOCK) -> list[Locked]:
    """The packages of a lock file, in its order; one that differs by Python's version stands once for each."""
    line = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)(?: ; ([^\\]+?))? ?\\?$", re.MULTILINE)
    return [
        Locked(name=name, version=version, marker=marker.strip())
        for name, version, marker in line.findall(lock.read_text(encoding="utf-8"))
        if "emscripten" not in marker  # a browser, which is not a system the app runs on
    ]


def licence(name: str) -> str | None:
    """A package's licence as an SPDX expression, or None where it is not installed here. Empty if nothing tells it."""
    if name in LOOKED_UP:
        return LOOKED_UP[name]
    if PROPRIETARY.fullmatch(name):
        return "NVIDIA's terms"
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return None
    if expression := about.get("License-Expression"):
        return str(expression)
    kinds = [line.rsplit(" :: ", 1)[1] for line in about.get_all("Classifier", []) if line.startswith("License :: OSI")]
    if known := [_CLASSIFIERS[kind] for kind in kinds if kind in _CLASSIFIERS]:
        return " AND ".join(sorted(known))
    return str(about.get("License") or "")


def is_allowed(expression: str) -> bool:
    """Whether each licence of an SPDX expression may be used; of alternatives joined by OR one is enough."""
    plain = expression.replace("(", "").replace(")", "")
    return any(all(part.strip() in ALLOWED for part in choice.split(" AND ")) for choice in plain.split(" OR "))


def page() -> str:
    """The page, in Markdown."""
    rows = []
    for package in locked():
        found = licence(package.name)
        rows.append(f"| {package.name} | {package.version} | {'not installed here' if found is None else found} |")
    return "\n".join([
        "# Licences",
        "",
        "Each package that `make run` installs, on Linux, macOS or Windows, with the licence that it declares. Made by",
        "`python -m tools.licences` from `requirements.lock`; a test refuses a licence that nobody looked at. The",
        "models that ship are named in [dependencies.md](dependencies.md).",
        "",
        "| package | version | licence |",
        "|---|---|---|",
        *rows,
        "",
    ])  # fmt: skip


def unread() -> dict[str, str | None]:
    """The licences that nobody has looked at, by package; None for a package that is not installed here."""
    found = {package.name: licence(package.name) for package in locked()}
    return {name: one for name, one in found.items() if not (is_allowed(one or "") or PROPRIETARY.fullmatch(name))}


def main() -> None:
    """Write the page; end with an error that names each licence that nobody has looked at."""
    PAGE.write_text(page(), encoding="utf-8")
    if new := unread():
        told = ", ".join(f"{name}: {one or 'it declares none, or is not installed'}" for name, one in new.items())
        sys.exit(f"Nobody has looked at these licences ({told}). Read them, then add them to tools/licences.py.")


if __name__ == "__main__":
    main()
