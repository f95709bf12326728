"""Networks that misbehave, each in its own way, as a user might bring them."""

import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import nn


class Plain(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.Linear(width, 10))

    def forward(self, x):
        return self.net(x)


class InTraining(Plain):
    """Behaves until it is trained on a whole batch."""

    def forward(self, x):
        if self.training and len(x) > 2:
            self.misbehave(x)
        return super().forward(x)


class Raises(InTraining):
    def misbehave(self, x):
        raise RuntimeError("the third weight\nis made of cheese")


class Dies(InTraining):
    def misbehave(self, x):
        os.kill(os.getpid(), signal.SIGSEGV)


class Killed(InTraining):
    def misbehave(self, x):
        os.kill(os.getpid(), signal.SIGKILL)


class Stammers(InTraining):
    """Ends in the middle of what it says to whoever listens."""

    def misbehave(self, x):
        for sender in gc.get_objects():
            if isinstance(sender, Connection) and sender.writable:
                os.write(sender.fileno(), b"\0\0\1\0abc")
        os._exit(8)


class Leaves(InTraining):
    def misbehave(self, x):
        os._exit(7)


class Hangs(InTraining):
    def misbehave(self, x):
        signal.pause()


class Litters(InTraining):
    """Starts a process, tells its number, and leaves it behind."""

    def __init__(self, reported: str = ""):
        super().__init__()
        self.reported = reported

    def misbehave(self, x):
        child = subprocess.Popen(["sleep", "600"])
        Path(f"{self.reported}.parent").write_text(str(os.getpid()))
        Path(self.reported).write_text(str(child.pid))


class Forks(Litters):
    """Starts a process, tells its number, and then hangs."""

    def misbehave(self, x):
        super().misbehave(x)
        signal.pause()


class Meets(InTraining):
    """Goes on only once another one is here; tells its cores."""

    def __init__(self, folder: str = ""):
        super().__init__()
        self.folder = folder

    def misbehave(self, x):
        here = Path(self.folder)
        (here / f"{os.getpid()}.here").write_text(json.dumps(sorted(os.sched_getaffinity(0))))
        started = time.monotonic()
        while len(list(here.glob("*.here"))) < 2:
            if time.monotonic() - started > 30:
                raise RuntimeError("nobody came")
            time.sleep(0.02)


class MustBeAlone(InTraining):
    """Raises where another one is here."""

    def __init__(self, folder: str = ""):
        super().__init__()
        self.folder = folder

    def misbehave(self, x):
        mine = Path(self.folder) / "busy"
        try:
            mine.mkdir()
        except FileExistsError:
            raise RuntimeError("another one is here") from None
        time.sleep(0.05)
        mine.rmdir()


class Greedy(InTraining):
    """Asks for more memory than its process may have."""

    def misbehave(self, x):
        resource.setrlimit(resource.RLIMIT_AS, (2**35, 2**35))
        torch.empty(2**36, dtype=torch.uint8)


class NeverEnds(Plain):
    """Steps on for ever."""

    def forward(self, x):
        time.sleep(0.01)
        return super().forward(x)


class Starves(InTraining):
    def misbehave(self, x):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


class NotANumber(Plain):
    def forward(self, x):
        return super().forward(x) * float("nan")


class OwnLoss(Plain):
    def loss(self, output, target):
        return output.mean()


class WrongShape(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x.flatten(1)[:, :7] * self.weight


class NoParameters(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :10]


class AllFrozen(Plain):
    def __init__(self):
        super().__init__()
        self.requires_grad_(False)


class CutOff(Plain):
    def forward(self, x):
        return super().forward(x).detach()


class BadLoss(Plain):
    def loss(self, output, target):
        raise TypeError("no such loss")


class Lazy(nn.Module):
    """Has layers that take their shapes from the first images."""

    def __init__(self):
        super().__init__()
        self.conv = nn.LazyConv2d(2, 5, stride=5)
        self.norm = nn.LazyBatchNorm2d()
        self.fc = nn.LazyLinear(10)

    def forward(self, x):
        return self.fc(self.norm(self.conv(x)).flatten(1))


class NotANetwork:
    pass


class CannotBeBuilt(nn.Module):
    def __init__(self):
        raise ValueError("no such wire")


class KillsItsWorkerOnce(InTraining):
    """Kills the process that forked its server: on a cluster, the engine's worker."""

    def __init__(self, folder: str = ""):
        super().__init__()
        self.folder = folder

    def misbehave(self, x):
        done = Path(self.folder) / "killed"
        if not done.exists():
            done.touch()
            server = Path(f"/proc/{os.getppid()}/stat").read_text()
            os.kill(int(server.rpartition(")")[2].split()[1]), signal.SIGKILL)
            signal.pause()


class WaitsForRelease(InTraining):
    """Tells its number, and goes on once it is released."""

    def __init__(self, folder: str = ""):
        super().__init__()
        self.folder = folder

    def misbehave(self, x):
        (Path(self.folder) / f"{os.getpid()}.pid").write_text(str(os.getpid()))
        while not (Path(self.folder) / "released").exists():
            time.sleep(0.02)


class Marks(Plain):
    """Appends when each forward pass began and ended, and the states of other members meanwhile,
    to a file of its process."""

    def __init__(self, folder: str = ""):
        super().__init__()
        self.folder = folder

    def forward(self, x):
        begun_s = time.monotonic()
        output = super().forward(x)
        if self.training and len(x) > 2:
            mark = {"begun_s": begun_s, "ended_s": time.monotonic(), "others": self._others()}
            with (Path(self.folder) / f"{os.getpid()}.marks").open("a") as file:
                file.write(json.dumps(mark) + "\n")
        return output

    def _others(self):
        """Return the states of other members that have marked something."""
        states = {}
        for path in Path(self.folder).glob("*.marks"):
            if path.stem != str(os.getpid()):
                try:
                    status = Path(f"/proc/{path.stem}/stat").read_text()
                except FileNotFoundError:
                    status = ") gone"
                states[path.stem] = status.rpartition(")")[2].split()[0]
        return states


class MisbehavesInOne(Marks):
    """Marks its steps; the first of the processes to take `step` steps misbehaves."""

    def __init__(self, folder: str = "", how: str = "raise", step: int = 1):
        super().__init__(folder)
        self.how = how
        self.step = step
        self.taken = 0

    def forward(self, x):
        output = super().forward(x)
        if self.training and len(x) > 2:
            self.taken += 1
            if self.taken == self.step and self._is_first():
                return self._misbehave(output)
        return output

    def _is_first(self):
        try:
            (Path(self.folder) / "first").mkdir()
        except FileExistsError:
            return False
        return True

    def _misbehave(self, output):
        match self.how:
            case "raise":
                raise RuntimeError("one step too many")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                signal.pause()
            case "diverge":
                self.register_parameter("bias", nn.Parameter(torch.tensor(float("nan"))))
        return output * self.bias


class KillsASibling(Marks):
    """Kills a member that waits for its turn, once all have started."""

    def __init__(self, folder: str = "", members: int = 2):
        super().__init__(folder)
        self.members = members

    def forward(self, x):
        output = super().forward(x)
        here = Path(self.folder)
        others = [path.stem for path in here.glob("*.marks") if path.stem != str(os.getpid())]
        if len(others) == self.members - 1 and not (here / "victim").exists():
            (here / "victim").write_text(others[0])
            os.kill(int(others[0]), signal.SIGKILL)
        return output


class Exits(InTraining):
    def misbehave(self, x):
        raise SystemExit(3)


class Prints(InTraining):
    def misbehave(self, x):
        sys.stdout.write("a step\n")
