import subprocess
import sys


def test_listing_the_models_does_not_import_torch() -> None:
    script = "import sys, bench.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
