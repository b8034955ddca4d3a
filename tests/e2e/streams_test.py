# SPDX-License-Identifier: BSD-3-Clause
"""Standard streams that are full, closed or gone: what cannot be said changes nothing else."""
import subprocess
import unittest

from support import APP, GRID, LONGEST, AppTest


class Streams(AppTest):
    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)

    def shell(self, command):
        """The exit code and standard output of a command line in which $APP is the program."""
        process = subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.environment({"APP": APP}), timeout=LONGEST,
                                 stdout=subprocess.PIPE, text=True, check=False)
        return process.returncode, process.stdout

    def completed(self, run):
        self.app("verify", run)
        self.assertEqual(self.status_file(run)["state"], "completed")

    def test_a_full_standard_error_ends_nothing(self):
        for style in ("plain", "bar"):
            code, _ = self.shell(f"$APP map grid.yaml --run-folder run-{style} --progress {style} --log-level trace 2>/dev/full")
            self.assertEqual(code, 0)
            self.completed(f"run-{style}")
        self.assertEqual(self.shell("$APP map grid.yaml --executor cloud 2>/dev/full")[0], 2)

    def test_a_reader_that_leaves_ends_nothing(self):
        code, _ = self.shell("$APP map grid.yaml --run-folder run --progress plain --log-level trace 2>&1 >/dev/null | true; "
                             "exit ${PIPESTATUS[0]}")
        self.assertEqual(code, 0)
        self.completed("run")
        code, _ = self.shell("$APP show run --json | true; exit ${PIPESTATUS[0]}")
        self.assertEqual(code, 0)

    def test_closed_streams_get_no_messages_of_others(self):
        code, _ = self.shell("$APP map grid.yaml --run-folder run --progress plain --log-level trace <&- >&- 2>&-")
        self.assertEqual(code, 0)
        self.completed("run")

    def test_codes_of_a_terminal_are_shown_as_text(self):
        self.write("codes.yaml", 'functions: [{output: y, expr: x}]\ninputs: {x: 1, "\\e[2Jz": 2}\n')
        outcome = self.app("map", "codes.yaml", expect=2)
        self.assertNotIn("\x1b", outcome.err)
        outcome = self.app("map", "codes\x1b[2J.yaml", expect=2)
        self.assertNotIn("\x1b", outcome.err)
        self.assertIn("\\x1b", outcome.err)

    def test_results_that_cannot_be_written_are_an_error(self):
        self.assertEqual(self.shell("$APP map grid.yaml --json >/dev/full 2>/dev/null")[0], 4)


if __name__ == "__main__":
    unittest.main()
