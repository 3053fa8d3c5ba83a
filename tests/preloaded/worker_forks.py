"""A process that imports the libraries of the retrieval worker once, and forks one for each that is started.

    python worker_forks.py FOLDER

It listens in the folder, and ends with the file `owner` in it, or with the process whose id is in that file.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = (
    "lance_namespace",
    "scipy.optimize",
    "scipy.special",
    "sentence_transformers",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "torch",
)
"""What the worker imports and takes long, and what no fork breaks: LanceDB begins a thread when it is imported."""
READY_S = 300.0
LOOK_S = 1.0
_LENGTH = struct.Struct("!I")
_STATUS = struct.Struct("!i")
"""An exit code; below 0, the signal that ended it."""


def stand_for(module: str, folder: str) -> None:
    """Let a fork run a module with the pipes, the environment and the folder of this process, and end as it ends.

    Returns only where there is no fork, as for another copy of the project: this process then does the work itself.
    """
    if Path.cwd().resolve() != ROOT:
        return
    connection = _connected(Path(folder))
    if connection is None:
        return
    asked = json.dumps({"module": module, "environment": dict(os.environ), "folder": str(Path.cwd())}).encode()
    socket.send_fds(connection, [_LENGTH.pack(len(asked))], [0, 1, 2])
    connection.sendall(asked)
    told = connection.recv(_STATUS.size, socket.MSG_WAITALL)
    status = _STATUS.unpack(told)[0] if len(told) == _STATUS.size else -signal.SIGKILL
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status)


def _connected(folder: Path) -> socket.socket | None:
    """Connect to the process that forks, which is started by the first who needs it; None if it does not come up."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path, ends = str(folder / "socket"), time.monotonic() + READY_S
    with contextlib.suppress(OSError):
        connection.connect(path)
        return connection
    with contextlib.suppress(OSError), (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(OSError):
            connection.connect(path)
            return connection
        environment = {name: value for name, value in os.environ.items() if name != "ADAPTLAB_TESTS_FORKS"}
        with (folder / "log").open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, __file__, str(folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=ROOT, start_new_session=True,
            )  # fmt: skip
        while started.poll() is None and time.monotonic() < ends:
            with contextlib.suppress(OSError):
                connection.connect(path)
                return connection
            time.sleep(0.05)
    return None


def serve(folder: Path) -> None:
    """Import the libraries, then fork until the owner is gone."""
    for library in LIBRARIES:
        importlib.import_module(library)

    owner = folder / "owner"
    owner_id = int(owner.read_text(encoding="ascii"))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever has forked a worker waits for it; nobody waits for them
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(folder / "socket"))
    listener.listen(64)
    while owner.is_file() and _lives(owner_id):
        if not select.select([listener], [], [], LOOK_S)[0]:
            continue
        connection = listener.accept()[0]
        if os.fork() == 0:
            listener.close()
            _look_after(connection)
        connection.close()


def _lives(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def _look_after(connection: socket.socket) -> None:
    """Fork a worker; tell how it ended, and end it when the process that it stands for ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, pipes, _flags, _address = socket.recv_fds(connection, _LENGTH.size, 3)
    asked = json.loads(connection.recv(_LENGTH.unpack(length)[0], socket.MSG_WAITALL))
    worker = os.fork()
    if worker == 0:
        connection.close()
        _become(asked, pipes)
    for pipe in pipes:
        os.close(pipe)
    ended = os.pidfd_open(worker)
    gone, _, _ = select.select([ended, connection], [], [])
    if ended not in gone:
        os.kill(worker, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(_STATUS.pack(status))
    os._exit(0)


def _become(asked: dict, pipes: list[int]) -> None:
    """Run the module as a process of its own would."""
    status = 1
    try:
        os.setsid()
        for place, pipe in enumerate(pipes):
            os.dup2(pipe, place)
            os.close(pipe)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["folder"])
        sys.argv = [asked["module"]]
        sys.path[0] = asked["folder"]
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
