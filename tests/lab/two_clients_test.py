# SPDX-License-Identifier: BSD-3-Clause
"""Runs on two hosts whose file system shows one of them late what the other wrote, as NFS and others do.

The hosts are two mounts of one directory by an example program of libfuse that keeps writes in a cache of each mount. Ranks
see one or the other under the same path, in mount namespaces of their own.
"""
import gzip
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

APP = os.environ["MPIPE_E2E_APP"]
MPIEXEC = os.environ["MPIPE_E2E_MPIEXEC"]
SOURCE = pathlib.Path("/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c")
# Blocks of a length that no page ends with, so that pages hold values of both clients.
SWEEP = """
mpipe: 1
functions:
  - {output: y, expr: "sin(x) + 2", mapspec: "x[i] -> y[i]"}
  - {output: z, expr: "y * 3", mapspec: "y[i] -> z[i]"}
  - {output: total, expr: "sum(z)"}
inputs:
  x: {linspace: [0, 100, 1000000]}
map: {chunksizes: {"": 10007}}
"""
RANK = """#!/bin/sh
client={a}
[ "${{OMPI_COMM_WORLD_RANK:-0}}" -ge 2 ] && client={b}
exec unshare -m sh -c 'mount --make-rprivate / && mount --bind "$0" {shared} && exec "$@"' "$client" "$@"
"""


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


class TwoClients(unittest.TestCase):
    """`shared` is the directory, of which each test mounts two clients."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mpipe_clients_", dir=os.getcwd()))
        self.shared = self.folder / "shared"
        for name in ("shared", "a", "b"):
            (self.folder / name).mkdir()
        (self.folder / "sweep.yaml").write_text(SWEEP)
        rank = self.folder / "rank"
        rank.write_text(RANK.format(a=self.folder / "a", b=self.folder / "b", shared=self.shared))
        rank.chmod(0o755)
        self.mount()

    def tearDown(self):
        self.unmount()
        shutil.rmtree(self.folder)

    def mount(self):
        for client in "ab":
            subprocess.run([PROGRAM, "-o", f"source={self.shared},writeback,cache=always,timeout=0.1",
                            self.folder / client], check=True)

    def unmount(self):
        """Both clients write what they have kept."""
        for client in "ab":
            if os.path.ismount(self.folder / client):
                subprocess.run(["umount", self.folder / client], check=True)

    def start(self, *options):
        return subprocess.Popen([MPIEXEC, "--bind-to", "none", "-n", "3", self.folder / "rank", APP, "map",
                                 self.folder / "sweep.yaml", "--run-folder", self.shared / "run",
                                 "--progress", "none", *options],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def map(self, *options):
        process = self.start(*options)
        output, _ = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, output)

    def app(self, *words):
        done = subprocess.run([APP, *words], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def expect_all_right(self):
        """The folder keeps its promises and has the values of a run on one rank."""
        self.unmount()
        self.app("verify", self.shared / "run")
        self.app("map", self.folder / "sweep.yaml", "--run-folder", self.folder / "alone", "--progress", "none")
        for output in ("y", "z"):
            values = []
            for run in (self.shared / "run", self.folder / "alone"):
                self.app("show", run, output, "--npy", self.folder / "values.npy")
                values.append((self.folder / "values.npy").read_bytes())
            self.assertEqual(values[0], values[1], output)

    def test_a_run_has_all_values(self):
        self.map()
        self.expect_all_right()

    def test_a_run_that_keeps_values_in_memory_has_all(self):
        self.map("--storage", "memory")
        self.expect_all_right()

    def test_a_run_that_was_killed_has_all_values_after_a_resume(self):
        process = self.start()
        begun = time.monotonic()
        journals = self.shared / "run" / "journal"
        while process.poll() is None and not (journals.is_dir() and any(journals.iterdir())):
            self.assertLess(time.monotonic() - begun, 60)
            time.sleep(0.01)
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        # Ranks are in groups of their own; they end when their launcher is gone.
        while subprocess.run(["pgrep", "-f", str(self.shared / "run")], stdout=subprocess.DEVNULL,
                             check=False).returncode == 0:
            self.assertLess(time.monotonic() - begun, 90)
            time.sleep(0.1)
        self.map("--resume")
        self.expect_all_right()


def build_client(folder):
    """Compiles the client of the file system."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        skip("mounting takes root and /dev/fuse")
    packed = SOURCE.with_suffix(".c.gz")
    if not SOURCE.exists() and not packed.exists():
        skip(f"{SOURCE} is not there (package libfuse3-dev, with its documentation)")
    build = pathlib.Path(folder) / "client"
    shutil.copytree(SOURCE.parent, build)
    for each in build.glob("*.gz"):
        each.with_suffix("").write_bytes(gzip.decompress(each.read_bytes()))
    flags = subprocess.run(["pkg-config", "fuse3", "--cflags", "--libs"], capture_output=True, text=True, check=True)
    program = build / "passthrough"
    subprocess.run(["gcc", "-O1", "-w", build / "passthrough_ll.c", "-o", program, *flags.stdout.split()], check=True)
    mounted = build / "mounted"
    mounted.mkdir()
    if subprocess.run([program, "-o", f"source={folder}", mounted], check=False).returncode != 0:
        skip("this machine does not let the test mount a file system")
    subprocess.run(["umount", mounted], check=True)
    return program


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="mpipe_client_") as place:
        PROGRAM = build_client(place)
        unittest.main(exit=False, verbosity=2).result.wasSuccessful() or sys.exit(1)
