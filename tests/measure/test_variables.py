"""Environment variables that change numbers are distinguished from the others."""

import subprocess
import sys

import pytest

from bench.measure.environment_variables import relevant_variables


@pytest.mark.parametrize(
    "name",
    [
        "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "OMP_NUM_THREADS",
        "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "MKL_DYNAMIC", "OPENBLAS_CORETYPE", "MALLOC_CONF",
        "MALLOC_ARENA_MAX", "LD_PRELOAD", "GLIBC_TUNABLES", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
        "TORCHINDUCTOR_FREEZING", "PYTORCH_CUDA_ALLOC_CONF", "CUBLAS_WORKSPACE_CONFIG",
        "CUDA_LAUNCH_BLOCKING", "NVIDIA_TF32_OVERRIDE", "PYTHONOPTIMIZE",
    ],
)  # fmt: skip
def test_what_changes_numbers_counts(name: str) -> None:
    assert relevant_variables({name: "1", "HOME": "/root"}) == {name: "1"}


@pytest.mark.parametrize(
    "name",
    [
        "HOME", "PATH", "LANG", "TORCH_HOME", "TORCH_LOGS", "TORCH_LOGS_OUT", "CUDA_PATH",
        "CUDA_CACHE_PATH", "CUDA_VISIBLE_DEVICES", "TORCHINDUCTOR_CACHE_DIR", "MKLROOT",
        "NVIDIA_DRIVER_CAPABILITIES", "COMPUTE_OMP", "BENCH_OFFLINE", "RAY_ADDRESS",
    ],
)  # fmt: skip
def test_where_things_are_and_what_is_logged_does_not(name: str) -> None:
    assert relevant_variables({name: "1"}) == {}


def test_importing_what_bench_imports_sets_none() -> None:
    script = (
        "from bench.measure.environment_variables import relevant_variables as found\n"
        "before = found()\n"
        "import sklearn.datasets, torch, torch._dynamo, torchvision, pandas, bench.runner\n"
        "import bench.execute.local_executor; bench.execute.local_executor.LocalExecutor()\n"
        "raise SystemExit(found() != before)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_process_set_itself_can_be_undone() -> None:
    script = (
        "import os\n"
        "from bench.measure.environment_variables import relevant_variables, undo_own_changes\n"
        "os.environ |= {'OMP_NUM_THREADS': '7', 'MKL_CBWR': 'AVX2'}\n"
        "undo_own_changes(); print(relevant_variables())"
    )
    given = {"OMP_NUM_THREADS": "3", "KMP_BLOCKTIME": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=given, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{ {'KMP_BLOCKTIME': '0', 'OMP_NUM_THREADS': '3'} }\n"
