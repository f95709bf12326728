"""`bench verify`: whether stored trials can be repeated."""

from typing import Annotated

import typer

from bench.cli.options import DataDir, Results, data_folder

DIFFERENT, INCOMPARABLE = 1, 4


def verify(
    results: Results,
    sample: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many trials to do again.")
    ] = 3,
    data_dir: DataDir = None,
) -> None:
    """Train some of a study's trials again, and hold every loss against the stored one's last bit.

    Exit code 0: all the same; 1: a difference; 4: other machine, software or code.

    Example: bench verify results/baseline --sample 5
    """
    from rich.markup import escape

    from bench.cli.terminal import console
    from bench.execute import EXECUTORS
    from bench.formatting import plural
    from bench.verify import Verified
    from bench.verify import verify as repeat

    reporter = console()

    def tell(verified: Verified) -> None:
        word = "[red]different[/]" if verified.difference else "[green]the same[/]"
        told = f"{word}  {verified.run.run_id}  {escape(verified.difference)}"
        reporter.print(told.rstrip())

    folder = data_folder(data_dir)
    done = repeat(results, folder, EXECUTORS["local"](), sample=sample, told=tell)
    if not done.verified:
        reasons = escape("; ".join(done.not_comparable))
        reporter.print(f"no trial can be repeated here: {reasons}")
        raise typer.Exit(INCOMPARABLE)
    different = sum(bool(verified.difference) for verified in done.verified)
    result = f"{different} different" if different else "all the same"
    reporter.print(f"{plural(len(done.verified), 'trial')} of {done.trials} repeated: {result}")
    if different:
        raise typer.Exit(DIFFERENT)
