# SPDX-License-Identifier: BSD-3-Clause
"""Functions that are programs: words, files, outputs, failures, time limits, and what is left behind."""
import json
import os
import signal
import time
import unittest
from pathlib import Path

from support import AppTest

SOLVER = """#!/usr/bin/python3
import json, sys
x, y = float(sys.argv[1]), float(sys.argv[2])
json.dump({"lift": x * y, "drag": x - y}, sys.stdout)
"""


def document(command, rest="", mapspec="x[i] -> y[i]", inputs="x: [1, 2, 3]", output="y"):
    return (f"functions:\n- output: {output}\n  command: {json.dumps(command)}\n  mapspec: \"{mapspec}\"\n"
            + "".join(f"  {line}\n" for line in rest.splitlines()) + f"inputs: {{{inputs}}}\n")


def lives(pid):
    """A process of that number is there, and is no zombie that nobody has asked for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Commands(AppTest):
    def script(self, name, text):
        path = self.write(name, text)
        os.chmod(Path(self.folder, name), 0o755)
        return path

    def values(self, text, *options, code=0, ranks=0, env=None):
        self.write("doc.yaml", text)
        result = self.app("map", "doc.yaml", "--json", *options, ranks=ranks, env=env, expect=code).json
        return {name: output["data"] for name, output in result["outputs"].items()}, result

    def test_a_script_beside_the_document_gives_several_outputs(self):
        self.script("solver.py", SOLVER)
        text = document(["./solver.py", "{x}", "{y}"], "returns: json", output="[lift, drag]",
                        mapspec="x[i], y[j] -> lift[i, j], drag[i, j]", inputs="x: [1.5, 0.1], y: [2, 1e300]")
        for ranks in (0, 1, 3):
            data, _ = self.values(text, ranks=ranks)
            self.assertEqual(data, {"lift": [[3, 1.5e300], [0.2, 1e299]], "drag": [[-0.5, 1.5 - 1e300], [-1.9, 0.1 - 1e300]]})

    def test_axes_that_a_program_makes(self):
        text = document(["/bin/echo", "[{x}, 2, 3]"], "returns: json", mapspec="x[i] -> y[i, k]")
        data, result = self.values(text, ranks=2)
        self.assertEqual(data["y"], [[x, 2, 3] for x in (1, 2, 3)])
        self.assertEqual(result["outputs"]["y"]["dims"], ["i", "k"])

    def test_values_are_words_and_never_read_by_a_shell(self):
        hostile = ["; rm -rf *", "$(touch owned)", "`id`", "a\nb", "'\"\\", "", "x" * 100_000, "ä"]
        data, _ = self.values(document(["/usr/bin/printf", "%s", "{x}"], "returns: text",
                                       inputs=f"x: {json.dumps(hostile, ensure_ascii=False)}"))
        self.assertEqual(data["y"], [text.removesuffix("\n") for text in hostile])
        self.assertFalse(Path(self.folder, "owned").exists())

    def test_a_text_that_is_too_long_for_a_word_fails_its_element(self):
        text = document(["/usr/bin/printf", "%s", "{x}"], "returns: text",
                        inputs=json.dumps({"x": ["a", "b" * 200_000]})[1:-1])
        data, result = self.values(text, "--error-handling", "continue", code=1)
        self.assertEqual(data["y"], ["a", None])
        self.assertIn("{file:NAME}", result["errors"][0]["message"])
        data, _ = self.values(text.replace("printf\", \"%s\", \"{x}", "wc\", \"-c\", \"{file:x}"), code=0)
        self.assertEqual(data["y"][1].split()[0], "200000")

    def test_programs_see_the_devices_of_their_rank(self):
        self.script("devices.sh", "#!/bin/sh\nsleep 0.05\necho $MPIPE_RANK:$CUDA_VISIBLE_DEVICES:$ROCR_VISIBLE_DEVICES:$HIP_VISIBLE_DEVICES\n")
        text = document(["./devices.sh"], "returns: text\nparameters: [x]\nresources: {gpus: 2}", inputs="x: {arange: [12]}")
        for ranks, env, devices in ((0, {"MPIPE_GPUS": "3"}, {"0:0,1"}), (2, {"CUDA_VISIBLE_DEVICES": "4,5,6,7"}, {"0:4,5", "1:6,7"})):
            data, _ = self.values(text, "--chunksizes", "1", "--rank0", "work", ranks=ranks, env=env)
            # HIP numbers those that ROCR leaves.
            self.assertEqual(set(data["y"]), {f"{rank}:{of}:{of}:0,1" for rank, of in (each.split(":") for each in devices)})
        # None are asked for: the variables stay as they are.
        data, _ = self.values(text.replace("gpus: 2", "gpus: 0"), env={"CUDA_VISIBLE_DEVICES": "4"})
        self.assertEqual(set(data["y"]), {"0:4::"})
        self.write("doc.yaml", text)
        self.refused("map", "doc.yaml", env={"MPIPE_GPUS": "1"}, words=["needs 2 gpus", "has 1"])
        self.refused("map", "doc.yaml", "--executor", "threads:2", env={"MPIPE_GPUS": "4"}, words=["gpus", "threads"])

    def test_numbers_read_back_as_the_same_and_formats_hold(self):
        values = [0.1, 1 / 3, 1e-300, 12345678901234567.0, -0.0]
        data, _ = self.values(document(["/bin/echo", "{x}"], "returns: number", inputs=f"x: {values}"))
        self.assertEqual([repr(v) for v in data["y"]], [repr(v) for v in values])
        data, _ = self.values(document(["/bin/echo", "{x:.2f}:{n:03d}{{}}"], "returns: text", inputs="x: [1.005, 2], n: 7"))
        self.assertEqual(data["y"], ["1.00:007{}", "2.00:007{}"])

    def test_arrays_go_by_file_and_by_standard_input(self):
        self.script("total.py", "#!/usr/bin/python3\nimport sys, json, numpy\n"
                    "a = numpy.load(sys.argv[1]); b = json.load(sys.stdin)\nprint(json.dumps(float(a.sum() + sum(b))))\n")
        data, _ = self.values(document(["./total.py", "{file:x}"], "returns: json\nstdin: \"{x}\"",
                                       mapspec="x[i, :] -> y[i]", inputs="x: {data: [[1, 2.5], [3, 4]]}"))
        self.assertEqual(data["y"], [7.0, 14.0])

    def test_files_of_outputs_and_dtypes(self):
        self.script("files.py", "#!/usr/bin/python3\nimport sys, json, numpy\nn = int(sys.argv[1])\n"
                    "numpy.save('a.npy', numpy.arange(3, dtype='i8') + n)\njson.dump([n > 1] * 2, open('b.json', 'w'))\n"
                    "open('c.csv', 'w').write('c\\n%d\\n%d\\n' % (n, n + 1))\nopen('d.txt', 'w').write('n=%d\\n' % n)\n")
        for name, kind, dtype, expected in (("a", "npy", "int64", [[1, 2, 3], [2, 3, 4]]),
                                            ("b", "json", "bool", [[False, False], [True, True]]),
                                            ("c", "csv", "int32", [[1, 2], [2, 3]])):
            data, result = self.values(document(["./files.py", "{n}"], f"returns: {{{name}: {name}.{kind}}}\ndtype: {dtype}",
                                                output=name, mapspec=f"n[i] -> {name}[i, k]", inputs="n: [1, 2]"))
            self.assertEqual((data[name], result["outputs"][name]["dtype"]), (expected, dtype))
        data, _ = self.values(document(["./files.py", "{n}"], "returns: {d: d.txt}", output="d",
                                       mapspec="n[i] -> d[i]", inputs="n: [1, 2]"))
        self.assertEqual(data["d"], ["n=1", "n=2"])

    def test_bad_output_fails_the_element_and_says_what_was_expected(self):
        cases = {"nonsense": "expected JSON", '{"z": 1}': "no 'y'", '{"y": null}': "no value of 'y'", "NaN": "finite",
                 '{"y": "a"}': "float64", '{"y": [1, 2]}': "single value", "": "wrote nothing", "\x7fELF\x01": "expected JSON"}
        for said, expected in cases.items():
            with self.subTest(said=said):
                _, result = self.values(document(["/usr/bin/printf", "%s", "{s}"], "returns: json",
                                                 mapspec="x[i] -> y[i]", inputs="x: [1], s: " + json.dumps(said)).replace(
                                                     "  mapspec", "  parameters: [s, x]\n  mapspec"), code=1)
                self.assertIn(expected, result["errors"][0]["message"])

    def test_failures_keep_their_folder_and_the_end_of_standard_error(self):
        self.script("fails.sh", "#!/bin/sh\necho partial > data\necho said $1\necho 'no convergence' >&2\n"
                                "[ $1 = 2 ] && exit 3\n[ $1 = 4 ] && kill -SEGV $$\nexit 0\n")
        text = document(["./fails.sh", "{x}"], "returns: text", inputs="x: [1, 2, 3, 4]")
        data, result = self.values(text, "--run-folder", "run", "--error-handling", "continue", code=1)
        self.assertEqual(data["y"], ["said 1", None, "said 3", None])
        messages = [error["message"] for error in result["errors"]]
        self.assertIn("exit code 3", messages[0])
        self.assertIn("no convergence", messages[0])
        self.assertIn("signal 11", messages[1])
        kept = sorted(path.name for path in Path(self.folder, "run", "work", "y").iterdir())
        self.assertEqual(kept, ["element-1", "element-3"])
        folder = Path(self.folder, "run", "work", "y", "element-1")
        self.assertEqual((folder / "stdout").read_text(), "said 2\n")
        self.assertEqual((folder / "stderr").read_text(), "no convergence\n")
        self.assertTrue((folder / "data").exists())
        Path(self.folder, "run", "work", "mine").write_text("of somebody else")
        self.values(text.replace("[1, 2, 3, 4]", "[1]"), "--run-folder", "run", "--overwrite")
        self.assertEqual([path.name for path in Path(self.folder, "run", "work").iterdir()], ["mine"])

    def test_a_time_limit_ends_the_whole_group(self):
        self.script("sleeper.sh", "#!/bin/sh\ntrap '' TERM\nsleep 300 & echo $! > $MPIPE_RUN_FOLDER/pid\nwait\nsleep 300\n")
        started = time.monotonic()
        _, result = self.values(document(["./sleeper.sh"], "returns: text\ntimeout: 0.5\nparameters: [x]",
                                         inputs="x: [1]"), "--run-folder", "run", code=1)
        self.assertLess(time.monotonic() - started, 20)
        self.assertIn("longer than its time of 0.5 s", result["errors"][0]["message"])
        self.assertFalse(lives(Path(self.folder, "run/pid").read_text().strip()))

    def test_retries_by_cause(self):
        self.script("third.sh", "#!/bin/sh\nn=$(cat ../../../count-$1 2>/dev/null || echo 0)\necho $((n+1)) > ../../../count-$1\n"
                                "[ $n -ge 2 ] || exit 9\necho $MPIPE_ATTEMPT\n")
        retries = "returns: number\nretries: {times: 2, pause: 10ms, on: [%s]}"
        data, _ = self.values(document(["./third.sh", "{x}"], retries % "exit_code", inputs="x: [1, 2]"), "--run-folder", "run")
        self.assertEqual(data["y"], [2.0, 2.0])
        _, result = self.values(document(["./third.sh", "{x}"], retries % "time", inputs="x: [5]"), "--run-folder", "run2", code=1)
        self.assertIn("exit code 9", result["errors"][0]["message"])

    def test_limits_grow_with_each_try(self):
        self.script("limits.sh", "#!/bin/sh\n[ $MPIPE_ATTEMPT -ge 2 ] || exit 9\nulimit -v\n")
        retries = "returns: number\nparameters: [x]\nresources: {memory: 1GiB}\nretries: {times: 2, pause: 10ms, memory_factor: 1.5}"
        data, _ = self.values(document(["./limits.sh"], retries, inputs="x: [1]"))
        self.assertEqual(data["y"], [1024 * 1024 * 1.5 ** 2])  # KiB
        self.script("patient.sh", "#!/bin/sh\nsleep 1\necho $MPIPE_ATTEMPT\n")
        retries = "returns: number\nparameters: [x]\ntimeout: 0.2\nretries: {times: %d, pause: 10ms, time_factor: 30}"
        data, _ = self.values(document(["./patient.sh"], retries % 2, inputs="x: [1]"))
        self.assertEqual(data["y"], [1])
        _, result = self.values(document(["./patient.sh"], retries % 0, inputs="x: [1]"), code=1)
        self.assertIn("longer than its time of 0.2 s", result["errors"][0]["message"])

    def test_environment_without_the_launchers_variables(self):
        self.script("env.sh", "#!/bin/sh\nenv | grep -c '^OMPI_\\|^PMIX_\\|^PRTE_\\|^MPIPE_SEED'\necho $MPIPE_OUTPUT $MPIPE_INDEX $GREETING $OMP_NUM_THREADS\n")
        data, _ = self.values(document(["./env.sh"], "returns: text\nparameters: [x]\nenv: {GREETING: \"hello {x}\"}\nresources: {threads: 2}"), ranks=2,
                              env={"MPIPE_SEED": "7"})
        self.assertEqual(data["y"], [f"0\ny {k} hello {k + 1} 2" for k in range(3)])

    def test_a_killed_rank_leaves_no_program_behind(self):
        self.script("long.sh", "#!/bin/sh\nsleep 300 &\necho $! > $MPIPE_RUN_FOLDER/pid\nwait\n")
        self.write("doc.yaml", document(["./long.sh"], "returns: text\nparameters: [x]", inputs="x: [1]"))
        process = self.start("map", "doc.yaml", "--run-folder", "run")
        pid_file = Path(self.folder, "run/pid")
        while not pid_file.exists() or not pid_file.read_text().strip():
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 10
        while lives(pid_file.read_text().strip()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse(lives(pid_file.read_text().strip()))

    def test_nothing_is_left_of_many_elements(self):
        data, _ = self.values(document(["/bin/echo", "{x}"], "returns: number", inputs="x: {arange: [0, 500, 1]}"),
                              "--run-folder", "run", ranks=3)
        self.assertEqual(data["y"], list(range(500)))
        self.assertFalse(Path(self.folder, "run", "work").exists())

    def test_scratch_is_where_programs_run(self):
        self.script("where.sh", '#!/bin/sh\npwd\n[ "$1" = 2 ] && exit 3\nexit 0\n')
        text = document(["./where.sh", "{x}"], "returns: text\nparameters: [x]")
        for ranks in (0, 2):
            data, result = self.values(text, "--run-folder", f"run-{ranks}", "--scratch", "disk/here",
                                       "--error-handling", "continue", ranks=ranks, code=1)
            scratch = str((self.folder / "disk/here").resolve())
            for place, x in ((data["y"][0], 1), (data["y"][2], 3)):
                self.assertTrue(place.startswith(scratch + "/mpipe-"), place)
                self.assertFalse(Path(place.strip()).exists())
            kept = result["errors"][0]["message"].rpartition("Its folder is kept: ")[2]
            self.assertTrue(kept.startswith(scratch), kept)
            self.assertTrue(Path(kept).is_dir())
            self.assertFalse((self.folder / f"run-{ranks}/work").exists())

    # ---- runs that go on

    KNOWN = """functions:
