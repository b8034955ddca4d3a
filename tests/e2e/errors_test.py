# SPDX-License-Identifier: BSD-3-Clause
"""What is kept of elements that failed: `errors` tells it, `replay` calls one of them again."""
import os
import unittest

from support import AppTest

SWEEP = """
mpipe: 1
functions:
  - {output: z, expr: "x * 10 + y + random()", mapspec: "x[i], y[j] -> z[i, j]"}
  - {output: pair, expr: "z * arange(3)", mapspec: "z[i, j] -> pair[i, j, k]", internal_shape: 3}
  - {output: r, expr: "fail_if((x == 2) * bad, z)", mapspec: "x[i], z[i, j] -> r[i, j]"}
  - {output: total, expr: "sum(r)", mapspec: "r[i, :] -> total[i]"}
  - {output: top, expr: "max(z)"}
inputs:
  x: [1, 2, 3]
  y: {linspace: [0, 1, 5]}
  bad: 1
map: {run_folder: run, error_handling: continue, seed: 7}
"""


class Errors(AppTest):
    def setUp(self):
        super().setUp()
        self.write("sweep.yaml", SWEEP)

    def errors(self, *arguments):
        return self.app("errors", "run", "--json", *arguments).json

    def test_failed_elements_are_told_with_their_causes(self):
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                self.app("map", "sweep.yaml", "--overwrite", ranks=ranks, expect=1)
                told = self.errors()
                self.assertEqual(told["failed"], 5)
                self.assertEqual([error["index"] for error in told["errors"]], [[1, j] for j in range(5)])
                first = told["errors"][0]
                self.assertEqual(first["output"], "r")
                self.assertIn("x=2", first["arguments"])
                self.assertEqual(first["random"], {"seed": 7, "output": "r", "element": 5})
                self.assertRegex(first["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
                text = self.app("errors", "run", ranks=ranks).out
                for word in ("5 elements failed", "r[1, 0]", "replay run --output r --index 1,0"):
                    self.assertIn(word, text)

    def test_what_was_mended_is_told_no_more(self):
        self.app("map", "sweep.yaml", expect=1)
        # The input is a value of the run, so that it takes another function to mend it.
        self.write("sweep.yaml", (self.folder / "sweep.yaml").read_text().replace("fail_if((x == 2) * bad, z)",
                                                                                 "z + 0 * bad + 0 * x"))
        self.app("map", "sweep.yaml", "--resume", "--redo", "r")
        self.assertEqual((self.errors()["failed"], self.errors()["errors"]), (0, []))

    def test_under_raise_the_element_that_ended_the_run_is_told(self):
        self.app("map", "sweep.yaml", "--error-handling", "raise", ranks=2, expect=1)
        told = self.errors()
        self.assertIn(told["errors"][0]["index"], [[1, j] for j in range(5)])
        self.assertIn("function 'r' failed", told["message"])

    def test_a_run_without_failures_leaves_no_file(self):
        self.app("map", "sweep.yaml", "--set", "bad=0")
        self.assertFalse((self.folder / "run/errors").exists())
        self.assertEqual(self.errors(), {"run_folder": "run", "failed": 0, "message": "", "errors": []})
        self.refused("errors", "none", code=3, words=["none"])

    def test_overwrite_removes_what_was_noted(self):
        self.app("map", "sweep.yaml", expect=1)
        self.assertTrue((self.folder / "run/errors/failures.jsonl").exists())
        self.app("map", "sweep.yaml", "--overwrite", "--set", "bad=0")
        self.assertFalse((self.folder / "run/errors").exists())


class Replay(AppTest):
    def setUp(self):
        super().setUp()
        self.write("sweep.yaml", SWEEP)
        self.app("map", "sweep.yaml", ranks=2, expect=1)

    def data(self, output, *arguments):
        return self.app("replay", "run", "--output", output, *arguments, "--json").json["outputs"][output]["data"]

    def test_gives_the_bytes_that_were_stored(self):
        shown = {name: output["data"] for name, output in self.app("show", "run", "--json").json["outputs"].items()}
        self.assertEqual(self.data("z", "--index", "1,3"), shown["z"][1][3])
        self.assertEqual(self.data("pair", "--index", "2,4"), shown["pair"][2][4])
        self.assertEqual(self.data("total", "--index", "2"), shown["total"][2])
        self.assertEqual(self.data("top"), shown["top"])
        self.assertEqual(self.app("replay", "run", "--output", "top").out, f"top = {shown['top']}\n")

    def test_from_any_folder(self):
        (self.folder / "elsewhere").mkdir()
        outcome = self.app("replay", "../run", "--output", "r", "--index", "0,0",
                           before=["env", "-C", str(self.folder / "elsewhere")])
        self.assertRegex(outcome.out, r"^r\[0, 0\] = \d")

    def test_fails_as_the_element_did(self):
        outcome = self.refused("replay", "run", "--output", "r", "--index", "1,2", code=1, words=["r[1, 2]", "x=2"])
        error = next(e for e in self.app("errors", "run", "--json").json["errors"] if e["index"] == [1, 2])
        self.assertIn(error["message"], outcome.err)
        self.assertIn(error["arguments"], outcome.err)

    def test_what_cannot_be_is_refused(self):
        for arguments, code, words in (
                (("--output", "nil"), 2, ["'nil'"]),
                (("--output", "z"), 2, ["[i, j]", "--index"]),
                (("--output", "z", "--index", "0,5"), 2, ["'j'", "0 to 4"]),
                (("--output", "z", "--index", "-1,0"), 2, []),
                (("--output", "total", "--index", "1"), 2, ["r[1, 0]", "failed"]),
                (("--output", "z", "--index", "0,0", "--set", "x=[1, 2, 4]"), 3, ["'x'", "[1, 2, 3]", "--set"])):
            with self.subTest(arguments=arguments):
                self.refused("replay", "run", *arguments, code=code, words=words)

    def test_within_a_debugger(self):
        (self.folder / "bin").mkdir()
        self.write("bin/gdb", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
        os.chmod(self.folder / "bin/gdb", 0o755)
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        said = self.app("replay", "run", "--gdb", "--output", "z", "--index", "0,1", env=environment).out.splitlines()
        self.assertEqual(said[0], "--args")
        self.assertEqual(os.path.basename(said[1]), "pipeline_app")
        self.assertEqual(said[2:], ["replay", "run", "--output", "z", "--index", "0,1"])


if __name__ == "__main__":
    unittest.main()
