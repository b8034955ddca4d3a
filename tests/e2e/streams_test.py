# SPDX-License-Identifier: BSD-3-Clause
"""Standard streams that are full, closed or gone: what cannot be said changes nothing else."""
import contextlib
import fcntl
import os
import re
import struct
import subprocess
import termios
import unittest

from support import APP, GRID, LONGEST, AppTest, launcher


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

    def test_codes_in_arguments_are_shown_as_text(self):
        self.write("codes.yaml", 'functions: [{output: y, command: [sh, -c, exit 1, "{word}"], returns: text, mapspec: "word[i] -> y[i]"}]\n'
                   'inputs: {word: ["\\e]0;t\\a\\u009b2J\\u202Eb"]}\n')
        failed = self.app("map", "codes.yaml", "--run-folder", "run", expect=1).err
        for seen in (failed, self.app("errors", "run").out, self.app("status", "run").out):
            self.assertNotRegex(seen, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
            self.assertIn("\\x1b]0;t\\x07\\x9b2J\\u202eb", seen)
        self.assertIn("\\u001b]0;t", self.app("errors", "run", "--json").out)

    def test_results_that_cannot_be_written_are_an_error(self):
        self.assertEqual(self.shell("$APP map grid.yaml --json >/dev/full 2>/dev/null")[0], 4)

    def on_terminal(self, *arguments, ranks=2, env=None, columns=60):
        """What appears on a terminal of that width, where mpirun is started."""
        terminal, end = os.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([*launcher(ranks), APP, "map", *arguments], cwd=self.folder, env=self.environment(env),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=end)
        self.running.append(process)
        os.close(end)
        seen = b""
        with contextlib.suppress(OSError):  # of a terminal that nobody has open any more
            while chunk := os.read(terminal, 65536):
                seen += chunk
        os.close(terminal)
        self.assertEqual(process.wait(LONGEST), 0)
        return seen.decode()

    def test_a_bar_is_drawn_on_the_terminal_of_mpirun(self):
        self.write("slow.yaml", """
mpipe: 1
functions: [{output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]"}]
inputs: {x: {arange: [0, 20, 1]}, seconds: 0.1}
""")
        for ranks in (0, 2):
            seen = self.on_terminal("slow.yaml", ranks=ranks)
            self.assertRegex(seen, r"\r\x1b\[K\x1b\[32m\[[#.]{5,}\]", repr(seen))
            bars = re.findall(r"\r\x1b\[K([^\r\n]+/20[^\r\n]+)", seen)
            self.assertTrue(all(len(re.sub(r"\x1b\[\d+m", "", bar)) < 60 for bar in bars), bars)
            self.assertNotRegex(self.on_terminal("slow.yaml", ranks=ranks, env={"NO_COLOR": "1"}, columns=20), r"\[\]|\x1b\[3")
        # Elsewhere there are lines; a bar that is asked for is as wide as COLUMNS says.
        outcome = self.app("map", "slow.yaml", ranks=2)
        self.assertNotIn("\r", outcome.said)
        for columns, bar in (("70", r"\[[#.]{5,}\]"), ("25", r"\x1b\[K +\d+ % \d+/20, [0-9.]+/s\n")):
            outcome = self.app("map", "slow.yaml", "--progress", "bar", ranks=2, env={"COLUMNS": columns})
            self.assertRegex(outcome.said, bar)
            self.assertNotIn("[]", outcome.said)


if __name__ == "__main__":
    unittest.main()
