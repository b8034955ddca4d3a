# SPDX-License-Identifier: BSD-3-Clause
"""What the program says of itself, and to those who mistype: help, page by page, and suggestions."""
import fcntl
import os
import re
import shlex
import struct
import subprocess
import termios
import unittest
from pathlib import Path

from support import APP, LONGEST, AppTest

COLUMNS = 100
GROUPS = ["Run", "Look", "Batch systems", "Start"]

# What import-pipefunc reads of a pipeline, so that pipefunc need not be there.
PIPEFUNC = """
class PipeFunc:
    def __init__(self, func):
        self.func, self.output_name, self.mapspec, self.renames = func, "lift", "alpha[j] -> lift[j]", {}
        self.parameters, self.defaults, self.bound, self.internal_shape = ("alpha",), {}, {}, None


class Pipeline:
    functions = []


def lift(alpha): return 0.1 * alpha


pipeline = Pipeline()
pipeline.functions = [PipeFunc(lift)]
"""


def headings(page):
    return re.findall(r"^(\S[^\n]*):$", page, flags=re.M)


class Help(AppTest):
    def page(self, *command):
        return self.app(*command, "--help").out

    def commands(self):
        """Names of the commands, as the help of the program lists them."""
        listing = self.page().split("\nOptions:\n")[0]
        return re.findall(r"^  ([a-z][a-z-]*)\b", listing, flags=re.M)

    def test_the_help_of_the_program_fits_a_screen(self):
        page = self.page()
        lines = page.splitlines()
        self.assertTrue(24 <= len(lines) <= 40, f"{len(lines)} lines\n{page}")
        self.assertLessEqual(max(map(len, lines)), COLUMNS, page)
        self.assertEqual(headings(page), [*GROUPS, "Options"])
        self.assertIn("Exit codes: 0 completed", page)
        for command in ("map", "show", "slurm", "init"):
            self.assertIn(command, self.commands())
        self.assertEqual(self.app("-h").out, page)

    def test_every_command_has_a_page(self):
        for command in self.commands():
            with self.subTest(command=command):
                page = self.page(command)
                self.assertTrue(page.splitlines()[2].startswith(f"Usage: pipeline_app {command}"), page)
                self.assertLessEqual(max(map(len, page.splitlines())), COLUMNS, page)
                self.assertEqual(headings(page)[-2:], ["Options", "Example"], page)
                self.assertIn("  -h, --help", page)

    def test_a_narrow_terminal_gets_narrow_lines(self):
        ours, its = os.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        process = subprocess.Popen([APP, "show", "--help"], env=self.environment(), stdout=its)
        self.running.append(process)
        self.assertEqual(process.wait(timeout=LONGEST), 0)  # the page is small, and a terminal keeps it
        page = os.read(ours, 65536).decode()
        os.close(its)
        os.close(ours)
        self.assertIn("Example:", page)
        self.assertLess(max(map(len, page.splitlines())), 60, page)
        self.assertGreater(max(map(len, self.page("show").splitlines())), 60)

    def test_options_are_in_groups(self):
        page = self.page("map")
        self.assertEqual(headings(page), ["Run folder", "Inputs and selection", "Computing", "Failures", "Limits",
                                          "What is printed", "Options", "Example"])
        # An option of the table that names no group would stand among the others.
        self.assertEqual(re.findall(r"--[a-z-]+", page.split("\nOptions:\n")[1]), ["--help", "--run-folder"])
        self.assertIn("The job", headings(self.page("slurm")))

    def test_a_page_says_what_an_option_takes(self):
        page = self.page("map")
        for text in ("--storage [OUT=]memory|hdf5|file\n", "--output OUTPUT.. ", "[MPIPE_MEMORY]"):
            self.assertIn(text, page)
        self.assertIn("Usage: pipeline_app merge RUN.. --into DIR [OPTION..]\n", self.page("merge"))
        self.assertIn("Not with --csv, --npy", self.page("show"))
        self.assertNotIn("--compress", page)

    def test_the_examples_work(self):
        examples = {command: self.page(command).split("\nExample:\n")[1].strip() for command in self.commands()}
        self.write("model.py", PIPEFUNC)
        if not (Path(APP).parents[1] / "lib/mpipe/plugins/libmpipe_python.so").exists():
            del examples["import-pipefunc"]  # the one that needs the plugin of Python
        self.example(examples.pop("init"))
        for part in (1, 2):
            self.app("map", "sweep.yaml", "--shard", f"{part}/2", "--run-folder", f"runs/part{part}")
        self.example(examples.pop("map"))
        for command, line in examples.items():
            with self.subTest(command=command):
                self.assertIn(f"pipeline_app {command} ", line)
                self.example(line)

    def example(self, line):
        words = shlex.split(line)
        ranks = int(words[2]) if words[:2] == ["mpirun", "-n"] else 0
        start = words.index("pipeline_app")
        self.assertEqual(start, 3 if ranks else 0, line)
        self.app(*words[start + 1:], ranks=ranks)

    def test_help_is_a_command_too(self):
        self.assertEqual(self.app("help").out, self.page())
        self.assertEqual(self.app("help", "map").out, self.page("map"))
        self.refused("help", "mpa", words=["Did you mean 'map'?"])
        self.refused("help", "print-page", words=["no command"])  # nobody types it


