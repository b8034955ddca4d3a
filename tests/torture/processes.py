# SPDX-License-Identifier: BSD-3-Clause
"""Runs the program, sees how far a run has come by what is in its folder, and kills it. Every wait has a bound."""
import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

APP = os.environ["MPIPE_E2E_APP"]
MPIEXEC = os.environ["MPIPE_E2E_MPIEXEC"]
PLUGINS = os.environ["MPIPE_E2E_PLUGINS"]
LONGEST = 240  # seconds; what takes longer hangs
LONGEST_END = 60  # from the death of a process to that of all others
LOOK = 0.001
JUST_NOW = 0.005


class Hang(Exception):
    """Something did not end in time."""


def environment(changes):
    own = {key: value for key, value in os.environ.items() if not key.startswith(("MPIPE_", "SLURM_"))}
    return {**own, "MPIPE_PLUGIN_PATH": PLUGINS, **changes}


def parents():
    """Who is a child of whom, without those that have ended."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    found.setdefault(int(fields[1]), []).append(int(entry))
    return found


def below(pid, by_parent):
    return [each for child in by_parent.get(pid, ()) for each in (child, *below(child, by_parent))]


def is_alive(pid):
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def rank_of(pid):
    """Of a process that a launcher has started."""
    with contextlib.suppress(OSError):
        for pair in Path("/proc", str(pid), "environ").read_bytes().split(b"\0"):
            if pair.startswith(b"OMPI_COMM_WORLD_RANK="):
                return int(pair.partition(b"=")[2])
    return None


class Run:
    """The program, started; its output goes to files, so that nobody waits for a reader."""

    def __init__(self, arguments, ranks, folder, changes):
        launcher = [MPIEXEC, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks else []
        self.ranks = ranks
        self.out, self.err = folder / "stdout", folder / "stderr"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([*launcher, APP, *map(str, arguments)], cwd=folder, env=environment(changes),
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        self.began = time.monotonic()

    def ended(self):
        return self.process.poll() is not None

    def pids(self):
        """The launcher, the ranks, and their children."""
        return [self.process.pid, *below(self.process.pid, parents())]

    def signal(self, victim, number):
        """Sends the signal to one rank, rank 0, the launcher or all. Returns who is to end."""
        by_parent = parents()
        everyone = [self.process.pid, *below(self.process.pid, by_parent)]
        ranks = {rank_of(pid): pid for pid in by_parent.get(self.process.pid, ())} if self.ranks else {}
        ranks.pop(None, None)
        others = [pid for rank, pid in sorted(ranks.items()) if rank > 0]
        chosen = {"worker": others[:1], "rank 0": [ranks[0]] if 0 in ranks else [], "launcher": [self.process.pid],
                  "group": everyone}[victim]
        for pid in chosen or [self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return everyone

    def wait(self, seconds=LONGEST):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise Hang(f"no end within {seconds} s: {' '.join(map(str, self.process.args))}") from None

    def kill_all(self, more=()):
        for pid in {*self.pids(), *more}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(LONGEST_END)

    def wait_for_all(self, everyone):
        """Until all of these have ended, also those that the launcher does not wait for. Returns whether they did so by
        themselves; a launcher that stays when all ranks are gone is ended (Open MPI 4.1's does so now and then, where a
        rank died before the end of MPI_Init)."""
        end = time.monotonic() + LONGEST_END
        while not self.ended() or any(map(is_alive, everyone)):
            if time.monotonic() > end:
                left = [pid for pid in everyone if is_alive(pid)]
                self.kill_all(left)
                if left == [self.process.pid] and self.ranks:
                    return False
                raise Hang(f"processes {left} live {LONGEST_END} s after the signal")
            time.sleep(0.01)
        return True

    def texts(self):
        return self.out.read_text(errors="replace"), self.err.read_text(errors="replace")


def command(*arguments, folder):
    """Runs a command that reads: exit code, output, errors."""
    try:
        done = subprocess.run([APP, *map(str, arguments)], cwd=folder, env=environment({}), capture_output=True,
                              timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        raise Hang(f"no end within {LONGEST} s: {arguments}") from None
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


class Watch:
    """How far runs have come since a start, by what is in their folders."""

    def __init__(self, folders):
        self.folders = folders
        self.began = time.time_ns()
        self.extents = self.extent_bytes()
        self.grew = 0.0

    def is_running(self):
        """A status of this start is there."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                if os.stat(folder / "status.json").st_mtime_ns > self.began:
                    return True
        return False

    def extent_bytes(self):
        total = 0
        for folder in self.folders:
            with contextlib.suppress(OSError):
                for entry in os.scandir(folder / "journal"):
                    total += entry.stat().st_size if entry.name.startswith("extents-") else 0
        return total

    def is_committing(self):
        """Extents were written just now."""
        before, self.extents = self.extents, self.extent_bytes()
        if self.extents > before:
            self.grew = time.monotonic()
        return time.monotonic() - self.grew < JUST_NOW

    def is_finishing(self):
        for folder in self.folders:
            with contextlib.suppress(OSError):
                if any(name.startswith("results.h5.") for name in os.listdir(folder)):
                    return True
        return False

    def share_done(self):
        """Of all elements, by status.json."""
        done = elements = 0
        for folder in self.folders:
            with contextlib.suppress(OSError, ValueError):
                for output in json.loads((folder / "status.json").read_text())["outputs"].values():
                    done += output["done"] + output["failed"] + output["blocked"]
                    elements += output["elements"] or 0
        return done / elements if elements else 0

    def phase(self):
        """Now, as far as it can be told."""
        if not self.is_running():
            return "creating"
        if self.is_finishing() or self.share_done() >= 1:
            return "finishing"
        return "committing" if self.is_committing() else "running"
