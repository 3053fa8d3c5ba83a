"""llama.cpp in a worker process: `client` is the caller's side; all else runs in the worker."""
