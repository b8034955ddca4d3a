# SPDX-License-Identifier: BSD-3-Clause
"""The options of `map`: what each does, who goes before whom, and what is refused as not there yet."""
import json
import unittest

import numpy

from support import GRID, AppTest


class Options(AppTest):
    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)

    def map(self, *arguments, **options):
        return self.app("map", "grid.yaml", "--json", *arguments, **options).json

    def test_set_and_inputs(self):
        self.write("more.yaml", "x: [5]\ny: [0.5, 0.25]\n")
        outputs = self.map("--inputs", "more.yaml")["outputs"]
        self.assertEqual(outputs["z"]["data"], [[50.5, 50.25]])
        outputs = self.map("--inputs", "more.yaml", "--set", "y=[1]", "--set", "x=[7, 8]")["outputs"]
        self.assertEqual(outputs["z"]["data"], [[71], [81]])

    def test_output_computes_only_what_is_needed(self):
        result = self.map("--output", "total")
        self.assertEqual(set(result["functions"]), {"z", "total"})
        self.assertEqual(set(result["outputs"]), {"z", "total"})
        self.refused("map", "grid.yaml", "--output", "totl", words=["totl", "total"])

    def test_fixed_selects(self):
        for ranks in (0, 3):
            for options, done in ((["--fixed", "i=1", "--fixed", "j=0:5:2"], 3), (["--fixed", "i=-1,j=0"], 1)):
                result = self.map("--output", "z", *options, ranks=ranks)
                self.assertEqual(result["functions"]["z"]["calls"], done)
                z = result["outputs"]["z"]
                self.assertEqual((z["shape"], z["done"], z["pending"]), ([3, 5], done, 0))
                values = [value for row in z["data"] for value in row if value is not None]
                self.assertEqual(len(values), done)
        self.assertEqual(self.map("--output", "z", "--fixed", "i=-1,j=0")["outputs"]["z"]["data"][2][0], 30)
        for wrong, words in (("i", ["AXIS"]), ("i=x", ["'x'"]), ("i=0:9:0", ["step"]), ("i=1,i=2", ["twice"]), ("q=1", ["'q'"]),
                             ("i=3", ["3"])):
            self.refused("map", "grid.yaml", "--output", "z", "--fixed", wrong, words=words)

    def test_executors_per_output(self):
        for ranks in (0, 3):
            outcome = self.app("map", "grid.yaml", "--executor", "z=threads:2", "--json", ranks=ranks)
            self.assertEqual(outcome.json["state"], "completed")
            self.assertEqual(outcome.json["outputs"], self.app("map", "grid.yaml", "--json").json["outputs"])
        self.refused("map", "grid.yaml", "--executor", "q=threads", words=["q"])

    def test_dry_run_runs_nothing(self):
        for ranks in (0, 3):
            before = self.tree()
            outcome = self.app("map", "grid.yaml", "--run-folder", "run", "--dry-run", ranks=ranks)
            for word in ("i=3, j=5", "15", "float64", "total"):
                self.assertIn(word, outcome.out)
            plan = self.app("map", "grid.yaml", "--run-folder", "run", "--dry-run", "--json", ranks=ranks).json
            self.assertEqual(plan["outputs"]["z"]["shape"], [3, 5])
            self.assertEqual([stage["elements"] for stage in plan["stages"]], [15, 3, 1])
            self.assertEqual(self.tree(), before)
        self.refused("map", "grid.yaml", "--dry-run", "--set", "x=5", words=["x"])
        self.refused("map", "grid.yaml", "--dry-run", "--executor", "clouds", words=["clouds", "threads"])

    def test_max_print(self):
        z = self.map("--max-print", 4)["outputs"]
        self.assertEqual((z["z"]["data"], len(z["total"]["data"])), (None, 3))
        self.assertTrue(all(output["data"] is None for output in self.map("--max-print", 0)["outputs"].values()))
        self.assertTrue(all(output["data"] is None
                            for output in self.map(env={"MPIPE_MAX_PRINT": "0"})["outputs"].values()))
        for wrong in ("-1", "x", "1.5"):
            self.refused("map", "grid.yaml", "--max-print", wrong, words=[wrong])

    def test_executors_and_rank0(self):
        expected = self.map()["outputs"]
        for options, ranks in ((["--executor", "threads:2"], 0), (["--executor", "sequential"], 3), (["--executor", "threads:2"], 2),
                               (["--rank0", "schedule"], 3), (["--rank0", "work"], 2), (["--chunksizes", "1"], 3),
                               (["--chunksizes", "z=4", "--chunksizes", "total=auto"], 2), (["--storage", "memory"], 3)):
            with self.subTest(options=options):
                self.assertEqual(self.map(*options, ranks=ranks)["outputs"], expected)

    def test_storage(self):
        self.map("--storage", "memory", "--run-folder", "run", ranks=2)
        self.app("verify", "run")
        self.assertEqual(self.app("show", "run", "--json").json["outputs"]["top"]["data"], 152.5)
        self.refused("map", "grid.yaml", "--storage", "hdf5", words=["run folder"])
        self.app("map", "grid.yaml", "--storage", "z=file", "--run-folder", "run3", ranks=3)
        self.assertEqual(numpy.load(self.folder / "run3" / "elements" / "z" / "0000" / "7.npy"), 20.5)
        outputs = {output["name"]: output["storage"] for output in json.loads((self.folder / "run3" / "run.json").read_text())["outputs"]}
        self.assertEqual(outputs, {"z": "file", "total": "hdf5", "top": "hdf5"})
        self.app("verify", "run3")
        self.refused("map", "grid.yaml", "--storage", "file", words=["run folder"])
        self.refused("map", "grid.yaml", "--storage", "hdf6", "--run-folder", "run2", words=["hdf6"])
        self.refused("map", "grid.yaml", "--storage", "zz=memory", "--run-folder", "run2", words=["zz"])

    def test_flag_before_variable_before_document(self):
        self.write("doc.yaml", GRID + "map: {run_folder: from_document, seed: 3}\n")

        def seed_and_folder(*arguments, env=None):
            run = self.app("map", "doc.yaml", "--overwrite", "--json", *arguments, env=env).json["run_folder"]
            return json.loads((self.folder / run / "run.json").read_text())["seed"], run

        self.assertEqual(seed_and_folder(), (3, "from_document"))
        variables = {"MPIPE_SEED": "4", "MPIPE_RUN_FOLDER": "from_variable"}
        self.assertEqual(seed_and_folder(env=variables), (4, "from_variable"))
        self.assertEqual(seed_and_folder("--seed", 5, "--run-folder", "from_flag", env=variables), (5, "from_flag"))
        self.assertEqual(seed_and_folder(env={"MPIPE_SEED": ""}), (3, "from_document"))

    def test_variables_stand_for_flags(self):
        self.write("more.yaml", "x: [5]\ny: [0.5, 0.25]\n")
        variables = {"MPIPE_INPUTS": "more.yaml", "MPIPE_JSON": "1", "MPIPE_SHARD": "1/2", "MPIPE_ISOLATE": "top", "MPIPE_RUN_FOLDER": "run"}
        first = self.app("map", "grid.yaml", env=variables).json
        self.assertEqual((first["functions"]["z"]["calls"], first["outputs"]["z"]["shape"]), (1, [1, 2]))
        second = self.app("map", "grid.yaml", "--shard", "1/2", env={**variables, "MPIPE_RESUME": "yes"}).json
        self.assertEqual(second["functions"]["z"]["calls"], 0)
        self.refused("map", "grid.yaml", env={**variables, "MPIPE_RESUME": "0"}, code=3, words=["run"])
        plan = self.app("map", "grid.yaml", env={"MPIPE_JSON": "1", "MPIPE_DRY_RUN": "1"}).json
        self.assertEqual(plan["outputs"]["z"]["shape"], [3, 5])
        self.refused("map", "grid.yaml", env={"MPIPE_RETRY_FAILED": "1"}, words=["resume"])
        self.refused("map", "grid.yaml", env={"MPIPE_JSON": "perhaps"}, words=["MPIPE_JSON", "'perhaps'"])
        # What programs are told of their element is no option, and what replaces or takes a folder stands in the call.
        outputs = self.map(env={"MPIPE_OUTPUT": "total", "MPIPE_OVERWRITE": "1", "MPIPE_FIXED": "i=0"})["outputs"]
        self.assertEqual(outputs["z"]["done"], 15)

    def test_values_that_are_no_values(self):
        for option, value in (("seed", "-1"), ("seed", "x"), ("executor", "gpu"), ("rank0", "sleep"), ("progress", "loud"),
                              ("log-level", "much"), ("chunksizes", "0"), ("chunksizes", "many"), ("error-handling", "ignore"),
                              ("max-failures", "few"), ("retries", "x"), ("max-concurrent", "0"), ("max-concurrent", "x")):
            with self.subTest(option=option):
                self.refused("map", "grid.yaml", f"--{option}={value}", words=[f"'{value}'"])
                variable = "MPIPE_" + option.upper().replace("-", "_")
                self.refused("map", "grid.yaml", env={variable: value}, words=[f"'{value}'"])
        self.refused("map", "grid.yaml", env={"MPIPE_SEED": "x"}, words=["MPIPE_SEED"])

    def test_an_input_is_not_blamed_for_an_option_of_its_name(self):
        self.write("wing.yaml", "functions: [{output: cd, expr: reynolds + alpha}]\ninputs: {reynolds: 1, alpha: 2}\n")
        for flag, value, word in (("executor", "reynolds", "executor"), ("storage", "alpha", "hdf5"), ("output", "alpha", "alpha"),
                                  ("isolate", "alpha", "alpha"), ("chunksizes", "alpha=1", "alpha"), ("fixed", "alpha=1", "axis")):
            with self.subTest(flag=flag):
                outcome = self.refused("map", "wing.yaml", f"--{flag}", value, words=[word])
                self.assertNotIn("wing.yaml:", outcome.err)
                if flag != "fixed":
                    self.assertIn(f"error: --{flag}: ", outcome.err)

    def test_not_there_yet_is_refused(self):
        self.refused("map", "grid.yaml", "--compress", words=["not supported by this version"])

    def test_refused_once_on_several_ranks(self):
        self.refused("map", "grid.yaml", "--compress", ranks=3, words=["not supported by this version"])
        self.refused("map", "grid.yaml", "--jsno", ranks=3, words=["--jsno", "--json"])
        self.refused("map", ranks=3, words=["DOC"])

    def test_what_files_cannot_hold_is_refused_at_the_start(self):
        axes = [f"i{k}" for k in range(33)]
        self.write("axes.yaml", "functions:\n  - {output: y, expr: \"" + " + ".join(f"x{axis}" for axis in axes) + "\", mapspec: \""
                   + ", ".join(f"x{axis}[{axis}]" for axis in axes) + f" -> y[{', '.join(axes)}]\"}}\ninputs:\n"
                   + "".join(f"  x{axis}: [1]\n" for axis in axes))
        self.refused("map", "axes.yaml", words=["'y' has 33 axes"])
        self.refused("map", "axes.yaml", "--run-folder", "run", words=["'y' has 33 axes", "at most 32"])
        name = "n" * 300
        self.write("name.yaml", f'functions: [{{output: {name}, expr: "x + 1"}}]\ninputs: {{x: 1}}\n')
        self.refused("map", "name.yaml", "--run-folder", "run", "--storage", "file", words=["300 letters", "hdf5"])
        self.app("map", "name.yaml", "--run-folder", "run")

    def test_usage(self):
        self.refused(words=["subcommand"])
        self.refused("mapp", "grid.yaml", words=["'map'"])
        self.refused("map", "grid.yaml", "--resume", words=["run folder"])
        self.refused("map", "grid.yaml", "--resume", "--overwrite", "--run-folder", "run", words=["resume", "overwrite"])
        # As in a script whose variable is empty: --run-folder $FOLDER --resume
        self.refused("map", "grid.yaml", "--run-folder", "--resume", words=["--run-folder", "--resume"])
        self.refused("map", "grid.yaml", "--trace", "--run-folder", "run", words=["--trace has no FILE", "--run-folder"])
        self.refused("map", "grid.yaml", "--set", "--run-folder", "run", words=["--set has no", "--run-folder"])
        for folder in ("--resume", "~/run", "$HOME/run", " "):
            self.write("folder.yaml", GRID + f"map: {{run_folder: '{folder}'}}\n")
            self.refused("map", "folder.yaml", words=["folder.yaml:", "Write the path of the folder out"])
            self.refused("map", "grid.yaml", env={"MPIPE_RUN_FOLDER": folder}, words=["MPIPE_RUN_FOLDER", "Write the path"])
        (self.folder / "folder.yaml").unlink()
        (self.folder / "dangling").symlink_to("gone")
        self.refused("map", "grid.yaml", "--run-folder", "dangling", code=3, words=["is a link to 'gone', which is not there"])
        (self.folder / "dangling").unlink()
        self.assertEqual(self.tree(), ["grid.yaml"])
        self.assertRegex(self.app("--version").out, r"^pipeline_app \d+\.\d+\.\d+\n$")
        self.assertIn("Exit codes", self.app("--help").out)
        self.assertIn("--run-folder", self.app("map", "--help").out)


if __name__ == "__main__":
    unittest.main()
