# SPDX-License-Identifier: BSD-3-Clause
"""Bad input: one clear message, the right exit code, nothing half-made left, no hang, on any number of ranks."""
import os
import subprocess
import unittest

from support import GRID, PLUGINS, AppTest

RANKS = (0, 1, 2, 3)


def document(functions, inputs="{}", more=""):
    return f"mpipe: 1\nfunctions:\n{functions}\ninputs: {inputs}\n{more}"


SQUARE = '  - {output: y, expr: "x^2", mapspec: "x[i] -> y[i]"}'

# name: (document, words of the message)
DOCUMENTS = {
    "wrong mapspec": (document('  - {output: y, expr: "x", mapspec: "x[i -> y[i]"}', "{x: [1]}"), ["bad.yaml:3:", "mapspec"]),
    "mapspec with an axis too many": (
        document('  - {output: y, expr: "x", mapspec: "x[i, j] -> y[i]"}', "{x: [1]}"), ["bad.yaml:3:", "j"]),
    "unknown name in an expression": (document('  - {output: y, expr: "x + f(x)"}', "{x: 1}"), ["bad.yaml:3:", "f"]),
    "missing input": (document(SQUARE), ["x"]),
    "input that nobody takes": (document(SQUARE, "{x: [1], xx: 2}"), ["bad.yaml:4:", "xx"]),
    "unknown key": (document('  - {output: y, expr: "x", mapspek: "x[i] -> y[i]"}', "{x: 1}"),
                    ["bad.yaml:3:", "mapspek", "mapspec"]),
    "doubled key": (document('  - {output: y, output: z, expr: "x"}', "{x: 1}"), ["bad.yaml:3:", "output"]),
    "type mismatch on an edge": (
        document('  - {output: w, plugin: libe2e_functions.so, function: word}\n  - {output: y, expr: "w + 1"}', "{k: 1}"),
        ["w", "str"]),
    "zip of different lengths": (
        document('  - {output: z, expr: "x + y", mapspec: "x[i], y[i] -> z[i]"}', "{x: [1, 2], y: [1, 2, 3]}"), ["2", "3"]),
    "wrong rank": (document(SQUARE, "{x: {data: [[1, 2], [3, 4]]}}"), ["x"]),
    "not an array": (document(SQUARE, "{x: 5}"), ["x"]),
    "cycle": (document('  - {output: a, expr: "b"}\n  - {output: b, expr: "a"}'), ["a", "b"]),
    "two of one name": (document('  - {output: a, expr: "x"}\n  - {output: a, expr: "x"}', "{x: 1}"), ["a"]),
    "missing file": (document(SQUARE, "{x: {csv: none.csv, column: x}}"), ["bad.yaml:4:", "none.csv"]),
    "huge size": (document(SQUARE, "{x: {linspace: [0, 1, 1000000000000000000]}}"), ["bad.yaml:4:"]),
    "plugin that is not there": (
        document("  - {output: y, plugin: libnone.so, function: f}", "{x: 1}"), ["bad.yaml:3:", "libnone.so"]),
    "plugin that is no library": (
        document("  - {output: y, plugin: ./bad.yaml, function: f}", "{x: 1}"), ["bad.yaml:3:"]),
    "plugin without that function": (
        document("  - {output: y, plugin: libe2e_functions.so, function: qube}", "{k: 1}"), ["bad.yaml:3:", "qube", "cube"]),
    "plugin of another ABI": (
        document("  - {output: y, plugin: libe2e_other_abi.so, function: f}", "{x: 1}"), ["bad.yaml:3:", "mpipe-plugin-999"]),
    "plugin that throws": (document("  - {output: y, plugin: libe2e_throws_on_load.so, function: f}", "{x: 1}"),
                           ["bad.yaml:3:", "the licence server is away"]),
    "no YAML": ("mpipe: 1\nfunctions: [\n", ["bad.yaml:"]),
    "other version": ('mpipe: 2\nfunctions: [{output: y, expr: "1"}]\n', ["bad.yaml:1:", "2"]),
    "empty": ("", ["bad.yaml"]),
    "nothing to do": ("mpipe: 1\nfunctions: []\n", ["bad.yaml"]),
    "binary": (b"\x7fELF\x00\x01\x02\xff\xfe" * 100, ["bad.yaml"]),
    "10^5 brackets": ("mpipe: 1\ninputs: {x: " + "[" * 100000 + "]" * 100000 + "}\n", ["bad.yaml"]),
    "10^5 open brackets": ("[" * 100000, ["bad.yaml"]),
}


