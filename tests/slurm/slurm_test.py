# SPDX-License-Identifier: BSD-3-Clause
"""Batch jobs on a real Slurm that this test starts: the scripts that `pipeline_app slurm` prints, as users submit them.

Ends with 77 where there is no Slurm to be had.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from cluster import Cluster, Unavailable
from results import stored

APP = Path(os.environ["MPIPE_E2E_APP"])
LONGEST = 100  # seconds; a job that takes longer hangs
SKIPPED = 77

SWEEP = """
mpipe: 1
functions:
  - {output: y, expr: "x ^ 2 + w + normal()", mapspec: "x[i], w[j] -> y[i, j]"}
  - {output: total, expr: "sum(y)"}
inputs: {x: {linspace: [0, 1, 37]}, w: {linspace: [0, 1, 5]}}
"""

# An element takes its time while there is a file of that name, and none after that.
SLOW = """
mpipe: 1
functions:
  - {output: y, command: [./element, "{x}", "GATE"], returns: number, mapspec: "x[i] -> y[i]"}
  - {output: total, expr: "sum(y)"}
inputs: {x: {arange: [0, 300, 1]}}
"""
ELEMENT = """#!/bin/sh
if [ -e "$2" ]; then sleep 0.5; fi
echo "$1.25"
"""


class JobTest(unittest.TestCase):
    cluster = None
    folder = None
    walltime_job = None

    # --- files and commands

    @classmethod
    def app(cls, *arguments, code=0):
        done = subprocess.run([APP, *map(str, arguments)], cwd=cls.folder, env=cls.cluster.environment, text=True, capture_output=True)
        if done.returncode != code:
            raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    @classmethod
    def slow_document(cls, name):
        """A document whose elements are slow while the file of its gate is there."""
        gate = cls.folder / f"{name}.gate"
        (cls.folder / f"{name}.yaml").write_text(SLOW.replace("GATE", str(gate)))
        cls.app("map", f"{name}.yaml", "--run-folder", f"{name}-reference", "--executor", "threads:4")
        gate.touch()
        return gate

    @classmethod
    def script(cls, name, *arguments):
        """A script that the program prints, in a file."""
        path = cls.folder / f"{name}.sh"
        path.write_text(cls.app("slurm", *arguments))
        return path

    @classmethod
    def submit(cls, script, *options):
        return cls.cluster.submit(script, "--output=%x-%A.out", *options, cwd=cls.folder)

    def output(self, job):
        return "".join(path.read_text() for path in self.folder.glob(f"*-{job}.out"))

    def status(self, run):
        try:
            return json.loads((self.folder / run / "status.json").read_text())
        except FileNotFoundError:
            return None

    def done(self, run):
        status = self.status(run)
        return status["outputs"]["y"]["done"] if status else 0

    def has_ended(self, job):
        return self.cluster.states(job) <= {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL"}

    def wait_until(self, condition, what, job, while_it_runs=True):
        end = time.monotonic() + LONGEST
        while not condition():
            if time.monotonic() > end or (while_it_runs and self.has_ended(job) and not condition()):
                self.fail(f"{what}: not within {LONGEST} s, or before the job ended\n{self.cluster.jobs(job)}\n{self.output(job)}\n"
                          f"{self.cluster.logs()}")
            time.sleep(0.1)

    def wait_for_end(self, job, *expected):
        self.wait_until(lambda: self.has_ended(job), "the job ends", job)
        self.assertEqual(self.cluster.states(job), set(expected), f"{self.cluster.jobs(job)}\n{self.output(job)}\n{self.cluster.logs()}")

    def expect_complete(self, run, reference):
        status = json.loads(self.app("status", run, "--json"))
        self.assertEqual((status["state"], status["exit_code"]), ("completed", 0), status)
        self.app("verify", run)
        self.assertEqual(stored(self.folder / run), stored(self.folder / reference))


class TwoNodes(JobTest):
    def test_mpirun_and_srun_with_pmix(self):
        jobs = {}
        for launcher in ("mpirun", "srun"):
            script = self.script(launcher, "sweep.yaml", "--nodes", 2, "--ntasks-per-node", 2, "--time", "5min", "--launcher", launcher,
                                 "--run-folder", f"runs/{launcher}")
            jobs[launcher] = self.submit(script)
        for launcher, job in jobs.items():
            with self.subTest(launcher=launcher):
                self.wait_for_end(job, "COMPLETED")
                self.assertIn("4 ranks on 2 hosts", self.output(job))
                self.expect_complete(f"runs/{launcher}", "reference")

    def test_srun_without_pmix_is_refused(self):
        script = self.folder / "alone.sh"
        script.write_text("#!/bin/bash\nsrun --mpi=none pipeline_app map sweep.yaml --run-folder runs/alone\n")
        job = self.submit(script, "--nodes=2", "--ntasks-per-node=2")
        self.wait_for_end(job, "FAILED")
        self.assertEqual(self.cluster.jobs(job)[0]["ExitCode"], "2:0")
        self.assertIn("srun started 4 tasks without PMIx", self.output(job))
        self.assertEqual(self.output(job).count("pipeline_app: error"), 1, self.output(job))
        self.assertFalse((self.folder / "runs/alone").exists())


class Interrupted(JobTest):
    def test_cancelled_by_scancel_it_goes_on(self):
        gate = self.slow_document("cancelled")
        script = self.script("cancelled", "cancelled.yaml", "--ntasks-per-node", 2, "--time", "5min", "--run-folder", "runs/cancelled")
        job = self.submit(script)
        self.wait_until(lambda: self.done("runs/cancelled") > 2, "elements are done", job)
        self.cluster.call("scancel", job)
        self.wait_for_end(job, "CANCELLED")
        self.wait_until(lambda: json.loads(self.app("status", "runs/cancelled", "--json"))["state"] in ("cancelled", "stale"),
                        "the run has ended", job, while_it_runs=False)
        gate.unlink()
        job = self.submit(script)
        self.wait_for_end(job, "COMPLETED")
        self.assertRegex(self.output(job), r"resuming: \d+ elements kept")
        self.expect_complete("runs/cancelled", "cancelled-reference")

    def test_walltime_drains_and_requeues(self):
        """The job was submitted when the tests began, as Slurm looks at limits every half minute only."""
        job, run = self.walltime_job, "runs/walltime"
        self.wait_until(lambda: self.cluster.has_requeued(job), "Slurm has taken the job back", job)
        status = self.status(run)
        self.assertEqual((status["state"], status["exit_code"]), ("drained", 75), status)
        kept = status["outputs"]["y"]["done"]
        self.assertTrue(0 < kept < 300, status)
        (self.folder / "walltime.gate").unlink()
        # It would begin again in two minutes, since the node refuses it within the second in which it was taken back.
        self.cluster.call("scontrol", "update", f"JobId={job}", "StartTime=now+2")
        self.wait_for_end(job, "COMPLETED")
        self.assertIn(f"resuming: {kept} elements kept", self.output(job))
        self.expect_complete(run, "walltime-reference")


class Array(JobTest):
    def test_four_shards_are_merged(self):
        script = self.script("array", "sweep.yaml", "--time", "5min", "--array", 4, "--requeue", "--run-folder", "runs/array", "--",
                             "--output=%x-%A.out")
        said = self.cluster.call("bash", script, cwd=self.folder)
        array, merge = [word for word in said.replace(";", " ").split() if word.isdigit()]
        self.wait_for_end(merge, "COMPLETED")
        self.assertEqual(len(self.cluster.jobs(array)), 4)
        self.assertEqual(self.cluster.states(array), {"COMPLETED"})
        for shard in range(1, 5):
            description = json.loads((self.folder / f"runs/array.shards/{shard}/run.json").read_text())
            self.assertEqual(description["shard"], f"{shard}/4")
        self.assertIn("merged 4 runs into runs/array: 185 elements", self.output(merge))
        self.expect_complete("runs/array", "reference")


def set_up(folder, cluster):
    """What all tests use, and the job that takes longest."""
    environment = cluster.environment
    environment["PATH"] = f"{APP.parent}:{environment['PATH']}"
    # Both nodes are this host, which messages through shared memory would not know.
    environment["OMPI_MCA_btl"] = "self,tcp"
    JobTest.cluster, JobTest.folder = cluster, folder
    (folder / "sweep.yaml").write_text(SWEEP)
    (folder / "element").write_text(ELEMENT)
    (folder / "element").chmod(0o755)
    JobTest.app("map", "sweep.yaml", "--run-folder", "reference")
    JobTest.slow_document("walltime")
    # The shortest limit that Slurm has. It warns when there are 20 s left, or up to half a minute earlier.
    script = JobTest.script("walltime", "walltime.yaml", "--ntasks-per-node", 2, "--time", "5min", "--requeue", "--run-folder", "runs/walltime")
    JobTest.walltime_job = JobTest.submit(script, "--time=1", "--signal=B:USR1@20")


def main():
    folder = Path(tempfile.mkdtemp(prefix="mpipe-slurm-"))
    (folder / "slurm").mkdir()
    (folder / "jobs").mkdir()
    cluster = Cluster(folder / "slurm")
    try:
        cluster.start()
        set_up(folder / "jobs", cluster)
        return 0 if unittest.main(exit=False, verbosity=2).result.wasSuccessful() else 1
    except Unavailable as reason:
        print(f"skipped, as there is no Slurm to be had: {reason}", file=sys.stderr)
        return SKIPPED
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
