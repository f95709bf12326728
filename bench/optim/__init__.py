"""Registries of what trains: optimizers, schedules, losses, steps, averagings and hooks.

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
    "adadelta": Entry("bench.optim.optimizers:adadelta", "Adadelta (Zeiler, 2012)"),
    "nadam": Entry("bench.optim.optimizers:nadam", "Adam with Nesterov momentum (Dozat, 2016)"),
    "radam": Entry("bench.optim.optimizers:radam", "Adam with a rectified rate (Liu et al., 2020)"),
    "adamax": Entry("bench.optim.optimizers:adamax", "Adam by the largest gradient (2015)"),
    "asgd": Entry("bench.optim.optimizers:asgd", "SGD with decaying steps (Polyak, 1992)"),
    "muon": Entry("bench.optim.muon:Muon", "orthogonal momentum, else AdamW (Jordan, 2024)"),
    "lion": Entry("bench.optim.lion:Lion", "the sign of averaged gradients (Chen et al., 2023)"),
}

SCHEDULES: Mapping[str, Entry] = {
    "constant": Entry("bench.optim.schedules:constant", "the optimizer's lr throughout"),
    "step": Entry("bench.optim.schedules:step", "multiplied by gamma every few epochs"),
    "cosine": Entry("bench.optim.schedules:cosine", "half a cosine from lr to final_lr"),
    "one_cycle": Entry("bench.optim.schedules:one_cycle", "up to max_lr and down (Smith, 2018)"),
    "linear": Entry("bench.optim.schedules:linear", "a linear warm-up, then down to final_lr"),
    "exponential": Entry("bench.optim.schedules:exponential", "multiplied by gamma over an epoch"),
    "multi_step": Entry("bench.optim.schedules:multi_step", "multiplied by gamma at fractions"),
    "warm_restarts": Entry("bench.optim.schedules:warm_restarts", "cosine decays, ever longer"),
    "plateau": Entry("bench.optim.schedules:plateau", "by gamma when the training loss stays"),
}

LOSSES: Mapping[str, Entry] = {
    "default": Entry("bench.optim.losses:default", "the network's own, else cross-entropy"),
    "cross_entropy": Entry("bench.optim.losses:cross_entropy", "of outputs as logits"),
    "nll": Entry("bench.optim.losses:nll", "of outputs as log-probabilities"),
    "square": Entry("bench.optim.losses:square", "squared distance to 1 of the label, else 0"),
}

TRAINING_STEPS: Mapping[str, Entry] = {
    "default": Entry(
        "bench.optim.training_steps:default", "forward, backward and update, each timed"
    ),
}

HOOKS: Mapping[str, Entry] = {
    "freeze": Entry("bench.optim.hooks:Freeze", "stop training the first parameters after a while"),
    "progressive_resizing": Entry(
        "bench.optim.hooks:ProgressiveResizing", "small images first (Howard, 2018)"
    ),
    "batch_growth": Entry("bench.optim.hooks:BatchGrowth", "larger batches later (Smith, 2018)"),
}

AVERAGINGS: Mapping[str, Entry] = {
    "none": Entry("bench.optim.averaging:none", "no averaging"),
    "ema": Entry("bench.optim.averaging:ema", "exponential moving average of the weights"),
    "tail": Entry("bench.optim.averaging:tail", "equal average over the last part of training"),
}
