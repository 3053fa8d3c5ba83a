"""Read by every Python that the tests start: a retrieval worker begins as a fork of a process that has its libraries.

Importing torch, transformers and scipy takes a processor 5 s, and the suite starts some 200 such workers. This process
stays, with its pipes and its id; what it was to do is done by the fork. It ends as the fork ends, and the other way
round. Off without `ADAPTLAB_TESTS_FORKS`, in another copy of the project, and where the system cannot do it.
"""

import os
import sys

_FOLDER = os.environ.get("ADAPTLAB_TESTS_FORKS", "")
_WORKER = "adapters.retrieval.worker"

if _FOLDER and sys.orig_argv[1:] == ["-m", _WORKER] and hasattr(os, "pidfd_open"):
    from worker_forks import stand_for

    stand_for(_WORKER, _FOLDER)
