"""The plan of a study: its runs by state, with reasons and an estimate of the time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape

from bench.cell_names import cell_labels
from bench.cli.terminal import WIDE, table
from bench.formatting import format_duration, plural
from bench.planning import Plan, PlannedRun, State
from bench.records import Kind, Role
from bench.study.runs import Run

KINDS: Sequence[Kind] = ("tuning", "trial", "cost", "block")
ROLE_SUFFIXES: Mapping[Role, str] = {"planned": "", "twin": " (A/A control)", "extra": " (extra)"}
COLUMNS = ("cell", "id", "runs", "state", "why", "estimate")
COLOURS: Mapping[State, str] = {
    "cached": "green",
    "stale": "yellow",
    "new": "cyan",
    "skipped": "dim",
}


def cell_names(plan: Plan) -> dict[str, str]:
    """Return a distinguishing name for every cell, tuning candidates included."""
    cells = [*plan.cells, *(planned.run.cell for planned in plan.runs)]
    return cell_labels({c.cell_id: c.flat() for c in cells})


def run_name(run: Run) -> str:
    """Return the name of a run within its cell."""
    match run.kind:
        case "trial":
            return f"seed {run.seed}"
        case "tuning":
            return f"tuning, seed {run.seed}"
        case "cost":
            return "cost pass"
        case "block":
            return f"timing block {run.block}{ROLE_SUFFIXES[run.role]}"


def print_summary(console: Console, plan: Plan) -> None:
    """Print the study, its data sets, its runs by state, and the estimated time."""
    description = f" – {escape(plan.study.description)}" if plan.study.description else ""
    console.print(f"[bold]{plan.study.name}[/]{description}")
    for provision in plan.provisions:
        if provision.used != provision.requested:
            console.print(
                f"[bold yellow]WARNING: {provision.requested} is missing, "
                f"using {provision.used} instead[/] ({escape(provision.why or '')})"
            )
        elif provision.why:
            console.print(f"[yellow]{escape(provision.why)}[/]")
    for line in _cluster_lines(plan):
        console.print(line, soft_wrap=True)
    console.print(_counts(plan))
    for reason, planned_runs in _by_reason(plan.runs):
        cells = len({planned.run.cell.cell_id for planned in planned_runs})
        console.print(f"[dim]skipped: {plural(cells, 'cell')} – {escape(reason)}[/]")
    if plan.detects is not None:
        change, n = plan.detects
        console.print(
            f"last time, {plural(n, 'timing block')} detected changes of the step time from "
            f"{change:.1%}"
        )
    if not plan.to_execute:
        console.print("nothing left to run")
        return
    rough = " (rough: some of it never ran here)" if plan.is_rough else ""
    then = ", plus the runs of the chosen cells" if plan.is_tuning else ""
    console.print(f"estimate: {format_duration(plan.estimate_s)}{then}{rough}")


def _cluster_lines(plan: Plan) -> Iterator[str]:
    """Yield lines on how the runs spread over a cluster, and on unused nodes."""
    resources, cells = plan.resources, [c for c in plan.cells if c.skip is None]
    if not resources.is_cluster:
        return
    kind = escape(resources.machine.fingerprint()["machine"])
    at_once = {
        resources.trials_at_once(int(cell.threads), gpus=cell.device != "cpu") for cell in cells
    } or {0}
    span = " to ".join(map(str, dict.fromkeys((min(at_once), max(at_once)))))
    blocks = plural(len(resources.nodes), "timing block")
    yield f"cluster: {plural(len(resources.nodes), 'node')} of {kind}"
    yield f"at once: {span} trial{'s' * (max(at_once) != 1)}, or {blocks}"
    for idle in resources.idle:
        yield f"[yellow]unused: {escape(idle)}[/]"


def _counts(plan: Plan) -> str:
    """Return the numbers of cells and of runs by kind and state."""
    excluded = f", {len(plan.excluded)} excluded" if plan.excluded else ""
    cells = f"{plural(len(plan.cells), 'cell')}{excluded}"
    kinds = Counter(planned.run.kind for planned in plan.runs)
    tuning = plural(kinds["tuning"], "tuning trial")
    if plan.is_tuning:
        over = escape(", ".join(plan.study.tuned))
        trials = plural(len(plan.cells) * len(plan.study.seeds), "trial")
        return (
            f"{cells}, each at its best {over}: first {tuning}; {_states(plan.runs)}\n"
            f"then, for the chosen cells: {trials}, cost passes and timing blocks"
        )
    parts = [tuning] if kinds["tuning"] else []
    parts += [
        plural(kinds["trial"], "trial"),
        plural(kinds["cost"], "cost pass", "cost passes"),
        plural(kinds["block"], "timing block"),
    ]
    return f"{cells}: {', '.join(parts)}; {_states(plan.runs)}"


def print_plan(console: Console, plan: Plan) -> None:
    """Print the summary and all runs; runs of a cell in the same state share a line."""
    print_summary(console, plan)
    names = cell_names(plan)
    shown = [name for name in COLUMNS if name != "id" or console.width >= WIDE]
    rows = table(console, *shown, right=frozenset({"estimate"}))
    order = {cell_id: i for i, cell_id in enumerate(names)}
    planned_runs = sorted(plan.runs, key=lambda t: (order[t.run.cell.cell_id], _sort(t)))
    for (cell_id, _, state, why), group in groupby(planned_runs, key=_group):
        shared = list(group)
        estimate_s = sum(t.estimate_s for t in shared)
        texts = {
            "cell": escape(names[cell_id]),
            "id": cell_id,
            "runs": _run_names([t.run for t in shared]),
            "state": f"[{COLOURS[state]}]{state}[/]",
            "why": escape(why),
            "estimate": format_duration(estimate_s) if state in ("new", "stale") else "",
        }
        rows.add_row(*(texts[name] for name in shown))
    console.print(rows)
    for point in plan.excluded:
        console.print(f"[dim]excluded: {escape(point.point)} – {escape(point.reason)}[/]")


def _sort(planned: PlannedRun) -> tuple[int, int]:
    return KINDS.index(planned.run.kind), list(ROLE_SUFFIXES).index(planned.run.role)


def _group(planned: PlannedRun) -> tuple[str, tuple[int, int], State, str]:
    return planned.run.cell.cell_id, _sort(planned), planned.state, planned.reason


def _run_names(runs: Sequence[Run]) -> str:
    """Return a name for runs of one kind and role: "seed 0–2", "block 0–5 (A/A control)"."""
    first = runs[0]
    match first.kind:
        case "trial" | "tuning":
            what = "seed" if first.kind == "trial" else "tuning, seed"
            return f"{what} {_numbers(sorted(run.seed for run in runs))}"
        case "cost":
            return "cost"
        case "block":
            numbers = _numbers(sorted(run.block for run in runs))
            return f"block {numbers}{ROLE_SUFFIXES[first.role]}"


def _states(planned_runs: Iterable[PlannedRun]) -> str:
    counts = Counter(planned.state for planned in planned_runs)
    return ", ".join(
        f"[{colour}]{counts[state]} {state}[/]"
        for state, colour in COLOURS.items()
        if counts[state]
    )


def _by_reason(planned_runs: Iterable[PlannedRun]) -> list[tuple[str, list[PlannedRun]]]:
    skipped = sorted((t for t in planned_runs if t.state == "skipped"), key=lambda t: t.reason)
    return [(why, list(group)) for why, group in groupby(skipped, key=lambda t: t.reason)]


def _numbers(numbers: Sequence[int]) -> str:
    """Return 0, 1, 2, 5 as "0–2, 5"."""
    spans: list[list[int]] = []
    for n in numbers:
        if spans and n == spans[-1][-1] + 1:
            spans[-1].append(n)
        else:
            spans.append([n])
    return ", ".join(f"{s[0]}–{s[-1]}" if len(s) > 1 else str(s[0]) for s in spans)
