"""Components as a user might bring them: some good, some that are refused before the first run."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import lr_scheduler


def adam(parameters, *, lr: float = 0.001):
    return torch.optim.Adam(parameters, lr)


def halving(optimizer, span, gamma: float = 0.5):
    assert span.steps > 0
    return lr_scheduler.StepLR(optimizer, 1, gamma)


def cross_entropy(output, target, weight: float = 1):
    return weight * F.cross_entropy(output, target)


class CrossEntropy(nn.Module):
    def __init__(self, weight: float = 1):
        super().__init__()
        self.weight = weight

    def forward(self, output, target):
        return self.weight * F.cross_entropy(output, target)


def nothing(images):
    return images


class OneImage:
    """Refuses anything but a single image."""

    def __call__(self, image):
        assert image.shape == (1, 28, 28)
        return image


def black(images, black, *, generator):
    assert isinstance(generator, torch.Generator)
    return torch.zeros_like(images) + black


class Averaged(nn.Module):
    """Average each image with the one before it; a module, whose labels come by name."""

    def forward(self, images, labels, classes):
        one_hot = F.one_hot(labels, classes).float()
        return (images + images.roll(1, 0)) / 2, (one_hot + one_hot.roll(1, 0)) / 2


def without_targets(images, labels):
    return images


def wide_targets(images, labels, classes):
    return images, torch.zeros(len(images), classes + 1)


def labels_only(output, target):
    return F.nll_loss(output, target)


@torch.no_grad()
def zeros(model, *, value: float = 0):
    for parameter in model.parameters():
        parameter.fill_(value)


def a_list(*_):
    return []


def per_image_loss(output, target):
    return F.cross_entropy(output, target, reduction="none")


def smaller(images):
    return images[..., 2:, 2:]


def whole(images):
    return images.long()


def broken(optimizer):
    raise RuntimeError("the cheese is out")


def leaves(parameters):
    raise SystemExit(3)


NUMBER = 3


def muon(parameters, lr: float = 0.02):
    return torch.optim.Muon(parameters, lr)  # refuses biases


class Forgetful:
    def __init__(self, model):
        pass

    def after_step(self, model, steps):
        pass


class Counting:
    """Writes down what it is called with, in order."""

    calls = []  # noqa: RUF012

    def before_training(self, training):
        self.calls.append(("before", training.steps, training.epochs))

    def after_step(self, training):
        self.calls.append(("step", training.steps, training.epochs))

    def after_epoch(self, training):
        self.calls.append(("epoch", training.steps, training.epochs))


class Doubling:
    def after_step(self, training):
        for group in training.optimizer.param_groups:
            group["lr"] = 0.002


def plain_step(training, images, labels, *, scale: float = 1):
    training.optimizer.zero_grad(set_to_none=True)
    with training.phase("forward"):
        loss = scale * training.loss(images, labels)
    with training.phase("backward"):
        training.backward(loss)
    training.update()
    return loss


class SharpnessAware:
    """Step by the gradients where the loss is about highest, at a distance `rho`."""

    def __init__(self, rho: float = 0.05):
        self._rho = rho

    def __call__(self, training, images, labels):
        parameters = list(training.model.parameters())
        training.optimizer.zero_grad()
        with training.phase("forward"):
            loss = training.loss(images, labels)
        with training.phase("backward"):
            training.backward(loss)
        with torch.no_grad():
            gradients = [parameter.grad for parameter in parameters]
            moves = [self._rho * g / nn.utils.get_total_norm(gradients) for g in gradients]
            torch._foreach_add_(parameters, moves)
        training.optimizer.zero_grad()
        with training.phase("forward"):
            higher = training.loss(images, labels)
        with training.phase("backward"):
            training.backward(higher)
        with torch.no_grad():
            torch._foreach_sub_(parameters, moves)
        training.update()
        return loss


def idle_step(training, images, labels):
    return training.loss(images, labels)


def lossless_step(training, images, labels):
    training.update()


def misnamed_step(training, images, labels):
    with training.phase("foreward"):
        return training.loss(images, labels)


class Silent:
    pass


class Failing:
    def after_epoch(self, training):
        raise RuntimeError("too late")


def kappa(output, labels):
    """Return Cohen's kappa."""
    predicted = output.argmax(dim=1)
    agreement = (predicted == labels).double().mean()
    counts = [torch.bincount(each, minlength=output.shape[1]) for each in (predicted, labels)]
    chance = (counts[0] * counts[1]).sum() / len(labels) ** 2
    return (agreement - chance) / (1 - chance)


def drawing(output, labels):
    """Return a random number, from the stream that training uses."""
    return float(torch.rand(()))


class Scaled:
    """A metric that is an instance."""

    def __init__(self, factor: float = 2.0) -> None:
        self._factor = factor

    def __call__(self, output, labels):
        assert output.dtype == torch.float32 and not output.is_cuda and not output.requires_grad
        return self._factor * float((output.argmax(dim=1) == labels).double().mean())


def no_number(output, labels):
    return output


def not_finite(output, labels):
    return float("nan")


def fails(output, labels):
    raise RuntimeError("no metric today")


def forgetful(optimizer):
    lr_scheduler.StepLR(optimizer, 1)


class LateFailure(nn.Module):
    """A network that fails in its third step of training."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)
        self.calls = 0

    def forward(self, images):
        self.calls += self.training and len(images) > 2
        if self.calls == 3:
            raise RuntimeError("not today")
        return self.layer(images.flatten(1))
