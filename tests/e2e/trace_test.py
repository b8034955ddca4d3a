# SPDX-License-Identifier: BSD-3-Clause
"""The timeline of `map --trace`: who computed what when."""
import json
import signal
import unittest

from support import GRID, AppTest

SLOW = """
mpipe: 1
functions: [{output: y, command: [sleep, "{x}"], returns: {y: none.txt}, mapspec: "x[i] -> y[i]"}]
inputs: {x: [30, 30]}
"""


class Trace(AppTest):
    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)

    def trace(self, *arguments, **options):
        self.app("map", "grid.yaml", "--trace", "trace.json", *arguments, **options)
        return json.loads((self.folder / "trace.json").read_text())

    def blocks(self, trace):
        return [event for event in trace["traceEvents"] if event["ph"] == "X"]

    def test_every_element_is_in_one_block(self):
        for ranks in (0, 1, 3):
            with self.subTest(ranks=ranks):
                trace = self.trace("--chunksizes", "2", ranks=ranks)
                elements = {}
                for block in self.blocks(trace):
                    first, count = block["args"]["first element"], block["args"]["elements"]
                    elements.setdefault(block["name"], []).extend(range(first, first + count))
                self.assertEqual({name: sorted(which) for name, which in elements.items()},
                                 {"z": list(range(15)), "total": [0, 1, 2], "top": [0]})
                self.assertEqual(trace["otherData"], {"events left out": 0})

    def test_a_worker_does_one_thing_at_a_time(self):
        trace = self.trace("--chunksizes", "1", ranks=3)
        rows = {}
        for block in self.blocks(trace):
            self.assertGreaterEqual(block["ts"], 0)
            rows.setdefault((block["pid"], block["tid"]), []).append((block["ts"], block["ts"] + block["dur"]))
        titles = {event["tid"]: event["args"]["name"] for event in trace["traceEvents"]
                  if event["ph"] == "M" and event["name"] == "thread_name"}
        for (_, row), spans in rows.items():
            self.assertRegex(titles[row], r"^rank \d \(")
            spans.sort()
            for (_, end), (begin, _) in zip(spans, spans[1:]):
                self.assertGreaterEqual(begin, end - 0.2)  # microseconds, which are rounded to tenths

    def test_the_end_and_failures_are_marked(self):
        marks = [event["name"] for event in self.trace()["traceEvents"] if event["ph"] == "i"]
        self.assertIn("completed", marks)
        self.write("grid.yaml", GRID.replace("x * 10 + y", "fail_if(x == 2, y)"))
        trace = self.trace("--error-handling", "continue", expect=1)
        self.assertIn("failed: z", [event["name"] for event in trace["traceEvents"] if event["ph"] == "i"])

    def test_of_several_runs_each_has_rows_of_its_own(self):
        self.write("grid.yaml", GRID + "runs:\n  - {name: small}\n  - {name: large, inputs: {x: [1, 2, 3, 4]}}\n")
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                trace = self.trace("--max-concurrent", "2", ranks=ranks)
                names = {event["pid"]: event["args"]["name"] for event in trace["traceEvents"]
                         if event["name"] == "process_name"}
                counts = {}
                for block in self.blocks(trace):
                    if block["name"] == "z":
                        run = names[block["pid"]]
                        counts[run] = counts.get(run, 0) + block["args"]["elements"]
                self.assertEqual(counts, {"small": 15, "large": 20})

    def test_a_long_run_keeps_its_beginning_its_end_and_a_sample(self):
        self.write("grid.yaml", 'functions: [{output: y, expr: "x + 1", mapspec: "x[i] -> y[i]"}]\n'
                                "inputs: {x: {arange: [80000]}}\n")
        trace = self.trace("--chunksizes", "1")
        firsts = [block["args"]["first element"] for block in self.blocks(trace)]
        self.assertEqual(len(firsts) + trace["otherData"]["events left out"], 80000)
        self.assertEqual(firsts[:20000], list(range(20000)))
        self.assertEqual(firsts[-19999:], list(range(60001, 80000)))  # the mark of the end is among the last events
        self.assertEqual(firsts, sorted(set(firsts)))

    def test_is_written_when_a_signal_ends_the_run(self):
        self.write("slow.yaml", SLOW)
        process = self.start("map", "slow.yaml", "--run-folder", "run", "--trace", "trace.json")
        self.wait_until(lambda: (self.folder / "run/status.json").exists(), "the run has begun")
        process.send_signal(signal.SIGTERM)
        self.finish(process)
        self.wait_until(lambda: (self.folder / "trace.json").exists(), "the timeline")
        json.loads((self.folder / "trace.json").read_text())

    def test_where_it_cannot_be_written_nothing_runs(self):
        self.refused("map", "grid.yaml", "--trace", "none/trace.json", "--run-folder", "run", code=4, words=["none"])
        self.refused("map", "grid.yaml", "--trace", ".", "--run-folder", "run", words=["is no file"], ranks=2)

    def test_it_replaces_an_earlier_one_and_nothing_else(self):
        self.trace()
        self.trace()
        before = (self.folder / "grid.yaml").read_bytes()
        self.refused("map", "grid.yaml", "--trace", "grid.yaml", words=["'", "grid.yaml", "no timeline"])
        self.assertEqual((self.folder / "grid.yaml").read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
