"""How many clients a run takes, so that they leave it the files that training needs."""

import resource

RESERVED_FILES = 64
"""That the run itself, PyTorch and checkpoints may need; where few files can be open, half of them."""
REFUSED_CLIENT = -1
"""The id in the answer to a client that is not taken; it may be lost where the client writes at the same time."""


def most_clients() -> int:
    """A client is an open file, of which a process may have so many; without a limit the system gives -1."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 16 if files < 0 else max(files // 2, files - RESERVED_FILES)