WING = """
functions:
  - {output: drag, expr: "0.02 + alpha^2 / reynolds", mapspec: "reynolds[row], alpha[column] -> drag[row, column]"}
  - {output: mean_drag, expr: "mean(drag)", mapspec: "drag[row, :] -> mean_drag[row]"}
"""


class Suggestions(AppTest):
    def setUp(self):
        super().setUp()
        self.write("wing.yaml", WING + "inputs: {reynolds: [1, 2, 3], alpha: [1, 2]}\n")

    def suggests(self, meant, *arguments, **options):
        with self.subTest(arguments=arguments):
            self.refused(*arguments, words=[f"Did you mean '{meant}'?"], **options)

    def test_commands_and_flags(self):
        for meant, *arguments in (("show", "shwo", "runs"), ("list-runs", "lst-runs", "runs"), ("--version", "--versoin"),
                                  ("--json", "map", "wing.yaml", "--jsno"), ("--storage", "map", "wing.yaml", "--storag=memory"),
                                  # What the misspelt one would have given is not what is missing.
                                  ("--into", "merge", "--itno", "x", "a"), ("--nodes", "slurm", "wing.yaml", "--node", "3")):
            self.suggests(meant, *arguments)

    def test_names_of_the_document(self):
        for option, value, meant in (("output", "drga", "drag"), ("set", "reynold=3", "reynolds"), ("fixed", "rwo=1", "row"),
                                     ("executor", "drga=threads", "drag"), ("storage", "mean_drg=memory", "mean_drag"),
                                     ("chunksizes", "drga=1", "drag"), ("isolate", "drga", "drag"), ("redo", "drga", "drag")):
            self.suggests(meant, "map", "wing.yaml", f"--{option}", value)
        self.suggests("drag", "run", "wing.yaml", "drga")
        self.suggests("alpha", "run", "wing.yaml", "drag", "--set", "alhpa=1", "--set", "alpha=1")
        self.app("map", "wing.yaml", "--run-folder", "run")
        self.suggests("mean_drag", "show", "run", "mean_darg")

    def test_choices(self):
        for option, value, meant in (("executor", "thread", "threads"), ("executor", "drag=procesess:2", "processes"), ("storage", "memroy", "memory"),
                                     ("error-handling", "contine", "continue"), ("rank0", "wrok", "work"), ("progress", "brr", "bar"),
                                     ("log-level", "wran", "warn")):
            self.suggests(meant, "map", "wing.yaml", f"--{option}", value)
            if "=" not in value:
                variable = "MPIPE_" + option.upper().replace("-", "_")
                self.suggests(meant, "map", "wing.yaml", env={variable: value})
        self.suggests("srun", "slurm", "wing.yaml", "--time", "1h", "--launcher", "srn")
        self.suggests("python", "init", "pyhton")

    def test_documents(self):
        base = "functions: [{output: drag, expr: alpha}]\ninputs: {alpha: 1}\n"
        for text, meant in (("function: []", "functions"), (base.replace("expr", "exrp"), "expr"), (base + "map: {storge: memory}", "storage"),
                            (base + "map: {storage: memry}", "memory"), (base + "map: {storage: {drga: memory}}", "drag"),
                            (base + "axes: {alhpa: i}", "alpha"), (base + "runs: [{nmae: a}]", "name"),
                            (base.replace("expr: alpha", "expr: alpha, defaults: {alhpa: 1}"), "alpha"),
                            (base.replace("expr: alpha", "expr: alpha, renames: {alhpa: b}"), "alpha"),
                            (base.replace("expr: alpha", "expr: alpha, isolation: proces"), "process"),
                            (base.replace("expr: alpha", "expr: alpha, mapspec: 'alhpa[i] -> drag[i]'"), "alpha"),
                            (base.replace("expr: alpha", "command: [echo, '{alpha}'], returns: numbr"), "number")):
            self.write("doc.yaml", text)
            self.suggests(meant, "map", "doc.yaml")

    def test_who_named_it_is_said(self):
        self.write("doc.yaml", WING + "inputs: {reynolds: [1], alpha: [2]}\nmap: {redo: [drga]}\n")
        self.refused("map", "doc.yaml", words=["error: doc.yaml:6:14: "])
        self.refused("map", "wing.yaml", env={"MPIPE_REDO": "drga"}, words=["error: MPIPE_REDO: "])


if __name__ == "__main__":
    unittest.main()
