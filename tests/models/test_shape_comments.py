"""Every layer's line says its shapes; the shapes that hooks see say whether that is true."""

import ast
import inspect
import io
import re
import textwrap
import tokenize
from collections import defaultdict

import pytest
import torch
from torch import Tensor, nn

from bench.models import MODELS
from bench.registry import load

BATCH = 3  # unlike any other size in the networks, so that it can stand for N
SHAPES = re.compile(r"\(([N\d, ]+)\) -> \(([N\d, ]+)\)")

Shape = tuple[int, ...]
Step = tuple[Shape, Shape]


def wrong_comments(cls: type[nn.Module]) -> list[str]:
    """List what the shape comments of a network's default lack or get wrong."""
    model = cls()
    seen = seen_shapes(model)
    written = {name: written_shapes(cls, node) for name, node in layer_lines(cls, model).items()}
    wrong = [f"{name}: made out of sight" for name in seen.keys() - written.keys()]
    for name, steps in written.items():
        if steps != seen[name]:
            wrong.append(f"{name}: written {steps}, seen {seen[name]}")
    inputs = {before for steps in seen.values() for before, _ in steps}
    outputs = {after for steps in seen.values() for _, after in steps}
    for before, after in written_shapes(cls, method(cls, "forward")):
        if before not in outputs or after not in inputs:
            wrong.append(f"forward: nothing reshapes {before} to {after}")
    return wrong


def seen_shapes(model: nn.Module) -> dict[str, list[Step]]:
    seen: dict[str, list[Step]] = {name: [] for name, _ in model.named_children()}

    def watch(name: str, layer: nn.Module) -> None:
        def hook(_layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            seen[name].append((tuple(inputs[0].shape), tuple(output.shape)))

        layer.register_forward_hook(hook)

    for name, layer in model.named_children():
        watch(name, layer)
    model(torch.zeros(BATCH, 1, 28, 28))
    return seen


def layer_lines(cls: type[nn.Module], model: nn.Module) -> dict[str, ast.Assign]:
    """Find the assignments to `self` in `__init__` that made a layer."""
    children = dict(model.named_children())
    found = {}
    for node in ast.walk(method(cls, "__init__")):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            name = node.targets[0].attr
            if name in children:
                found[name] = node
    return found


def written_shapes(cls: type[nn.Module], node: ast.stmt) -> list[Step]:
    """Read the shape comments on the lines of a statement."""
    comments: defaultdict[int, str] = defaultdict(str)
    for token in tokenize.generate_tokens(io.StringIO(source(cls)).readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = token.string
    assert node.end_lineno is not None
    lines = range(node.lineno, node.end_lineno + 1)
    matches = [match for line in lines for match in SHAPES.finditer(comments[line])]
    return [(shape(match[1]), shape(match[2])) for match in matches]


def shape(text: str) -> Shape:
    return tuple(BATCH if part.strip() == "N" else int(part) for part in text.split(","))


def source(cls: type[nn.Module]) -> str:
    return textwrap.dedent(inspect.getsource(cls))


def method(cls: type[nn.Module], name: str) -> ast.FunctionDef:
    body = ast.parse(source(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    return next(n for n in body.body if isinstance(n, ast.FunctionDef) and n.name == name)


@pytest.mark.parametrize("name", MODELS)
def test_the_shape_comments_of_a_model_are_true(name: str) -> None:
    assert wrong_comments(load(MODELS[name].target)) == []


class Right(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(4)  # (N, 1, 28, 28) -> (N, 1, 7, 7)
        self.linear = nn.Linear(  # (N, 49) -> (N, 10)
            49, 10
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.pool(x).flatten(1))  # (N, 1, 7, 7) -> (N, 49)


class Missing(Right):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(4)
        self.linear = nn.Linear(49, 10)  # (N, 49) -> (N, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.pool(x).flatten(1))


class Wrong(Right):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(4)  # (N, 1, 28, 28) -> (N, 1, 7, 7)
        self.linear = nn.Linear(49, 10)  # (N, 49) -> (N, 9)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.pool(x).flatten(1))


class WrongReshape(Wrong):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(4)  # (N, 1, 28, 28) -> (N, 1, 7, 7)
        self.linear = nn.Linear(49, 10)  # (N, 49) -> (N, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.pool(x).flatten(1))  # (N, 1, 7, 7) -> (N, 50)


class OutOfSight(Right):
    def __init__(self) -> None:
        super().__init__()
        self.add_module("linear", nn.Linear(49, 10))  # (N, 49) -> (N, 10)
        self.pool = nn.MaxPool2d(4)  # (N, 1, 28, 28) -> (N, 1, 7, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.pool(x).flatten(1))


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (Right, []),
        (Missing, ["pool"]),
        (Wrong, ["linear"]),
        (WrongReshape, ["forward"]),
        (OutOfSight, ["linear"]),
    ],
)
def test_a_missing_or_wrong_comment_is_found(cls: type[nn.Module], names: list[str]) -> None:
    assert [complaint.split(":")[0] for complaint in wrong_comments(cls)] == names
