"""A signal from the kernel when the parent ends, whatever this process is doing then (Linux)."""

import ctypes
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def signal_when_parent_ends(number: int) -> None:
    """Have the kernel send this process a signal when its parent ends; 0 for none any more.

    A parent that has ended already sends nothing: look at `os.getppid()` afterwards.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
