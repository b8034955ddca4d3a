# SPDX-License-Identifier: BSD-3-Clause
"""Several runs of one document: concurrent, one after the other, failing, resumed, interrupted."""
import json
import signal
import subprocess
import sys
import time
import unittest

from support import APP, AppTest, children_of

RUNS = """
mpipe: 1
functions:
  - {output: y, expr: "fail_if((x == 3) * bad, a * x)", mapspec: "x[i] -> y[i]", defaults: {bad: 0}}
  - {output: s, expr: "sum(y)"}
inputs: {x: {arange: [0, 100, 1]}, a: 1}
map: {run_folder: runs}
runs:
  - {name: one}
  - {name: two, inputs: {a: 2}}
  - {name: few, inputs: {x: [1, 2]}}
"""

SLOW = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]"}
inputs: {x: {arange: [0, 1000, 1]}, seconds: 0.02}
map: {run_folder: runs, chunksizes: 1, max_concurrent: 2}
runs: [{name: one}, {name: two}]
"""

# In the run `long` the ranks of `few` help with z.
HELPED = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]"}
  - {output: top, expr: "max(y)"}
  - {output: v, expr: "w + top", mapspec: "w[j] -> v[j]"}
  - {output: z, plugin: libe2e_functions.so, function: slow_square, renames: {x: v}, mapspec: "v[j] -> z[j]"}
  - {output: total, expr: "sum(z)"}
inputs: {x: {arange: [0, 10, 1]}, w: {arange: [0, 120, 1]}, seconds: 0.1}
map: {run_folder: runs, chunksizes: 1, max_concurrent: 2}
runs: [{name: few, inputs: {x: [1], w: [1]}}, {name: long}]
"""


def by_name(result):
    return {run["name"]: run for run in result["runs"]}


# Runs a command, and prints the kilobytes that the largest of its processes took.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


class ManyRuns(AppTest):
    def peak_of(self, runs):
        """The memory of a launch of so many runs, in kB."""
        text = "".join(f"  - {{name: r{k}, inputs: {{a: {k}}}}}\n" for k in range(runs))
        document = self.write("many.yaml", 'functions: [{output: y, expr: "x * a", mapspec: "x[i] -> y[i]"}]\n'
                              "inputs: {x: [1, 2, 3]}\nruns:\n" + text)
        command = [sys.executable, "-c", PEAK, APP, "map", document, "--json", "--progress", "none"]
        return int(subprocess.run(command, cwd=self.folder, env=self.environment(), check=True, stdout=subprocess.PIPE,
                                  text=True).stdout)

    def test_cost_little_memory_each(self):
        few, many = 500, 4500
        each = (self.peak_of(many) - self.peak_of(few)) / (many - few)
        # 20,000 of them are to take about 190 MB; pages and arenas of the allocator add to it now and then.
        self.assertLess(each, 10.5)

    def test_keep_of_the_document_what_is_theirs(self):
        self.write("runs.yaml", RUNS)
        self.app("map", "runs.yaml")
        document = json.loads((self.folder / "runs/two/run.json").read_text())["document"]
        self.assertIn("runs: [{name: two, inputs: {a: 2}}]", document)
        self.assertNotIn("few", document)
        # It is a document: the same run comes of it.
        self.write("kept.yaml", document)
        kept = self.app("map", "kept.yaml", "--run-folder", "again", "--json").json
        self.assertEqual(kept["runs"][0]["outputs"]["s"]["data"], 2 * sum(range(100)))


