"""The clock of the replay, which the browser writes by itself."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from playwright._impl._driver import compute_driver_executable

SCRIPT = Path(__file__).resolve().parents[2] / "components" / "widgets" / "race" / "race.js"


def test_the_clock_never_says_60_seconds() -> None:
    """Just before a whole minute it shows that minute."""
    (function,) = re.findall(r"^function written\(.*?^}", SCRIPT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    moments = [0, 59.94, 59.96, 60, 119.4, 119.7, 3599.7]
    ask = f"{function}\nconsole.log(JSON.stringify({json.dumps(moments)}.map(written)))"
    node, _driver = compute_driver_executable()
    told = json.loads(subprocess.run([node, "-e", ask], capture_output=True, check=True, text=True).stdout)
    assert told == ["0.0 s", "59.9 s", "1 min 0 s", "1 min 0 s", "1 min 59 s", "2 min 0 s", "60 min 0 s"]
