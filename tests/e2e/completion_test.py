# SPDX-License-Identifier: BSD-3-Clause
"""What is made from the table of commands: the manual page and the completions of shells, as published and as used."""
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from support import APP, LONGEST, AppTest

ROOT = Path(__file__).resolve().parents[2]
COMPLETIONS = ROOT / "apps/pipeline_app/completion"
PAGES = {"man": ROOT / "docs/man/pipeline_app.1", "bash": COMPLETIONS / "pipeline_app.bash",
         "zsh": COMPLETIONS / "_pipeline_app", "fish": COMPLETIONS / "pipeline_app.fish"}

WING = """
functions:
  - {output: drag, expr: "0.02 + alpha^2 / reynolds + offset", mapspec: "reynolds[row], alpha[column] -> drag[row, column]"}
  - {output: mean_drag, expr: "mean(drag)", mapspec: "drag[row, :] -> mean_drag[row]"}
inputs: {reynolds: [1, 2, 3], alpha: [1, 2], offset: 0}
"""

# Sourced by a shell without any settings, which then asks as bash does when somebody presses tabulator.
COMPLETE = r"""
source "$1"
shift
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_pipeline_app
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
"""


class Pages(AppTest):
    def test_they_are_what_the_program_says(self):
        for kind, path in PAGES.items():
            with self.subTest(page=kind):
                self.assertTrue(path.exists() and path.read_text() == self.app("print-page", kind).out,
                                f"{path} is not what the program says. Run this test with MPIPE_WRITE_DOCS=1 to write it anew.")
        self.refused("print-page", "mann", words=["Did you mean 'man'?"])

    def checked(self, *command, path):
        if shutil.which(command[0]) is None:
            self.skipTest(f"there is no {command[0]} here")
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
        ended = subprocess.run([*command, str(path)], env=environment, capture_output=True, text=True, timeout=LONGEST)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return ended.stdout

    def test_the_manual_page_has_no_faults(self):
        page = self.checked("man", "--warnings", "-l", path=PAGES["man"])
        for text in ("pipeline_app - pipelines", "--storage [OUT=]memory|hdf5|file", "EXIT STATUS", "MPIPE_PLUGIN_PATH"):
            self.assertIn(text, page)

    def test_bash_reads_its_completion(self):
        self.checked("bash", "-n", path=PAGES["bash"])

    def test_zsh_reads_its_completion(self):
        self.checked("zsh", "-n", path=PAGES["zsh"])

    def test_fish_reads_its_completion(self):
        self.checked("fish", "--no-execute", path=PAGES["fish"])


class Names(AppTest):
    def names(self, kind, place):
        return self.app("complete-names", kind, place).out.split()

    def test_of_a_document(self):
        self.write("wing.yaml", WING)
        self.assertEqual(self.names("outputs", "wing.yaml"), ["drag", "mean_drag"])
        self.assertEqual(self.names("inputs", "wing.yaml"), ["alpha", "offset", "reynolds"])
        self.assertEqual(self.names("axes", "wing.yaml"), ["column", "row"])

    def test_under_their_final_names(self):
        self.write("named.yaml", "functions:\n  - {output: y, expr: a + b + c, scope: s, renames: {a: x, y: z}, bound: {b: 1}}\n")
        self.assertEqual(self.names("outputs", "named.yaml"), ["s.z"])
        self.assertEqual(self.names("inputs", "named.yaml"), ["s.c", "s.x"])

    def test_of_a_run(self):
        self.write("wing.yaml", WING)
        self.app("map", "wing.yaml", "--run-folder", "run")
        self.assertEqual(self.names("outputs", "run"), ["drag", "mean_drag"])

    def test_of_a_document_that_is_being_written(self):
        self.write("half.yaml", "functions:\n  - {output: y, expr: 'x +', mapspec: 'x[i] ->'}\n  - 3\n  - output:\n  - {output: [a, b]}\ninputs:\n")
        self.assertEqual(self.names("outputs", "half.yaml"), ["a", "b", "y"])
        self.refused("complete-names", "outputs", "absent.yaml", words=["absent.yaml"])
        self.write("large.yaml", WING + "#" * (1 << 20))
        self.refused("complete-names", "outputs", "large.yaml", words=["1 MiB"])