class BadInput(AppTest):
    def check(self, name, text, words, all_ranks=RANKS):
        self.write("bad.yaml", text)
        for ranks in all_ranks:
            with self.subTest(name=name, ranks=ranks):
                self.refused("map", "bad.yaml", "--run-folder", "run", "--json", ranks=ranks, words=words)

    def test_100_megabytes(self):
        self.check("100 MB", "# " + "x" * 100_000_000 + "\nmpipe: 1\n", ["bad.yaml", "16"])

    def test_a_folder(self):
        (self.folder / "doc").mkdir()
        for ranks in RANKS:
            self.refused("map", "doc", "--run-folder", "run", ranks=ranks, words=["doc"])

    def test_absent(self):
        for ranks in RANKS:
            self.refused("map", "none.yaml", "--run-folder", "run", ranks=ranks, words=["none.yaml"])

    def test_set(self):
        self.write("grid.yaml", GRID)
        for assignment, words in (("x", ["x"]), ("x=[1", ["--set"]), ("q=1", ["q"]), ("x=5", ["x"]), ("x={linspace: 3}", ["--set"])):
            for ranks in (0, 3):
                self.refused("map", "grid.yaml", "--set", assignment, ranks=ranks, words=words)
        self.refused("map", "grid.yaml", "--inputs", "none.yaml", words=["none.yaml"])

    def test_a_plugin_that_only_some_ranks_can_load(self):
        """As on a cluster where a node does not see the folder of the plugins."""
        self.write("doc.yaml", document("  - {output: y, plugin: libe2e_functions.so, function: cube}", "{k: 2}"))
        self.write("start.sh", f'[ "$OMPI_COMM_WORLD_RANK" = 2 ] && unset MPIPE_PLUGIN_PATH\nexec "$@"\n')
        from support import APP, launcher
        process = subprocess.Popen([*launcher(3), "sh", "start.sh", APP, "map", "doc.yaml", "--json"], cwd=self.folder, text=True,
                                   env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.running.append(process)
        outcome = self.finish(process)
        self.assertEqual((outcome.code, outcome.out), (2, ""), outcome)
        self.assertEqual(len(outcome.errors), 1, outcome)
        self.assertIn("rank 2", outcome.err)
        self.assertTrue(os.path.isdir(PLUGINS))

    def test_several_tasks_without_pmix(self):
        self.write("grid.yaml", GRID)
        task = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_NTASKS": "4"}
        self.refused("map", "grid.yaml", "--run-folder", "run", env={**task, "SLURM_PROCID": "0"}, words=["--mpi=pmix"])
        silent = self.app("map", "grid.yaml", "--run-folder", "run", env={**task, "SLURM_PROCID": "2"})
        self.assertEqual((silent.out, silent.err), ("", ""))
        self.assertEqual(self.tree(), ["grid.yaml"])


def add_case(name, text, words, all_ranks):
    setattr(BadInput, "test_document_" + name.replace(" ", "_"), lambda self: self.check(name, text, words, all_ranks))


# Every document without a launcher and on 3 ranks, and on 1 and 2 in turn, as starting mpirun takes a second.
for number, (case, (contents, expected)) in enumerate(DOCUMENTS.items()):
    add_case(case, contents, expected, ((0, 3), (0, 1, 3), (0, 2, 3))[number % 3])

if __name__ == "__main__":
    unittest.main()