class Runs(AppTest):
    def setUp(self):
        super().setUp()
        self.write("runs.yaml", RUNS)

    def test_are_all_computed(self):
        for ranks, at_once in ((0, "1"), (1, "2"), (2, "2"), (3, "2"), (5, "3"), (5, "1")):
            with self.subTest(ranks=ranks, at_once=at_once):
                folder = f"runs-{ranks}-{at_once}"
                result = self.app("map", "runs.yaml", "--json", "--run-folder", folder, "--max-concurrent", at_once,
                                  ranks=ranks).json
                self.assertEqual(result["state"], "completed")
                self.assertEqual(result["run_folder"], folder)
                self.assertEqual(result["errors"], [])
                self.assertEqual(result["functions"]["y"]["calls"], 202)
                self.assertEqual([run["name"] for run in result["runs"]], ["one", "two", "few"])
                runs = by_name(result)
                self.assertEqual(runs["one"]["outputs"]["s"]["data"], 4950)
                self.assertEqual(runs["two"]["outputs"]["s"]["data"], 9900)
                self.assertEqual(runs["few"]["outputs"]["y"]["data"], [1, 2])
                self.assertEqual(runs["few"]["run_folder"], f"{folder}/few")
                for name in ("one", "two", "few"):
                    status = self.status_file(f"{folder}/{name}")
                    self.assertEqual((status["state"], status["exit_code"]), ("completed", 0))
                    self.app("verify", f"{folder}/{name}")
                self.assertIn("4950", self.app("show", f"{folder}/one", "s").out)
                log = (self.folder / folder / "two" / "logs" / "rank-0000.log").read_text()
                self.assertIn("the end of the run 'two': exit code 0", log)

    def test_need_no_folder(self):
        self.write("memory.yaml", RUNS.replace("map: {run_folder: runs}\n", ""))
        result = self.app("map", "memory.yaml", "--json", "--max-concurrent", "2", ranks=3).json
        self.assertEqual(by_name(result)["two"]["outputs"]["s"]["data"], 9900)
        self.assertEqual(self.tree(), ["memory.yaml", "runs.yaml"])

    def test_take_what_is_set(self):
        result = self.app("map", "runs.yaml", "--json", "--set", "a=10", env={"MPIPE_MAX_CONCURRENT": "2"}, ranks=3).json
        self.assertEqual(by_name(result)["two"]["outputs"]["s"]["data"], 49500)

    def test_one_that_fails_leaves_the_others_alone(self):
        self.write("bad.yaml", RUNS.replace("name: two, inputs: {a: 2}", "name: two, inputs: {bad: 1}"))
        for ranks in (0, 1, 3, 5):
            with self.subTest(ranks=ranks):
                folder = f"bad-{ranks}"
                outcome = self.app("map", "bad.yaml", "--json", "--run-folder", folder, "--max-concurrent", "2",
                                   ranks=ranks, expect=1)
                self.assertEqual(outcome.json["state"], "failed")
                runs = by_name(outcome.json)
                self.assertEqual(runs["two"]["state"], "failed")
                self.assertEqual(runs["two"]["errors"][0]["index"], [3])
                self.assertEqual(outcome.json["errors"][0]["run"], "two")
                self.assertEqual(runs["few"]["outputs"]["s"]["data"], 3)
                self.assertEqual(len(outcome.errors), 1, outcome)
                self.assertIn("two: ", outcome.errors[0])
                self.assertEqual(self.status_file(f"{folder}/two")["exit_code"], 1)
                self.assertEqual(self.status_file(f"{folder}/few")["exit_code"], 0)
                result = self.app("map", "bad.yaml", "--json", "--run-folder", folder, "--resume", "--set", "bad=0",
                                  ranks=ranks, expect=3).json  # another input is another run
                self.assertEqual(result["state"], "failed")

    def test_resume_and_overwrite_are_of_each_run(self):
        self.app("map", "runs.yaml", ranks=3)
        outcome = self.app("map", "runs.yaml", ranks=3, expect=3)
        self.assertIn("run 'one'", outcome.errors[0])
        self.assertIn("--resume", outcome.errors[0])
        self.write("more.yaml", RUNS + "  - {name: more, inputs: {a: 3}}\n")
        # The document belongs to what a run is made from, but not to what makes it another one.
        result = self.app("map", "more.yaml", "--json", "--resume", "--max-concurrent", "2", ranks=3).json
        runs = by_name(result)
        self.assertEqual(runs["one"]["functions"]["y"]["calls"], 0)
        self.assertEqual(runs["more"]["functions"]["y"]["calls"], 100)
        result = self.app("map", "runs.yaml", "--json", "--overwrite", "--max-concurrent", "2", ranks=3).json
        self.assertEqual(by_name(result)["one"]["functions"]["y"]["calls"], 100)

    def test_are_checked_before_any_begins(self):
        self.write("wrong.yaml", RUNS.replace("x: [1, 2]", "z: [1, 2]"))
        outcome = self.app("map", "wrong.yaml", ranks=3, expect=2)
        self.assertIn("wrong.yaml:11", outcome.errors[0])
        self.assertEqual(self.tree(), ["runs.yaml", "wrong.yaml"])

    def test_can_be_looked_at_before(self):
        plans = self.app("map", "runs.yaml", "--dry-run", "--json").json["runs"]
        self.assertEqual([plan["name"] for plan in plans], ["one", "two", "few"])
        self.assertEqual(plans[2]["outputs"]["y"]["shape"], [2])
        self.assertIn("run few", self.app("map", "runs.yaml", "--dry-run").out)
        described = self.app("describe", "runs.yaml", "--json").json["runs"]
        self.assertEqual(described[2]["stages"][0]["elements"], 2)
        self.assertIn("stages of the run few", self.app("describe", "runs.yaml").out)
        self.assertFalse((self.folder / "runs").exists())

    def test_the_folder_above_names_its_runs(self):
        self.app("map", "runs.yaml")
        outcome = self.app("status", "runs", expect=3)
        for name in ("few", "one", "two"):
            self.assertIn(f"runs/{name}", outcome.errors[0])

    def test_lines_of_progress_name_their_run(self):
        self.write("slow.yaml", SLOW.replace("1000", "60"))
        outcome = self.app("map", "slow.yaml", "--progress", "plain", ranks=3)
        self.assertIn("one: completed: 60 elements", outcome.err)
        self.assertIn("2 of 2 runs completed", outcome.err)
        outcome = self.app("map", "slow.yaml", "--progress", "bar", "--overwrite", ranks=3)
        self.assertRegex(outcome.err, r"\[[#.]*\] one ")
        self.assertRegex(outcome.err, r"\[[#.]*\] two ")

    def test_a_signal_ends_all_and_the_files_say_so(self):
        self.write("slow.yaml", SLOW)
        for ranks, at_once in ((3, "2"), (3, "1")):
            with self.subTest(at_once=at_once):
                folder = f"signal-{at_once}"
                process = self.start("map", "slow.yaml", "--json", "--run-folder", folder, "--max-concurrent", at_once,
                                     ranks=ranks)
                names = ("one", "two")[:int(at_once)]
                self.wait_for_elements(folder, names)
                process.send_signal(signal.SIGTERM)
                self.finish(process)
                for name in names:
                    status = self.status_file(f"{folder}/{name}")
                    self.assertEqual((status["state"], status["exit_code"]), ("cancelled", 143), name)
                self.wait_until_gone(process)
                for name in names:
                    self.assertGreater(json.loads(self.app("status", f"{folder}/{name}", "--json").out)
                                       ["outputs"]["y"]["done"], 0)

    def test_kill_9_of_a_run_that_others_have_joined_loses_nothing(self):
        self.write("helped.yaml", HELPED)
        expected = [(w + 81) ** 2 for w in range(120)]
        for ranks, again in ((5, 3), (5, 5), (3, 0)):
            with self.subTest(ranks=ranks, again=again):
                folder = f"helped-{ranks}-{again}"
                command = ["map", "helped.yaml", "--json", "--run-folder", folder]
                process = self.start(*command, ranks=ranks)
                path = self.folder / folder / "long" / "status.json"
                self.wait_until(lambda: path.exists() and json.loads(path.read_text())["outputs"]["z"]["done"] >= 8, "some of z is done")
                journals = list((self.folder / folder / "long" / "journal").glob("rank-*.log"))
                self.kill_9(process)
                self.assertGreater(len(journals), (ranks - 1) // 2, "the ranks of the other run have joined")
                told = self.status_file(f"{folder}/long")["outputs"]["z"]["done"]
                shown = self.app("show", f"{folder}/long", "--json").json["outputs"]["z"]
                self.app("verify", f"{folder}/long")
                self.assertTrue(told <= shown["done"] < 120, (told, shown["done"]))
                result = by_name(self.app(*command, "--resume", ranks=again).json)
                self.assertEqual(result["long"]["outputs"]["z"]["data"], expected)
                self.assertEqual(result["long"]["outputs"]["total"]["data"], sum(expected))
                calls = {name: run["functions"]["z"]["calls"] for name, run in result.items()}
                self.assertEqual(calls, {"few": 0, "long": 120 - shown["done"]})
                self.assertEqual(result["long"]["functions"]["y"]["calls"], 0)
                self.app("verify", f"{folder}/long")

    def wait_for_elements(self, folder, names):
        deadline = time.monotonic() + 40
        for name in names:
            path = self.folder / folder / name / "status.json"
            while time.monotonic() < deadline:
                if path.exists() and json.loads(path.read_text())["outputs"]["y"]["done"] > 0:
                    break
                time.sleep(0.05)
            else:
                self.fail(f"the run {name} did not begin")

    def wait_until_gone(self, process):
        for _ in range(100):
            if not children_of(process.pid):
                return
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
