"""Registries of optimizers, learning-rate schedules and weight averagings.

`lbfgs` is left out: it evaluates a closure several times per step, so that times of its phases and
steps would not be comparable with those of other optimizers.
"""

from collections.abc import Mapping

from bench.registry import Entry

OPTIMIZERS: Mapping[str, Entry] = {
    "sgd": Entry("bench.optim.optimizers:sgd", "stochastic gradient descent, momentum, Nesterov"),
    "adam": Entry("bench.optim.optimizers:adam", "Adam (Kingma and Ba, 2015)"),
    "adamw": Entry("bench.optim.optimizers:adamw", "Adam with decoupled weight decay (2019)"),
    "rmsprop": Entry("bench.optim.optimizers:rmsprop", "RMSprop (Hinton, 2012)"),
    "adagrad": Entry("bench.optim.optimizers:adagrad", "Adagrad (Duchi et al., 2011)"),
}

SCHEDULES: Mapping[str, Entry] = {
    "constant": Entry("bench.optim.schedules:constant", "the optimizer's lr throughout"),
    "step": Entry("bench.optim.schedules:step", "multiplied by gamma every few epochs"),
    "cosine": Entry("bench.optim.schedules:cosine", "half a cosine from lr to final_lr"),
    "one_cycle": Entry("bench.optim.schedules:one_cycle", "up to max_lr and down (Smith, 2018)"),
}

AVERAGINGS: Mapping[str, Entry] = {
    "none": Entry("bench.optim.averaging:none", "no averaging"),
    "ema": Entry("bench.optim.averaging:ema", "exponential moving average of the weights"),
    "tail": Entry("bench.optim.averaging:tail", "equal average over the last part of training"),
}
