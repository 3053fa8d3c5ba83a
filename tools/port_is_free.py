"""Exit with one line that names the fix if a port of this machine is taken."""

import socket
import sys

port = int(sys.argv[1])
with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        sys.exit(f"Port {port} is taken, perhaps by another Adapt Lab. Use another port: make run PORT={port + 1}")
