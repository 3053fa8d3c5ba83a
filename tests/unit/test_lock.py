"""What `make run` and `make test` install is locked: one version, its files' SHA-256, and a licence that was looked at."""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import licences
from tools.licences import PAGE, is_allowed, locked, page, unread

ROOT = Path(__file__).parents[2]
LOCKS = {
    "requirements.txt": "requirements.lock",
    "requirements-dev.txt": "requirements-dev.lock",
    "requirements-sbom.txt": "requirements-sbom.lock",
}


def _asked(name: str) -> list[Requirement]:
    found = []
    for raw in (ROOT / name).read_text(encoding="utf-8").splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("-r "):
            found += _asked(line.removeprefix("-r ").strip())
        elif line:
            found.append(Requirement(line))
    return found


def _here(lock: str) -> dict[str, str]:
    """The versions that a lock file names for this system and this Python, by package."""
    return {
        canonicalize_name(package.name): package.version
        for package in locked(ROOT / lock)
        if not package.marker or Marker(package.marker).evaluate()
    }


@pytest.mark.parametrize(("asked", "lock"), LOCKS.items())
def test_each_requirement_is_locked_at_a_version_that_it_allows(asked: str, lock: str) -> None:
    """A line changed in a requirements file without `make lock` is noticed."""
    here = _here(lock)
    wrong = [
        f"{one} is locked at {here.get(canonicalize_name(one.name))}"
        for one in _asked(asked)
        if not one.specifier.contains(here.get(canonicalize_name(one.name), "0"), prereleases=True)
    ]
    assert not wrong


@pytest.mark.parametrize("lock", LOCKS.values())
def test_each_locked_package_carries_hashes_and_no_address(lock: str) -> None:
    """Pip refuses a file that differs from the one that was locked, wherever it comes from."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    lines = text.splitlines()
    packages = [place for place, line in enumerate(lines) if line and line[0].isalnum()]
    assert packages
    assert all("==" in lines[place] and lines[place + 1].startswith("    --hash=sha256:") for place in packages)
    assert "://" not in text


def test_the_tests_run_on_the_versions_that_users_get() -> None:
    """No package has one version in the app's lock and another one in that of the tests."""
    app, tests = _here("requirements.lock"), _here("requirements-dev.lock")
    assert {name: tests[name] for name in app} == app


def test_the_lock_holds_for_windows_and_macos_too() -> None:
    """Packages that one system alone needs, or does without, are in the lock with a marker."""
    markers = " ".join(package.marker for package in locked())
    assert "sys_platform == 'win32'" in markers
    assert "sys_platform == 'linux'" in markers
    assert "sys_platform != 'darwin'" in markers


def test_what_is_installed_is_what_is_locked() -> None:
    """After `make test` set up `.venv`, each locked package stands there in the locked version."""
    differing = {}
    for name, wanted in _here("requirements-dev.lock").items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "missing"
        if installed != wanted:
            differing[name] = f"{installed} instead of {wanted}"
    assert not differing


def test_each_licence_was_looked_at() -> None:
    """A package under a licence that nobody has read yet is noticed before it ships."""
    assert not unread()


def test_the_tool_ends_with_an_error_that_names_a_licence_nobody_has_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make lock` does not pass over a new licence, and still writes the page that shows it."""
    monkeypatch.setattr(licences, "PAGE", tmp_path / "licences.md")
    monkeypatch.setattr(licences, "ALLOWED", licences.ALLOWED - {"MPL-2.0"})
    with pytest.raises(SystemExit, match=r"certifi: MPL-2\.0"):
        licences.main()
    assert "| certifi |" in licences.PAGE.read_text(encoding="utf-8")


def test_an_expression_is_allowed_by_each_part_or_by_one_alternative() -> None:
    """AND asks for each licence, OR for one; what is not known is not allowed."""
    assert is_allowed("MIT AND (Apache-2.0)")
    assert is_allowed("GPL-3.0-only OR MIT")
    assert not is_allowed("MIT AND GPL-3.0-only")
    assert not is_allowed("")


def test_the_page_of_licences_is_that_of_the_lock() -> None:
    """docs/licences.md is made again whenever the lock changes."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_bill_of_materials_names_each_locked_package(tmp_path: Path) -> None:
    """`make sbom` writes a CycloneDX document of what is installed, with versions and licences."""
    bill_of = (f"BILL={tmp_path / 'bill.json'}", f"BILL_OF={sys.executable}")
    # Nothing is installed under the tests that run, also where a stamp is older than a requirement.
    command = ["make", "--old-file", ".venv/.test-ready", "sbom", *bill_of]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    bill = json.loads((tmp_path / "bill.json").read_text(encoding="utf-8"))
    named = {canonicalize_name(one["name"]): one["version"] for one in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    here = _here("requirements.lock")
    assert {name: named.get(name) for name in here} == here