- output: y
  command: [./m.sh, ./k.txt, "{x}"]
  stdin: "1"
  returns: {y: a.txt}
  dtype: float64
  env: {A: "1"}
  workdir: w
  resources: {threads: 2}
  mapspec: "x[i] -> y[i]"
inputs: {x: [1, 2, 3]}
"""
    M = "#!/bin/sh\necho $(($(cat $1) * $2)) > a.txt\ncp a.txt b.txt\n"

    def test_another_program_is_refused_where_a_run_goes_on(self):
        for folder in ("w", "w2"):
            (self.folder / folder).mkdir()
        self.script("m.sh", self.M)
        self.write("k.txt", "10\n")
        self.values(self.KNOWN, "--run-folder", "run", "--fixed", "i=0:2")
        changes = (("{x}\"]", "{x}\", \"2\"]", ["command", "'{x}']", "'{x}', '2']"]),
                   ("stdin: \"1\"", "stdin: \"2\"", ["stdin", "is 1", "now 2"]),
                   ("y: a.txt", "y: b.txt", ["returns", "{y: a.txt}", "{y: b.txt}"]),
                   ("A: \"1\"", "A: \"3\"", ["env A", "is 1", "now 3"]),
                   ("A: \"1\"", "A: \"1\", B: \"3\"", ["env B", "nothing", "now 3"]),
                   ("workdir: w", "workdir: w2", ["workdir", "is w", "now w2"]),
                   ("threads: 2", "threads: 1", ["threads", "is 2", "now 1"]),
                   ("stdin", "exit_codes: [0, 3]\n  stdin", ["exit_codes", "nothing", "now 0, 3"]))
        for old, new, words in changes:
            self.assertIn(old, self.KNOWN)
            self.write("doc.yaml", self.KNOWN.replace(old, new))
            self.refused("map", "doc.yaml", "--run-folder", "run", "--resume", code=3, words=["'y'", "--redo y", *words])
        self.write("doc.yaml", self.KNOWN)
        for name, text in (("m.sh", self.M + "# changed\n"), ("k.txt", "100\n")):
            before = (self.folder / name).read_text()
            self.write(name, text)
            self.refused("map", "doc.yaml", "--run-folder", "run", "--resume", ranks=2, code=3, words=[f"the file ./{name} of function 'y'", "--redo y"])
            self.write(name, before)
        # Moved with its files, and its time limit and retries changed, it is the same.
        moved = self.folder / "moved"
        moved.mkdir()
        for name in ("m.sh", "k.txt", "w"):
            os.rename(self.folder / name, moved / name)
        self.write("moved/doc.yaml", self.KNOWN.replace("workdir", "timeout: 1min\n  retries: 1\n  workdir"))
        result = self.app("map", "moved/doc.yaml", "--run-folder", "run", "--resume", "--json").json
        self.assertEqual((result["outputs"]["y"]["data"], result["functions"]["y"]["calls"]), ([10, 20, 30], 1))
        self.write("moved/k.txt", "7\n")
        result = self.app("map", "moved/doc.yaml", "--run-folder", "run", "--resume", "--redo", "y", "--json").json
        self.assertEqual((result["outputs"]["y"]["data"], result["functions"]["y"]["calls"]), ([7, 14, 21], 3))
        self.app("verify", "run")

    def test_a_program_is_known_wherever_PATH_finds_it(self):
        for folder in ("one", "two", "three"):
            (self.folder / folder).mkdir()
            self.script(f"{folder}/solve", f"#!/bin/sh\necho {'2' if folder == 'three' else '1'}\n")
        path = lambda folder: {"PATH": f"{self.folder / folder}:{os.environ['PATH']}"}
        text = document(["solve", "{x}"], "returns: number")
        self.values(text, "--run-folder", "run", "--fixed", "i=0", env=path("one"))
        self.refused("map", "doc.yaml", "--run-folder", "run", "--resume", env=path("three"), code=3, words=["the file solve of function 'y'", "--redo y"])
        data, _ = self.values(text, "--run-folder", "run", "--resume", env=path("two"))
        self.assertEqual(data["y"], [1, 1, 1])

    def test_shards_of_other_programs_are_not_merged(self):
        text = document(["./m.sh", "{x}"], "returns: number")
        for number in (1, 2):
            self.script("m.sh", f"#!/bin/sh\necho {number}\n")
            self.values(text, "--run-folder", f"part{number}", "--shard", f"{number}/2")
        self.refused("merge", "part1", "part2", "--into", "all", code=3, words=["cannot merge", "'y'", "./m.sh"])

    # ---- refusals

    def test_refusals_before_anything_runs(self):
        cases = ((document(["./nobody.sh"], "returns: json"), "is not there"),
                 (document(["no-such-program-at-all"], "returns: json"), "PATH"),
                 (document(["/bin/echo", "{x"], "returns: json"), "has no }"),
                 (document(["/bin/echo", "{x:%d}"], "returns: json"), "no format"),
                 (document(["/bin/echo", "{x}"], "returns: xml"), "json, number, text"),
                 (document(["/bin/echo", "{x}"]), "nothing says what the command gives"),
                 (document(["/bin/echo", "{x}"], "returns: {y: ../y.npy}"), "'..'"),
                 (document(["/bin/echo", "{x}"], "returns: {y: y.vtk}"), ".npy"),
                 (document(["/bin/echo", "{x}"], "returns: json\ndtype: flaot64"), "float64"),
                 (document(["/bin/echo", "{x}"], "returns: json\nexpr: x"), "Keep one"),
                 (document(["/bin/echo", "{x}"], "returns: json\nisolation: process"), "of its own"),
                 (document(["/bin/echo", "{x}"], "returns: number", mapspec="x[i, :] -> y[i]",
                           inputs="x: {data: [[1, 2]]}"), "{file:x}"),
                 ("functions: [{output: y, expr: '1', returns: json}]\n", "goes with 'command'"))
        for text, expected in cases:
            with self.subTest(expected=expected):
                self.write("doc.yaml", text)
                self.assertIn(expected, self.app("map", "doc.yaml", expect=2).err)


if __name__ == "__main__":
    unittest.main()
