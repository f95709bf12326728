"""Whether freed memory stays with the process.

By default glibc returns it to the system when a threshold is passed, which follows from the sizes
that were freed before, and the next step maps it again, page by page. By chance, two processes that
train the same network differ several times in the pages that a step maps, and up to 30% in time.
Source: mallopt(3), https://man7.org/linux/man-pages/man3/mallopt.3.html
"""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
LARGEST = 2**31 - 1  # of mallopt's int
OWN_SETTINGS = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")  # the user's own


def allocator_variables() -> dict[str, str]:
    """Return the environment variables that let a process keep freed memory, where it uses glibc.

    None where the user has a setting of their own.
    """
    if _has_own_setting():
        return {}
    return {"MALLOC_TRIM_THRESHOLD_": str(LARGEST), "MALLOC_MMAP_MAX_": "0"}


def set_allocator(setting: str) -> None:
    """Let this process keep freed memory, where `setting` is auto and the C library is glibc.

    A setting of the user's own in the environment is respected. Costs no time, and is never undone.
    """
    if setting != "auto" or _has_own_setting():
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, LARGEST)
        mallopt(M_MMAP_MAX, 0)


def _has_own_setting() -> bool:
    return any(name.startswith(OWN_SETTINGS) for name in os.environ)
