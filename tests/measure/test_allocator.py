"""Freed memory stays with the process, unless a study or the user's environment differs."""

import ctypes
import os
import subprocess
import sys

import pytest

from bench.measure.allocator import OWN_SETTINGS, allocator_variables

FREED_AND_TAKEN_AGAIN = """
import ctypes, sys
from bench.measure.allocator import set_allocator
from bench.measure.counters import page_faults

set_allocator(sys.argv[1])
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
size = 64 * 2**20

def use():
    memory = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(size)))
    libc.memset(memory, 1, ctypes.c_size_t(size))
    libc.free(memory)

use()
before = page_faults()
for _ in range(5):
    use()
print(page_faults() - before)
"""


def faults(setting: str, **variables: str) -> int:
    """Return the pages that are mapped while 64 MiB are taken and freed five times."""
    command = [sys.executable, "-c", FREED_AND_TAKEN_AGAIN, setting]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
    return int(done.stdout)


pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc"
)


def test_memory_is_mapped_once_where_it_stays_with_the_process() -> None:
    assert faults("auto") < 100 < faults("default")


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_a_setting_of_the_users_own_stays(name: str) -> None:
    own = {"MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}
    assert faults("auto", **{name: own[name]}) > 100


def test_the_variables_do_the_same_for_a_process_that_has_no_bench(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith(OWN_SETTINGS)]:
        monkeypatch.delenv(name)
    assert faults("default", **allocator_variables()) < 100
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    assert allocator_variables() == {}
