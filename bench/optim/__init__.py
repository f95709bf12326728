"""What a study may name under `optimizer`, `schedule` and `averaging`.

Left out: `lbfgs`. It calls a closure several times a step, so that neither "a step" nor
"forward, backward, optimizer" means what it means for every other entry here, and comparing
their times would mislead.
"""

from collections.abc import Mapping

from bench.registry import Entry

OPTIMIZERS: Mapping[str, Entry] = {
    "sgd": Entry("bench.optim.optimizers:sgd", "stochastic gradient descent, momentum, Nesterov"),
    "adam": Entry("bench.optim.optimizers:adam", "Adam (Kingma and Ba, 2015)"),
    "adamw": Entry("bench.optim.optimizers:adamw", "Adam, weight decay decoupled (2019)"),
    "rmsprop": Entry("bench.optim.optimizers:rmsprop", "RMSprop (Hinton, 2012)"),
    "adagrad": Entry("bench.optim.optimizers:adagrad", "Adagrad (Duchi et al., 2011)"),
}

SCHEDULES: Mapping[str, Entry] = {
    "constant": Entry("bench.optim.schedules:constant", "the optimizer's lr throughout"),
    "step": Entry("bench.optim.schedules:step", "times gamma every so many epochs"),
    "cosine": Entry("bench.optim.schedules:cosine", "half a cosine from lr to final_lr"),
    "one_cycle": Entry("bench.optim.schedules:one_cycle", "up to max_lr and down (Smith, 2018)"),
}

AVERAGINGS: Mapping[str, Entry] = {
    "none": Entry("bench.optim.averaging:none", "the weights as they are"),
    "ema": Entry("bench.optim.averaging:ema", "exponential moving average of the weights"),
    "tail": Entry("bench.optim.averaging:tail", "plain average over the last part of training"),
}
