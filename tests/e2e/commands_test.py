# SPDX-License-Identifier: BSD-3-Clause
"""The commands that run no sweep: run, describe, show, status, verify."""
import csv
import io
import os
import struct
import subprocess
import unittest
from pathlib import Path

from support import GRID, AppTest


def read_npy(path):
    """Type, shape and values of a file of numpy, read without numpy."""
    data = path.read_bytes()
    if data[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("no .npy file of format 1.0")
    length = struct.unpack("<H", data[8:10])[0]
    if (10 + length) % 64 != 0:
        raise ValueError("values that are not aligned")
    header = eval(data[10:10 + length], {"__builtins__": {}}, {"False": False})  # a literal of Python, by definition
    code = {"<f8": "d", "<i8": "q"}[header["descr"]]
    values = list(struct.unpack(f"<{(len(data) - 10 - length) // 8}{code}", data[10 + length:]))
    return header["descr"], header["shape"], values


class Commands(AppTest):
    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)

    def test_run(self):
        self.write("run.yaml", """
mpipe: 1
functions:
  - {output: c, expr: "a + b"}
  - {output: d, expr: "c * c"}
inputs: {a: 1, b: 2}
""")
        self.assertEqual(self.app("run", "run.yaml", "d").out, "d = 9.0\n")
        self.assertEqual(self.app("run", "run.yaml", "d", "c", "--set", "a=2.5").out, "d = 20.25\nc = 4.5\n")
        outputs = self.app("run", "run.yaml", "d", "--set", "c=[1, 2]", "--json").json["outputs"]
        self.assertEqual(outputs, {"d": {"shape": [2], "dtype": "float64", "data": [1, 4]}})
        self.refused("run", "run.yaml", "e", words=["'e'"])
        self.refused("run", "run.yaml", "d", "--set", "q=1", words=["q"])
        self.refused("run", "run.yaml", words=["OUTPUT"])
        self.assertEqual(self.app("run", "run.yaml", "d", ranks=3).out, "d = 9.0\n")

    def test_run_of_a_mapped_function_is_refused(self):
        self.refused("run", "grid.yaml", "top", words=["map"])

    def test_run_tells_which_function_failed(self):
        self.write("bad.yaml", """
mpipe: 1
functions: [{output: y, plugin: libe2e_functions.so, function: throws_at}]
inputs: {x: 1, bad: 1}
""")
        self.refused("run", "bad.yaml", "y", code=1, words=["y", "no solution for this x"])

    def test_bench(self):
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                measured = self.app("bench", "--json", "--folder", ".", "--size", "8", ranks=ranks).json
                self.assertEqual((measured["ranks"], measured["nodes"]), (max(ranks, 1), 1))
                for key in ("element_seconds", "metg_seconds"):
                    self.assertTrue(0 < measured[key] < 0.1, measured)
                self.assertGreater(measured["stored_bytes_per_second"], 0)
                self.assertEqual(measured["round_trip_seconds"] is None, ranks < 2)
                self.assertEqual(self.tree(), ["grid.yaml"])
        text = self.app("bench").out
        for word in ("1 rank on 1 node", "an element", "METG"):
            self.assertIn(word, text)
        self.refused("bench", "--folder", "none", words=["'none'"], ranks=2)
        self.refused("bench", "--size", "0", words=["--size"])

    def test_describe(self):
        described = self.app("describe", "grid.yaml", "--json").json
        self.assertEqual([f["name"] for f in described["functions"]], ["z", "total", "top"])
        self.assertEqual(described["functions"][0]["mapspec"], "x[i], y[j] -> z[i, j]")
        self.assertEqual(described["inputs"]["required"], ["x", "y"])
        self.assertEqual(described["axes"], {"i": 3, "j": 5})
        self.assertEqual(described["generations"], [["z"], ["total"], ["top"]])
        self.assertEqual([stage["functions"] for stage in described["stages"]], [["z"], ["total"], ["top"]])
        self.assertEqual(described["leaf_outputs"], ["top"])
        text = self.app("describe", "grid.yaml").out
        for word in ("x[i], y[j] -> z[i, j]", "i = 3", "required"):
            self.assertIn(word, text)
        self.assertEqual(self.app("describe", "grid.yaml", ranks=2).out, text)

    def test_describe_resources(self):
        self.write("needs.yaml", """
mpipe: 1
functions:
  - {output: y, expr: "2 * x", mapspec: "x[i] -> y[i]", resources: {threads: 1, memory: 2MB, time: 10min}}
  - {output: z, expr: "sum(y)"}
inputs: {x: [1, 2]}
""")
        described = self.app("describe", "needs.yaml", "--json").json["functions"]
        needs = {"ranks": 1, "threads": 1, "gpus": 0, "memory": 2000000, "time": 600.0, "isolation": "none"}
        self.assertEqual(described[0]["resources"], needs)
        nothing = {"ranks": 1, "threads": 0, "gpus": 0, "memory": 0, "time": 0.0, "isolation": "none"}
        self.assertEqual(described[1]["resources"], nothing)
        plan = self.app("map", "needs.yaml", "--dry-run", "--json").json
        self.assertEqual(plan["resources"], {"y": needs, "z": nothing})
        for command in (["describe", "needs.yaml"], ["map", "needs.yaml", "--dry-run"]):
            self.assertIn("threads 1, memory 2MB, time 10min", self.app(*command).out)

    def test_describe_draws(self):
        dot = self.app("describe", "grid.yaml", "--dot").out
        self.assertTrue(dot.startswith('digraph "grid" {'), dot)
        self.assertIn('label="z[i, :]"', dot)
        mermaid = self.app("describe", "grid.yaml", "--mermaid").out
        self.assertTrue(mermaid.startswith("flowchart LR"), mermaid)
        self.refused("describe", "grid.yaml", "--dot", "--json", words=["--dot"])

    def test_describe_without_inputs(self):
        self.write("open.yaml", """
mpipe: 1
functions: [{output: y, expr: "x + a", mapspec: "x[i] -> y[i]", defaults: {a: 5}}]
""")
        described = self.app("describe", "open.yaml", "--json").json
        self.assertEqual(described["inputs"], {"required": ["x"], "optional": {"a": 5}, "given": []})
        self.assertEqual((described["axes"], described["stages"]), ({"i": None}, None))
        self.assertIn("x", described["stages_unknown_because"])
        self.assertIn("not known", self.app("describe", "open.yaml").out)
        self.refused("describe", "absent.yaml", words=["absent.yaml"])

    def test_show(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        table = [line.split() for line in self.app("show", "run", "z", "total").out.splitlines()]
        self.assertEqual(table[0], ["i", "j", "x", "y", "z"])
        self.assertEqual(table[1], ["0", "0", "1", "0.0", "10.0"])
        self.assertEqual(len(table), 1 + 15 + 1 + 1 + 3)
        rows = list(csv.DictReader(io.StringIO(self.app("show", "run", "z", "--csv").out)))
        self.assertEqual(len(rows), 15)
        for row in rows:
            self.assertEqual(float(row["z"]), float(row["x"]) * 10 + float(row["y"]))
        self.app("show", "run", "z", "--npy", "z.npy")
        kind, shape, values = read_npy(self.folder / "z.npy")
        self.assertEqual((kind, shape, values[:2]), ("<f8", (3, 5), [10, 10.25]))
        outputs = self.app("show", "run", "--json", "total").json["outputs"]
        self.assertEqual(list(outputs), ["total"])
        self.assertEqual(outputs["total"]["data"], [52.5, 102.5, 152.5])
        self.assertIn("12 rows more", self.app("show", "run", "z", "--max-print", 3).out)
        self.refused("show", "run", "zz", words=["zz"])
        self.refused("show", "run", "--npy", "all.npy", words=["one output"])
        self.refused("show", "run", "z", "--npy", "no/folder/z.npy", code=4, words=["no/folder/z.npy"])
        # An earlier file of the kind is replaced; what somebody else wrote, or is no file, stays.
        self.app("show", "run", "z", "--npy", "z.npy")
        self.write("notes.txt", "precious")
        os.mkfifo(self.folder / "pipe")
        for path, word in (("notes.txt", "no file of numpy"), ("pipe", "is no file"), ("run/../notes.txt", "no file of numpy")):
            self.refused("show", "run", "z", "--npy", path, words=[path, word])
        self.refused("export", "run", "--csv", "pipe", "--overwrite", words=["pipe", "is no file"])
        self.refused("report", "run", "-o", "pipe", "--overwrite", words=["pipe", "is no file"])
        self.assertEqual((self.folder / "notes.txt").read_text(), "precious")

    def test_text_in_csv_is_quoted(self):
        self.write("words.yaml", """
mpipe: 1
functions: [{output: word, plugin: libe2e_functions.so, function: word, mapspec: "k[i] -> word[i]"}]
inputs: {k: [4, 5]}
""")
        self.app("map", "words.yaml", "--run-folder", "run")
        rows = list(csv.DictReader(io.StringIO(self.app("show", "run", "--csv").out)))
        self.assertEqual([row["word"] for row in rows], ['word "4"', 'word "5"'])

    def test_of_what_is_no_run(self):
        self.write("file", "text")
        (self.folder / "empty").mkdir()
        for command in ("show", "status", "verify"):
            for path in ("absent", "file", "empty"):
                with self.subTest(command=command, path=path):
                    self.refused(command, path, code=3, words=[path, "--run-folder"])

    def test_verify_finds_damage(self):
        self.app("map", "grid.yaml", "--run-folder", "run", ranks=2)
        path = self.folder / "run" / "results.h5"
        data = path.read_bytes()
        value = struct.pack("<d", 20.75)  # z[1][3]
        self.assertEqual(data.count(value), 1)
        path.write_bytes(data.replace(value, struct.pack("<d", 20.5)))
        outcome = self.app("verify", "run", expect=4)
        self.assertIn("z", outcome.err)
        path.write_bytes(data)
        self.app("verify", "run")
        path.write_bytes(data[:len(data) // 2])
        self.app("verify", "run", expect=4)
        os.unlink(path)
        self.app("verify", "run", expect=4)

    def test_status_says_how_it_ended(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        text = self.app("status", "run").out
        self.assertIn("completed, 100.0 % done", text)
        self.assertIn("z", text)

    def test_results_that_cannot_be_written(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        for arguments in (("describe", "grid.yaml"), ("map", "grid.yaml", "--json"), ("--help",), ("map", "--help"), ("--version",)):
            outcome = self.app(*arguments, before=("sh", "-c", 'exec "$@" > /dev/full', "sh"), expect=4)
            self.assertEqual(len(outcome.errors), 1, outcome)
            self.assertIn("standard output", outcome.err)

    def test_launchers_of_another_mpi_are_refused(self):
        for rank in ("0", "1"):
            environment = {"PMI_RANK": rank, "PMI_SIZE": "2", "MPI_LOCALNRANKS": "2"}
            outcome = self.app("map", "grid.yaml", "--run-folder", "run", env=environment, expect=0 if rank == "1" else 2)
            self.assertEqual(len(outcome.errors), int(rank == "0"), outcome)
        self.assertIn("another MPI", self.app("map", "grid.yaml", env=environment | {"PMI_RANK": "0"}, expect=2).err)
        self.assertEqual(self.tree(), ["grid.yaml"])

    def test_one_process_in_a_job_of_several_tasks_is_told_so(self):
        job = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4"}
        self.assertIn("this job has 4 tasks", self.app("map", "grid.yaml", env=job).err)
        self.assertNotIn("tasks", self.app("map", "grid.yaml", env=job, ranks=2).err)
        self.assertNotIn("tasks", self.app("map", "grid.yaml", env=job | {"SLURM_NTASKS": "1"}).err)

    def test_of_a_damaged_file_say_what_to_do(self):
        self.app("map", "grid.yaml", "--run-folder", "run")
        self.write("run/results.h5", b"junk" * 1000)
        for command in ("show", "verify"):
            outcome = self.app(command, "run", expect=4)
            for word in ("results.h5", "backup", "--resume", "sets a damaged file aside"):
                self.assertIn(word, outcome.err)


class WatchAndSlurm(AppTest):
    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)

    def test_watch_and_list_runs(self):
        self.app("map", "grid.yaml", "--run-folder", "runs/good")
        self.write("bad.yaml", "functions: [{output: y, expr: 'fail_if(x > 1, x)', mapspec: 'x[i] -> y[i]'}]\ninputs: {x: [1, 2]}\n")
        self.app("map", "bad.yaml", "--run-folder", "runs/deep/bad", "--error-handling", "continue", expect=1)
        self.assertIn("completed, 100.0 % done", self.app("watch", "runs/good").err)
        self.assertEqual(self.app("watch", "runs/deep/bad", "--json", expect=1).json["outputs"]["y"]["failed"], 1)
        self.app("watch", "runs/none", expect=1)
        self.refused("watch", "runs/good", "--interval", "soon", words=["time"])
        listed = self.app("list-runs", "runs", "--json").json
        self.assertEqual([(run["run"], run["state"], run["exit_code"]) for run in listed],
                         [("deep/bad", "completed", 1), ("good", "completed", 0)])
        self.assertIn("deep/bad", self.app("list-runs", "runs").out)
        self.refused("list-runs", "nowhere", code=3, words=["nowhere"])

    def test_watch_gives_up_in_time(self):
        self.write("slow.yaml", "functions: [{output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: 'x[i] -> y[i]'}]\n"
                   "inputs: {x: {arange: [0, 30, 1]}, seconds: 0.1}\n")
        process = self.start("map", "slow.yaml", "--run-folder", "run")
        self.wait_until(lambda: (self.folder / "run/status.json").exists(), "the run has begun")
        self.app("watch", "run", "--timeout", "200ms", "--interval", "50ms", expect=2)
        self.app("watch", "run", "--interval", "50ms")
        self.finish(process)

    def test_slurm_prints_scripts_that_bash_reads(self):
        base = ["slurm", "grid.yaml", "--nodes", "4", "--ntasks-per-node", "32", "--time", "1-12:00:00"]
        script = self.app(*base, "--requeue", "--partition", "long", "--", "--account=me").out
        for line in ("#SBATCH --nodes=4", "#SBATCH --ntasks-per-node=32", "#SBATCH --time=1-12:00:00", "#SBATCH --requeue",
                     "#SBATCH --partition=long", "#SBATCH --account=me", "#SBATCH --signal=B:USR1@120"):
            self.assertIn(line + "\n", script)
        self.assertIn("scontrol requeue", script)
        chain = self.app(*base, "--chain", "3", "--launcher", "srun").out
        self.assertIn("srun --mpi=pmix pipeline_app map grid.yaml --run-folder runs/grid --resume", chain)
        array = self.app(*base, "--array", "8", "--requeue", "--run-folder", "runs/a b").out
        for part in ("#SBATCH --array=1-8\n", '--shard "$SLURM_ARRAY_TASK_ID/8" --run-folder \'runs/a b.shards\'/"$SLURM_ARRAY_TASK_ID"',
                     'scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"', "--dependency=\"afterok:$array\"",
                     "pipeline_app merge \"${shards[@]}\" --into 'runs/a b' --resume || exit"):
            self.assertIn(part, array)
        for text in (script, chain, array):
            subprocess.run(["bash", "-n"], input=text, text=True, check=True)
        self.refused("slurm", "grid.yaml", "--time", "2h", "--array", "3", "--chain", "2", words=["Keep one"])
        self.write("runs.yaml", GRID + "runs: [{name: a}, {name: b}]\n")
        self.refused("slurm", "runs.yaml", "--time", "2h", "--array", "3", words=["several runs"])
        self.refused("slurm", "grid.yaml", "--time", "2min", words=["180 s"])
        self.refused("slurm", "grid.yaml", "--time", "2h", "--requeue", "--chain", "2", words=["Keep one"])
        self.refused("slurm", "none.yaml", "--time", "2h", words=["none.yaml"])


class Init(AppTest):
    def test_documents_to_begin_with_run(self):
        for kind, outputs in (("expr", ["drag", "mean_drag"]), ("command", ["drag", "lift"])):
            with self.subTest(kind=kind):
                for name in ("sweep.yaml", "solver.py"):
                    (self.folder / name).unlink(missing_ok=True)
                self.app("init", kind)
                result = self.app("map", "sweep.yaml", "--json").json
                self.assertEqual(sorted(result["outputs"]), outputs)
                self.assertEqual(result["outputs"]["drag"]["failed"], 0)
                self.refused("init", kind, code=3, words=["sweep.yaml"])

    def test_the_plugin_compiles(self):
        self.app("init", "plugin")
        self.assertIn("MPIPE_PLUGIN", (self.folder / "model.cpp").read_text())
        include = Path(__file__).resolve().parents[2] / "include"
        subprocess.run(["mpic++", "-std=c++20", "-fPIC", "-shared", "-I", str(include), "model.cpp", "-o", "libmodel.so"],
                       cwd=self.folder, check=True)
        self.assertEqual(self.app("map", "sweep.yaml", "--json").json["outputs"]["drag"]["done"], 303)

    def test_other_kinds_are_refused(self):
        self.refused("init", "fortran", words=["fortran", "expr, command, python or plugin"])


if __name__ == "__main__":
    unittest.main()
