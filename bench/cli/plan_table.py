"""The plan of a study: its runs by state, with reasons and an estimate of the time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape

from bench.cell_names import name_cells
from bench.cli.terminal import WIDE, table
from bench.formatting import format_duration, format_share, plural
from bench.planning import Plan, PlannedRun, State
from bench.records import Kind, Role
from bench.study.runs import Run

KINDS: Sequence[Kind] = ("tuning", "trial", "cost", "block")
ROLES: Mapping[Role, str] = {"planned": "", "twin": " (A/A control)", "extra": " (extra)"}
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
    return name_cells({c.cell_id: c.flat() for c in cells})


def name_runs(runs: Sequence[Run]) -> str:
    """Return a name for runs of one kind and role: "seed 0–2", "set 0–5 (A/A control)"."""
    first = runs[0]
    match first.kind:
        case "cost":
            return "cost pass"
        case "block":
            return f"set {_ranges(run.block for run in runs)}{ROLES[first.role]}"
        case "trial" | "tuning":
            prefix = "tuning, " if first.kind == "tuning" else ""
            return f"{prefix}seed {_ranges(run.seed for run in runs)}"


def _ranges(numbers: Iterable[int]) -> str:
    """Return 0, 1, 2, 5 as "0–2, 5"."""
    spans: list[list[int]] = []
    for n in sorted(numbers):
        if spans and n == spans[-1][-1] + 1:
            spans[-1].append(n)
        else:
            spans.append([n])
    return ", ".join(f"{s[0]}–{s[-1]}" if len(s) > 1 else str(s[0]) for s in spans)


def print_plan(console: Console, plan: Plan) -> None:
    """Print the summary and all runs; runs of a cell in the same state share a line."""
    print_summary(console, plan)
    names = cell_names(plan)
    columns = [name for name in COLUMNS if name != "id" or console.width >= WIDE]
    rows = table(console, *columns, right=frozenset({"estimate"}))
    order = {cell_id: i for i, cell_id in enumerate(names)}

    def line(planned: PlannedRun) -> tuple[int, int, int]:
        run = planned.run
        return order[run.cell.cell_id], KINDS.index(run.kind), list(ROLES).index(run.role)

    in_order = sorted(plan.runs, key=line)
    for _, group in groupby(in_order, key=lambda p: (*line(p), p.state, p.reason)):
        runs = list(group)
        first = runs[0]
        is_pending = first.state in ("new", "stale")
        texts = {
            "cell": escape(names[first.run.cell.cell_id]),
            "id": "" if first.run.cell.dataset.label in plan.unread else first.run.cell.cell_id,
            "runs": name_runs([planned.run for planned in runs]),
            "state": f"[{COLOURS[first.state]}]{first.state}[/]",
            "why": escape(first.reason),
            "estimate": format_duration(sum(p.estimate_s for p in runs)) if is_pending else "",
        }
        rows.add_row(*(texts[name] for name in columns))
    console.print(rows)
    for excluded in plan.excluded:
        console.print(f"[dim]excluded: {escape(excluded.point)} – {escape(excluded.reason)}[/]")


def print_summary(console: Console, plan: Plan) -> None:
    """Print the study, its data sets, its runs by state, and the estimated time."""
    description = f" – {escape(plan.study.description)}" if plan.study.description else ""
    console.print(f"[bold]{plan.study.name}[/]{description}")
    for provision in plan.provisions:
        why = escape(provision.why or "")
        if provision.used != provision.requested:
            fallback = f"{provision.requested} is missing, using {provision.used} instead"
            console.print(f"[bold yellow]WARNING: {fallback}[/] ({why})")
        elif why:
            console.print(f"[yellow]{why}[/]")
    for label in sorted(plan.unread - {p.used for p in plan.provisions if p.why}):
        what = "`bench run` reads it first. Then ids are known, and which of its runs are there"
        console.print(f"[yellow]{escape(label)} has not been read yet: {what}[/]")
    for text in _cluster_lines(plan):
        console.print(text, soft_wrap=True)
    console.print(_counts(plan))
    skipped: dict[str, set[str]] = {}
    for planned in plan.runs:
        if planned.state == "skipped":
            skipped.setdefault(planned.reason, set()).add(planned.run.cell.cell_id)
    for reason, cells in sorted(skipped.items()):
        console.print(f"[dim]skipped: {plural(len(cells), 'cell')} – {escape(reason)}[/]")
    if plan.detects is not None:
        change, n = plan.detects
        detected = f"detected changes of the step time from {format_share(change)}"
        console.print(f"last time, {plural(n, 'timing set')} {detected}")
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
    at_once = {
        resources.trials_at_once(int(cell.threads), gpus=cell.device != "cpu") for cell in cells
    } or {0}
    span = " to ".join(map(str, dict.fromkeys((min(at_once), max(at_once)))))
    machine = escape(resources.machine.fingerprint()["machine"])
    yield f"cluster: {plural(len(resources.nodes), 'node')} of {machine}"
    sets = plural(len(resources.nodes), "timing set")
    yield f"at once: {span} trial{'s' * (max(at_once) != 1)}, or {sets}"
    for idle in resources.idle:
        yield f"[yellow]unused: {escape(idle)}[/]"


def _counts(plan: Plan) -> str:
    """Return the numbers of cells and of runs by kind and state."""
    excluded = f", {len(plan.excluded)} excluded" if plan.excluded else ""
    cells = f"{plural(len(plan.cells), 'cell')}{excluded}"
    by_state = Counter(planned.state for planned in plan.runs)
    states = ", ".join(
        f"[{colour}]{by_state[state]} {state}[/]"
        for state, colour in COLOURS.items()
        if by_state[state]
    )
    by_kind = Counter(planned.run.kind for planned in plan.runs)
    sets = len({planned.run.block for planned in plan.runs if planned.run.kind == "block"})
    tuning = plural(by_kind["tuning"], "tuning trial")
    if plan.is_tuning:
        over = escape(", ".join(plan.study.tuned))
        trials = plural(len(plan.cells) * len(plan.study.seeds), "trial")
        return (
            f"{cells}, each at its best {over}: first {tuning}; {states}\n"
            f"then, for the chosen cells: {trials}, cost passes and timing sets"
        )
    kinds = (
        *([tuning] if by_kind["tuning"] else []),
        plural(by_kind["trial"], "trial"),
        plural(by_kind["cost"], "cost pass", "cost passes"),
        f"{_least(plan)}{plural(sets, 'timing set')}",
    )
    return f"{cells}: {', '.join(kinds)}; {states}"


def _least(plan: Plan) -> str:
    """Return "at least " where a budget may allow more timing sets than are planned yet."""
    timing = plan.study.timing
    is_pending = any(planned.run.kind == "block" for planned in plan.to_execute)
    return "at least " if timing is not None and timing.sets is None and is_pending else ""
