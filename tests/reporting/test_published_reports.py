"""The reports of the published studies follow from their tables."""

import re
from pathlib import Path

import pytest

from bench.analysis.results import read_results
from bench.reporting.page import compose, read_context

ROOT = Path(__file__).parents[2]
FOLDERS = sorted((ROOT / "results/published").glob("*/*"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_published_report_is_up_to_date(folder: Path) -> None:
    page = compose(
        read_results(folder), read_context(folder), [], results_dir=folder, report_dir=folder
    )
    assert page.findings and page.quality
    assert re.search(r" cores of .* · torch 2\.", page.measured_on)
    report = ROOT / "reports/published" / folder.parent.name / folder.name / "report.md"
    assert f"- {page.findings[0]}\n" in report.read_text(encoding="utf-8")
