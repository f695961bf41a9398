"""The service as a child of the sandbox: it ends with its parent, however that ends.

A parent that is killed ends nothing; so the kernel is asked to (Linux, as everything that serves).
"""

import ctypes
import os
import signal
import sys

from cds_service.cli import main

PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>


def end_with(parent: int) -> None:
    """Have this process told to end when its parent has ended, whose id is given."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM)) != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not end a child with its parent")
    if os.getppid() != parent:  # it has ended meanwhile
        sys.exit("the sandbox has ended")


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    main(["serve"], prog_name="lamo-cds")
