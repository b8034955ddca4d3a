# SPDX-License-Identifier: BSD-3-Clause
"""Which folders a run may use, and what it leaves where it may not."""
import json
import os
import shutil
import socket
import subprocess
import time
import unittest

from support import APP, GRID, AppTest, launcher

RANKS = (0, 1, 2, 3)
NOBODY = 65534


class RunFolder(AppTest):
    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)

    def contents(self, folder):
        return {name: (self.folder / folder / name).read_bytes() for name in self.tree(self.folder / folder)
                if (self.folder / folder / name).is_file()}

    def test_with_a_run_is_refused(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        before = self.contents("run")
        for ranks in RANKS:
            self.refused("map", "grid.yaml", "--run-folder", "run", "--json", ranks=ranks, code=3,
                         words=["run", "--resume", "--overwrite"])
        self.assertEqual(self.contents("run"), before)

    def test_on_a_file_system_without_files_so_large_is_refused_before_anything_runs(self):
        self.write("huge.yaml", """
functions: [{output: y, expr: "x + t", mapspec: "x[i], t[j] -> y[i, j]"}]
inputs: {x: {linspace: [0, 1, 3200000]}, t: {linspace: [0, 1, 3200000]}}
""")
        try:
            with open(self.folder / "probe", "wb") as probe:
                probe.truncate(8 * 3200000**2)
            self.skipTest("this file system has files of 82 TB")
        except OSError:
            pass
        planned = self.app("map", "huge.yaml", "--run-folder", "run", "--dry-run")
        self.assertIn("warning: the results take", planned.err)
        for ranks in (0, 3):
            self.refused("map", "huge.yaml", "--run-folder", "run", ranks=ranks, code=4,
                         words=["the results take", "has no files of that size"])

    def test_that_is_a_file_is_refused(self):
        self.write("file", "text")
        for ranks, paths in ((0, ("file", "file/run")), (1, ("file",)), (2, ("file/run",)), (3, ("file",))):
            for path in paths:
                self.refused("map", "grid.yaml", "--run-folder", path, ranks=ranks, code=3, words=["file"])
        self.refused("map", "grid.yaml", "--run-folder", "file", "--overwrite", code=3, words=["file"])
        self.assertEqual((self.folder / "file").read_text(), "text")

    def test_of_something_else_is_never_touched(self):
        (self.folder / "thesis").mkdir()
        self.write("thesis/chapter.tex", "much work")
        for ranks, options in ((0, ((), ("--overwrite",), ("--resume",))), (1, ((),)), (2, ((),)), (3, (("--overwrite",),))):
            for option in options:
                self.refused("map", "grid.yaml", "--run-folder", "thesis", *option, ranks=ranks, code=3, words=["thesis"])
        self.assertEqual((self.folder / "thesis" / "chapter.tex").read_text(), "much work")

    def test_absent_or_empty_is_taken(self):
        (self.folder / "empty").mkdir()
        for ranks, path in ((0, "empty"), (3, "a/b/c"), (2, "a/d/")):
            self.app("map", "grid.yaml", "--run-folder", path, ranks=ranks)
            self.app("verify", path)

    def test_overwrite_replaces_the_run(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        for ranks in RANKS:
            self.app("map", "grid.yaml", "--run-folder", "run", "--overwrite", "--set", f"x=[{ranks}]", ranks=ranks)
            self.assertEqual(self.app("show", "run", "--json").json["outputs"]["z"]["data"][0][0], 10 * ranks)
            self.app("verify", "run")
        self.app("map", "grid.yaml", "--run-folder", "run", "--overwrite", "--storage", "file", ranks=2)
        self.assertTrue((self.folder / "run" / "elements" / "z").exists())
        self.write("run/notes.txt", "mine")
        self.app("map", "grid.yaml", "--run-folder", "run", "--overwrite")
        self.assertEqual((self.folder / "run" / "notes.txt").read_text(), "mine")

    def test_resume_of_a_complete_run_computes_nothing(self):
        for ranks in RANKS:
            run = f"run{ranks}"
            first = self.app("map", "grid.yaml", "--run-folder", run, "--json", ranks=ranks).json
            for again in (ranks, (ranks + 2) % 4):
                result = self.app("map", "grid.yaml", "--run-folder", run, "--resume", "--json", ranks=again).json
                self.assertEqual({f["calls"] for f in result["functions"].values()}, {0})
                self.assertEqual(result["outputs"], first["outputs"])
            self.app("verify", run)

    def test_resume_of_nothing_begins(self):
        result = self.app("map", "grid.yaml", "--run-folder", "run", "--resume", "--json").json
        self.assertEqual(result["functions"]["z"]["calls"], 15)

    def test_resume_of_another_run_is_refused(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        before = self.contents("run")
        self.write("other.yaml", GRID.replace("x * 10", "x * 11"))
        for ranks in (0, 3):
            for document, options, words in (("grid.yaml", ["--set", "x=[1, 2, 4]"], ["x"]), ("grid.yaml", ["--set", "x=[1, 2]"], ["z"]),
                                             ("grid.yaml", ["--seed", "9"], ["seed"]), ("other.yaml", [], ["'z'", "expr", "x * 10 + y", "x * 11 + y"])):
                self.refused("map", document, "--run-folder", "run", "--resume", *options, ranks=ranks, code=3,
                             words=["cannot resume", *words])
        self.assertEqual(self.contents("run"), before)

    def test_that_was_begun_only_is_taken(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        for name in ("run.json", "run-copy.json", "results.extents"):  # as if it had been killed at the very beginning
            os.unlink(self.folder / "run" / name)
        self.app("map", "grid.yaml", "--run-folder", "run", ranks=2)
        self.app("verify", "run")

    def test_in_use_is_refused(self):
        self.write("slow.yaml", """
mpipe: 1
functions: [{output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]"}]
inputs: {x: {arange: [0, 1000, 1]}, seconds: 0.1}
""")
        self.start("map", "slow.yaml", "--run-folder", "run")
        status = self.folder / "run" / "status.json"
        self.wait_until(status.exists, "the run has begun")
        for ranks, options in ((0, ((), ("--resume",), ("--overwrite",))), (1, ((),)), (3, (("--resume",),))):
            for option in options:
                outcome = self.app("map", "slow.yaml", "--run-folder", "run", *option, ranks=ranks, expect=3)
                self.assertEqual(len(outcome.errors), 1, outcome)
                self.assertIn("in use", outcome.err)
        self.assertEqual(self.app("status", "run", "--json", "--exit-code", expect=75).json["state"], "running")
        self.app("verify", "run")


class Place(AppTest):
    """The run folder is where the system finds it at the start, whatever becomes of names later."""
    SQUARES = """
mpipe: 1
functions: [{output: y, plugin: libe2e_functions.so, function: square_elsewhere, mapspec: "x[i] -> y[i]"}]
inputs: {x: {arange: [0, %d, 1]}, seconds: %g}
"""

    def test_is_reached_through_links(self):
        for name in ("work", "scratch/data"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "work/data").symlink_to(self.folder / "scratch/data")
        self.write("work/grid.yaml", GRID)
        self.app("map", "work/grid.yaml", "--run-folder", "scratch/run1")
        before = (self.folder / "scratch/run1/results.h5").read_bytes()
        for ranks in (0, 2):
            self.refused("map", "work/grid.yaml", "--run-folder", "work/data/../run1", ranks=ranks, code=3, words=["--resume"])
            self.app("map", "work/grid.yaml", "--run-folder", "work/data/../run1", "--resume", ranks=ranks)
            self.app("map", "work/grid.yaml", "--run-folder", f"work/data/../new{ranks}", ranks=ranks)
            self.app("verify", f"scratch/new{ranks}")
        self.assertEqual((self.folder / "scratch/run1/results.h5").read_bytes(), before)
        self.assertEqual(sorted(path.name for path in (self.folder / "work").iterdir()), ["data", "grid.yaml"])

    def test_stays_when_a_function_changes_the_working_directory(self):
        self.write("away.yaml", self.SQUARES % (5, 0))
        self.write("runs.yaml", self.SQUARES % (5, 0) + "runs: [{name: a}, {name: b}]\n")
        for ranks in RANKS:
            self.app("map", "away.yaml", "--run-folder", f"run{ranks}", ranks=ranks)
            self.app("verify", f"run{ranks}")
            self.assertEqual(self.status_file(f"run{ranks}")["state"], "completed")
            self.assertEqual(len(list((self.folder / f"run{ranks}/logs").iterdir())), max(ranks, 1))
            self.app("map", "runs.yaml", "--run-folder", f"runs{ranks}", "--max-concurrent", "2", ranks=ranks)
            for name in ("a", "b"):
                self.app("verify", f"runs{ranks}/{name}")

    def test_stays_when_a_folder_above_is_renamed(self):
        self.write("away.yaml", self.SQUARES % (40, 0.05))
        for ranks in (0, 2):
            process = self.start("map", "away.yaml", "--run-folder", "a/run", "--storage", "file" if ranks else "hdf5", ranks=ranks)
            status = self.folder / "a/run/status.json"
            self.wait_until(lambda path=status: path.exists() and json.loads(path.read_text())["outputs"]["y"]["done"] > 3, "it runs")
            (self.folder / "a").rename(self.folder / f"b{ranks}")
            (self.folder / "a/run").mkdir(parents=True)  # somebody else's
            outcome = self.finish(process)
            self.assertEqual(outcome.code, 0, outcome)
            self.assertEqual(self.tree(self.folder / "a"), ["run"])
            self.app("verify", f"b{ranks}/run")
            self.assertEqual(self.status_file(f"b{ranks}/run")["state"], "completed")
            self.assertEqual(len(list((self.folder / f"b{ranks}/run/logs").iterdir())), max(ranks, 1))
            shutil.rmtree(self.folder / "a")

    def test_needs_a_working_directory_only_when_it_is_relative(self):
        self.write("grid.yaml", GRID)
        here = self.folder / "gone"
        gone = ("bash", "-c", f'mkdir -p {here} && cd {here} && rmdir {here} && exec "$@"', "gone")
        document = self.folder / "grid.yaml"
        outcome = self.app("map", document, "--run-folder", "run", before=gone, expect=4)
        self.assertEqual(len(outcome.errors), 1, outcome)
        self.assertIn("working directory", outcome.err)
        self.app("map", document, "--run-folder", self.folder / "run", before=gone)
        for command in ("status", "show", "verify"):
            self.app(command, self.folder / "run", before=gone)
        self.app("map", document, "--json", before=gone)

    def test_of_a_rank_that_has_another_folder_there_is_refused(self):
        unshare = shutil.which("unshare")
        if os.geteuid() != 0 or unshare is None:
            self.skipTest("a mount of its own needs root and unshare")
        (self.folder / "shared").mkdir()
        self.write("grid.yaml", GRID)
        private = (f'if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then exec {unshare} -m bash -c '
                   f'"mount -t tmpfs none {self.folder}/shared && exec \\"\\$@\\"" sh "$@"; fi; exec "$@"')
        process = subprocess.Popen([*launcher(2), "bash", "-c", private, "sh", APP, "map", "grid.yaml", "--run-folder", "shared/run"],
                                   cwd=self.folder, env=self.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True)
        self.running.append(process)
        outcome = self.finish(process)
        self.assertEqual(outcome.code, 4, outcome)
        self.assertIn("not the same as on rank 0", outcome.err)
        self.assertIn("rank 1", outcome.err)


class Owner(AppTest):
    """Whose folder it is, where that cannot be asked of the kernel."""

    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)
        self.write("slow.yaml", Place.SQUARES % (1000, 0.1))

    def change_lock(self, seconds, **changes):
        """A lock as another owner would have written it, so many seconds ago."""
        path = self.folder / "run" / "lock"
        lock = {"format": "mpipe-lock", "version": 1, "host": "elsewhere", "boot_id": "b", "pid_namespace": 1, "pid": 1,
                "start_time": 1, "since": "2026-01-01T00:00:00Z", **changes}
        path.write_text(json.dumps(lock))
        os.utime(path, (time.time() - seconds,) * 2)

    def test_in_another_namespace_is_left_alone(self):
        unshare = [shutil.which("unshare"), "--pid", "--fork", "--mount-proc"]
        if unshare[0] is None or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no PID namespaces here")
        self.start("map", "slow.yaml", "--run-folder", "run", before=unshare)
        self.wait_until((self.folder / "run" / "status.json").exists, "the run has begun")
        for before in ((), unshare):
            for option in ("--resume", "--overwrite", "--take-over"):
                outcome = self.app("map", "slow.yaml", "--run-folder", "run", option, before=before, expect=3)
                self.assertIn("in use", outcome.err)
            self.assertEqual(self.app("status", "run", "--json", before=before).json["state"], "running")

    def test_that_is_silent_is_taken_over_when_that_is_asked_for(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        self.change_lock(30)
        for option in ((), ("--take-over",)):
            self.refused("map", "grid.yaml", "--run-folder", "run", "--resume", *option, code=3, words=["elsewhere", "s ago"])
        self.change_lock(3 * 3600)
        self.refused("map", "grid.yaml", "--run-folder", "run", "--resume", ranks=2, code=3, words=["180 min ago", "--take-over"])
        status = self.status_file("run") | {"state": "running", "host": "elsewhere", "boot_id": "b", "pid_namespace": 1, "pid": 1,
                                            "process_start_time": 1, "exit_code": None}
        self.write("run/status.json", json.dumps(status))
        self.assertIn("--take-over", self.app("status", "run").out)
        self.app("map", "grid.yaml", "--run-folder", "run", "--resume", "--take-over", ranks=2)
        self.assertNotIn("lock", self.tree(self.folder / "run"))

    def test_of_an_earlier_boot_and_torn_locks_are_nobodys(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        self.change_lock(100, host=socket.gethostname())
        self.app("map", "grid.yaml", "--run-folder", "run", "--resume")
        for text in ("", '{\n  "format": "mpipe-lock",\n  "ho', "\0" * 300):
            self.write("run/lock", text)
            self.app("map", "grid.yaml", "--run-folder", "run", "--resume")

    def test_that_was_killed_leaves_no_temporary_files(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        before = self.tree(self.folder / "run")
        for name in ("status.json", "lock", "run.json"):
            self.write(f"run/{name}.0123456789abcdef.tmp", "{")
        self.app("map", "grid.yaml", "--run-folder", "run", "--resume", ranks=2)
        self.assertEqual(sorted({*self.tree(self.folder / "run")} - {"logs/rank-0001.log"}), before)


class NotWritable(AppTest):
    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)
        self.before = ()
        (self.folder / "closed").mkdir()
        if os.geteuid() == 0:  # who may write everywhere
            setpriv = shutil.which("setpriv")
            if setpriv is None:
                self.skipTest("root without setpriv")
            self.before = (setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
            os.chmod(self.folder, 0o755)
            os.chmod(self.folder / "closed", 0o755)
        else:
            os.chmod(self.folder / "closed", 0o555)
            self.addCleanup(os.chmod, self.folder / "closed", 0o755)
        if subprocess.run([*self.before, APP, "--version"], capture_output=True, check=False).returncode != 0:
            self.skipTest("an unprivileged user cannot start the program here")

    def test_is_a_storage_error(self):
        for ranks, paths in ((0, ("closed", "closed/run", "closed/a/b")), (1, ("closed",)), (2, ("closed/run",)), (3, ("closed/a/b",))):
            for path in paths:
                with self.subTest(ranks=ranks, path=path):
                    self.refused("map", "grid.yaml", "--run-folder", path, "--json", ranks=ranks, code=4, before=self.before,
                                 env={"HOME": "/nonexistent", "TMPDIR": "/tmp"}, words=["closed", "ermission"])


class FullDisk(AppTest):
    """A file system of 2 MB."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("a small file system needs root")
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(self.disk)], capture_output=True, text=True,
                                 check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no small file system here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.disk)], check=False)
        self.write("big.yaml", """
mpipe: 1
functions: [{output: z, expr: "x * y", mapspec: "x[i], y[j] -> z[i, j]"}]
inputs: {x: {linspace: [0, 1, 1000]}, y: {linspace: [0, 1, 1000]}}
""")

    def test_at_the_start_stops_before_anything_runs(self):
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                self.refused("map", "big.yaml", "--run-folder", "disk/run", "--json", ranks=ranks, code=4, words=["disk/run", "o space"])
                self.assertEqual(self.tree(self.disk), [])

    def test_while_hdf5_describes_outputs_ends_in_order(self):
        """HDF5 keeps what describes hundreds of outputs until late, and must not try to write it when the process ends."""
        functions = "".join(f'  - {{output: y{k}, expr: "x + {k}", mapspec: "x[i] -> y{k}[i]"}}\n' for k in range(300))
        self.write("many.yaml", f"mpipe: 1\nfunctions:\n{functions}inputs: {{x: [1, 2, 3]}}\n")
        for size, ranks in (("100k", 0), ("200k", 2), ("300k", 0), ("350k", 2), ("500k", 0)):
            with self.subTest(size=size, ranks=ranks):
                subprocess.run(["mount", "-o", f"remount,size={size}", str(self.disk)], check=True)
                self.refused("map", "many.yaml", "--run-folder", "disk/run", "--overwrite", ranks=ranks, code=4,
                             words=["disk/run", "o space"])
        subprocess.run(["mount", "-o", "remount,size=4m", str(self.disk)], check=True)
        self.app("map", "many.yaml", "--run-folder", "disk/run", "--overwrite")
        self.app("verify", "disk/run")

    def test_leaves_an_empty_folder_empty(self):
        (self.disk / "run").mkdir()
        self.refused("map", "big.yaml", "--run-folder", "disk/run", ranks=2, code=4)
        self.app("map", "big.yaml", "--run-folder", "disk/run", "--fixed", "i=0", "--fixed", "j=0:10")
        self.app("verify", "disk/run")


if __name__ == "__main__":
    unittest.main()
