# SPDX-License-Identifier: BSD-3-Clause
"""Which folders a run may use, and what it leaves where it may not."""
import os
import shutil
import subprocess
import unittest

from support import APP, GRID, AppTest

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

    def test_leaves_an_empty_folder_empty(self):
        (self.disk / "run").mkdir()
        self.refused("map", "big.yaml", "--run-folder", "disk/run", ranks=2, code=4)
        self.app("map", "big.yaml", "--run-folder", "disk/run", "--fixed", "i=0", "--fixed", "j=0:10")
        self.app("verify", "disk/run")


if __name__ == "__main__":
    unittest.main()