class Bash(AppTest):
    def setUp(self):
        super().setUp()
        self.write("wing.yaml", WING)
        self.write("notes.txt", "")
        (self.folder / "runs").mkdir()

    def complete(self, *words):
        """What is offered in the place of the last of these words, which are those that bash sees."""
        ended = subprocess.run(["bash", "--norc", "--noprofile", "-c", COMPLETE, "bash", str(PAGES["bash"]), APP, *words],
                               cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=LONGEST)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return ended.stdout.splitlines()

    def test_commands_and_options(self):
        self.assertEqual(self.complete("m"), ["map", "merge"])
        self.assertTrue({"map", "show", "--help"} <= set(self.complete("")))
        self.assertNotIn("complete-names", self.complete(""))
        self.assertEqual(self.complete("map", "--sto"), ["--storage"])
        self.assertEqual(self.complete("show", "runs", "--j"), ["--json"])
        self.assertEqual(self.complete("help", "wat"), ["watch"])
        self.assertEqual(self.complete("help", "map", ""), [])

    def test_choices_and_files(self):
        self.assertEqual(self.complete("map", "wing.yaml", "--error-handling", ""), ["raise", "continue"])
        self.assertEqual(self.complete("map", "wing.yaml", "--executor", "th"), ["threads"])
        self.assertEqual(self.complete("init", "p"), ["python", "plugin"])
        self.assertEqual(sorted(self.complete("map", "")), ["runs", "wing.yaml"])
        self.assertEqual(self.complete("map", "--run-folder", ""), ["runs"])
        self.assertEqual(self.complete("map", "wing.yaml", "--inputs", "n"), ["notes.txt"])
        self.assertEqual(self.complete("map", "wing.yaml", "--seed", ""), [])
        # A flag takes no value, so what follows is an argument.
        self.assertEqual(self.complete("map", "--resume", "w"), ["wing.yaml"])

    def test_names_of_the_document(self):
        self.assertEqual(self.complete("map", "wing.yaml", "--output", ""), ["drag", "mean_drag"])
        self.assertEqual(self.complete("map", "wing.yaml", "--output", "drag", "m"), ["mean_drag"])
        self.assertEqual(self.complete("map", "--resume", "wing.yaml", "--redo", "d"), ["drag"])
        self.assertEqual(self.complete("run", "wing.yaml", "me"), ["mean_drag"])
        self.assertEqual(self.complete("run", "wing.yaml", "drag", "me"), ["mean_drag"])
        self.assertEqual(self.complete("map", "wing.yaml", "--set", "r"), ["reynolds="])
        self.assertEqual(self.complete("map", "wing.yaml", "--fixed", ""), ["column=", "row="])
        self.assertEqual(self.complete("map", "wing.yaml", "--storage", "m"), ["memory", "mean_drag="])

    def test_values_behind_an_equals_sign(self):
        # Bash sees three words in these, and puts what is offered in the place of the last one.
        self.assertEqual(self.complete("map", "wing.yaml", "--storage", "drag", "=", "m"), ["memory"])
        self.assertEqual(self.complete("map", "wing.yaml", "--storage", "drag", "="), ["memory", "hdf5", "file"])
        self.assertEqual(self.complete("map", "wing.yaml", "--error-handling", "=", "c"), ["continue"])
        self.assertEqual(self.complete("map", "wing.yaml", "--output", "=", "d"), ["drag"])

    def test_names_of_a_run(self):
        self.app("map", "wing.yaml", "--run-folder", "runs/a")
        self.assertEqual(self.complete("show", "runs/a", ""), ["drag", "mean_drag"])
        self.assertEqual(self.complete("show", "runs", ""), [])

    def test_nothing_of_a_document_runs(self):
        self.write("evil.py", "open('ran', 'w')\ndef f(x): return x\n")
        self.write("evil.yaml", """
functions:
  - {output: y, python: "./evil.py:f", mapspec: "x[i] -> y[i]"}
  - {output: "$(touch ran)", expr: x}
  - {output: "`touch ran`", expr: x}
  - {output: w, command: [touch, ran], returns: text}
  - {output: v, plugin: libe2e_throws_on_load.so, function: f}
inputs: {x: [1], "a; touch ran": 1}
""")
        self.assertEqual(self.complete("run", "evil.yaml", ""), ["v", "w", "y"])
        self.assertEqual(self.complete("map", "evil.yaml", "--set", ""), ["x="])
        self.assertEqual(self.complete("map", "$(touch ran).yaml", "--output", ""), [])
        self.assertFalse((self.folder / "ran").exists())

    def test_it_waits_for_nobody(self):
        os.mkfifo(self.folder / "pipe.yaml")
        self.assertEqual(self.complete("map", "pipe.yaml", "--output", ""), [])


def write_pages():
    for kind, path in PAGES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(subprocess.run([APP, "print-page", kind], check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    if "MPIPE_WRITE_DOCS" in os.environ:
        write_pages()
    unittest.main()
