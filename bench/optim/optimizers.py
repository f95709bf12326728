"""torch's optimizers with the parameters that a study may set.

Defaults are torch's (a test compares them): https://docs.pytorch.org/docs/stable/optim.html
`fused` updates all parameters in one kernel; otherwise torch chooses the implementation.
"""

from collections.abc import Iterable

from torch import nn, optim

from bench.registry import Fraction, NonNegativeFloat, PositiveFloat

Parameters = Iterable[nn.Parameter]


def sgd(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.001,
    momentum: Fraction = 0.0,
    nesterov: bool = False,
    weight_decay: NonNegativeFloat = 0.0,
    fused: bool = False,
) -> optim.Optimizer:
    """Return SGD."""
    return optim.SGD(
        parameters, lr, momentum, weight_decay=weight_decay, nesterov=nesterov, fused=fused or None
    )


def adam(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.001,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.0,
    fused: bool = False,
) -> optim.Optimizer:
    """Return Adam."""
    return optim.Adam(parameters, lr, (beta1, beta2), eps, weight_decay, fused=fused or None)


def adamw(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.001,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.01,
    fused: bool = False,
) -> optim.Optimizer:
    """Return AdamW."""
    return optim.AdamW(parameters, lr, (beta1, beta2), eps, weight_decay, fused=fused or None)


def rmsprop(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.01,
    alpha: Fraction = 0.99,
    eps: PositiveFloat = 1e-8,
    momentum: Fraction = 0.0,
    weight_decay: NonNegativeFloat = 0.0,
) -> optim.Optimizer:
    """Return RMSprop."""
    return optim.RMSprop(parameters, lr, alpha, eps, weight_decay, momentum)


def adagrad(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.01,
    lr_decay: NonNegativeFloat = 0.0,
    eps: PositiveFloat = 1e-10,
    weight_decay: NonNegativeFloat = 0.0,
    fused: bool = False,
) -> optim.Optimizer:
    """Return Adagrad."""
    return optim.Adagrad(parameters, lr, lr_decay, weight_decay, eps=eps, fused=fused or None)


def adadelta(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 1.0,
    rho: Fraction = 0.9,
    eps: PositiveFloat = 1e-6,
    weight_decay: NonNegativeFloat = 0.0,
) -> optim.Optimizer:
    """Return Adadelta."""
    return optim.Adadelta(parameters, lr, rho, eps, weight_decay)


def nadam(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.002,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: PositiveFloat = 1e-8,
    momentum_decay: NonNegativeFloat = 0.004,
    weight_decay: NonNegativeFloat = 0.0,
) -> optim.Optimizer:
    """Return NAdam."""
    return optim.NAdam(parameters, lr, (beta1, beta2), eps, weight_decay, momentum_decay)


def radam(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.001,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.0,
) -> optim.Optimizer:
    """Return RAdam."""
    return optim.RAdam(parameters, lr, (beta1, beta2), eps, weight_decay)


def adamax(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.002,
    beta1: Fraction = 0.9,
    beta2: Fraction = 0.999,
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.0,
) -> optim.Optimizer:
    """Return Adamax."""
    return optim.Adamax(parameters, lr, (beta1, beta2), eps, weight_decay)


def asgd(
    parameters: Parameters,
    *,
    lr: PositiveFloat = 0.01,
    lambd: NonNegativeFloat = 1e-4,
    alpha: PositiveFloat = 0.75,
    t0: NonNegativeFloat = 1e6,
    weight_decay: NonNegativeFloat = 0.0,
) -> optim.Optimizer:
    """Return SGD whose step size decays; training and evaluation use its own, last weights."""
    return optim.ASGD(parameters, lr, lambd, alpha, t0, weight_decay)
