# SPDX-License-Identifier: BSD-3-Clause
"""What the end-to-end tests have in common: a folder of their own, and the program under test."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

APP = os.environ["MPIPE_E2E_APP"]
MPIEXEC = os.environ["MPIPE_E2E_MPIEXEC"]
PLUGINS = os.environ["MPIPE_E2E_PLUGINS"]
LONGEST = 150  # seconds; a command that takes longer hangs, on a busy machine too

GRID = """
mpipe: 1
functions:
  - {output: z, expr: "x * 10 + y", mapspec: "x[i], y[j] -> z[i, j]"}
  - {output: total, expr: "sum(z)", mapspec: "z[i, :] -> total[i]"}
  - {output: top, expr: "max(total)"}
inputs:
  x: [1, 2, 3]
  y: {linspace: [0, 1, 5]}
"""


def launcher(ranks):
    """What goes before the program: nothing for 0 ranks, which is the program without a launcher."""
    if ranks == 0:
        return []
    return [MPIEXEC, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]


def children_of(pid):
    """Processes that were started by `pid`, and their children. (mpirun's ranks have process groups of their own.)"""
    children = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if entry.name.isdigit() and int(fields[1]) == pid and fields[0] != "Z":
                children += [int(entry.name), *children_of(int(entry.name))]
        except (OSError, IndexError):
            pass  # no process, or one that has just ended
    return children


class Outcome:
    """How a command ended, and what it said."""

    def __init__(self, code, out, err):
        self.code, self.out = code, out
        self.said = err
        # mpirun's own remark on a non-zero exit code stands between lines of dashes.
        self.err = re.sub(r"^-{20,}\n.*?^-{20,}\n", "", err, flags=re.S | re.M)

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def errors(self):
        """The messages, one each; the lines of one are not told apart."""
        return [message for message in re.split(r"^(?=pipeline_app: )", self.err, flags=re.M)
                if message.startswith("pipeline_app: error: ")]

    def __repr__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.said}"


class AppTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mpipe-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.running = []
        self.addCleanup(self.end_all)

    # --- files

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
        return name

    def tree(self, folder=None):
        """Names of everything below a folder."""
        folder = Path(folder or self.folder)
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

    def status_file(self, run):
        return json.loads((self.folder / run / "status.json").read_text())

    # --- commands

    def environment(self, changes=None):
        own = {key: value for key, value in os.environ.items() if not key.startswith(("MPIPE_", "SLURM_"))}
        own["MPIPE_PLUGIN_PATH"] = PLUGINS
        own.update(changes or {})
        return own

    def start(self, *arguments, ranks=0, env=None, before=(), each=()):
        """Starts the program: `before` runs the launcher, `each` the program of each rank."""
        command = [*before, *launcher(ranks), *each, APP, *map(str, arguments)]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment(env), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.running.append(process)
        return process

    def finish(self, process):
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            self.kill_9(process)
            self.fail(f"no end within {LONGEST} s: {process.args}")
        return Outcome(process.returncode, out, err)

    def app(self, *arguments, ranks=0, env=None, before=(), each=(), expect=0):
        outcome = self.finish(self.start(*arguments, ranks=ranks, env=env, before=before, each=each))
        if expect is not None:
            self.assertEqual(outcome.code, expect, outcome)
        return outcome

    def kill_9(self, process):
        """Everything at once: the launcher and all ranks."""
        pids = [process.pid, *children_of(process.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()

    def end_all(self):
        for process in self.running:
            if process.poll() is None:
                self.kill_9(process)

    def refused(self, *arguments, code=2, words=(), **options):
        """One message with these words, nothing on standard output, nothing new in the folder."""
        before = self.tree()
        # mpirun kills what is left of a job whose exit code is not 0 at once, not after a second.
        options["env"] = {"OMPI_MCA_odls_base_sigkill_timeout": "0", **options.get("env", {})}
        outcome = self.app(*arguments, expect=code, **options)
        self.assertEqual(outcome.out, "", outcome)
        self.assertEqual(outcome.errors, [outcome.err], outcome)
        for word in words:
            self.assertIn(word, outcome.err, outcome)
        self.assertEqual(self.tree(), before, outcome)
        return outcome

    def wait_until(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.02)
        self.fail(f"{what}: not within {seconds} s")
