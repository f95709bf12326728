"""Environment variables that change results or speed of a run.

Sources: torch's "Torch Environment Variables" and "Threading Environment Variables", oneDNN's
"CPU Dispatcher Control", the manuals of libgomp, MKL and OpenBLAS, mallopt(3), ld.so(8).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

PREFIXES = (
    "ATEN", "BLIS", "CUBLAS", "CUBLASLT", "CUDA", "CUDNN", "DNNL", "GOMP", "GOTO", "KMP", "MALLOC",
    "MIMALLOC", "MKL", "OMP", "ONEDNN", "OPENBLAS", "PYTORCH", "TCMALLOC", "TORCH",
    "TORCHDYNAMO", "TORCHINDUCTOR", "TRITON",
)  # fmt: skip
NAMES = frozenset(
    {"GLIBC_TUNABLES", "LD_PRELOAD", "NVIDIA_TF32_OVERRIDE", "PYTHONMALLOC", "PYTHONOPTIMIZE"}
)
# Paths, versions and logging. The fingerprint names the GPU that CUDA_VISIBLE_DEVICES selects.
# Only NumPy uses OpenBLAS, with one thread. scikit-learn sets the two KMP variables on import,
# and libgomp ignores them.
IGNORED = re.compile(
    r"(\w+_(HOME|PATH|DIR|ROOT|VERSION|CACHE_\w+|LOGS?(_\w+)?|LOG_LEVEL)"
    r"|KMP_DUPLICATE_LIB_OK|KMP_INIT_AT_FORK"
    r"|CUDA_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|OPENBLAS_NUM_THREADS|TORCH_SHOW_CPP_STACKTRACES)"
)


def relevant_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that affect a run, sorted by name."""
    return {
        name: value
        for name, value in sorted(environ.items())
        if (name in NAMES or name.partition("_")[0] in PREFIXES) and not IGNORED.fullmatch(name)
    }


def undo_own_changes() -> None:
    """Restore the relevant variables to their values at the start of this process.

    Ray sets OMP_NUM_THREADS in its workers; results must not depend on the executor.
    """
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return
    started = dict(os.fsdecode(entry).split("=", 1) for entry in entries if b"=" in entry)
    before = relevant_variables(started)
    for name in relevant_variables().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
