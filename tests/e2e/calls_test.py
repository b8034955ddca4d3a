# SPDX-License-Identifier: BSD-3-Clause
"""Calls that are told to stop, that know which try they are, and that end their rank."""
import os
import signal
import time
import unittest

from support import AppTest

ALL = os.environ.get("MPIPE_E2E_ALL") == "1"  # more ranks and executors, for which there is not always time

WAITS = """
mpipe: 1
functions: [{output: y, plugin: libe2e_functions.so, function: waits, mapspec: "x[i] -> y[i]"}]
inputs: {x: [1, 2, 3, 4, 5, 6], name: NAME}
"""

DIES = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: dies_at, mapspec: "x[i] -> y[i]"}
  - {output: z, expr: "y + 1", mapspec: "y[i] -> z[i]"}
inputs: {x: [1, 2, 3, 4, 5, 6], bad: 4, how: HOW}
"""


class Calls(AppTest):
    def begin(self, run, *options, ranks=0):
        """A run whose functions have begun, one on each worker."""
        self.write("waits.yaml", WAITS.replace("NAME", str(self.folder / run) + ".go"))
        process = self.start("map", "waits.yaml", "--run-folder", run, "--chunksizes", "1", "--json", *options, ranks=ranks)
        self.wait_until(lambda: len(list(self.folder.glob(f"{run}.go-*.begun"))) >= max(1, ranks - 1), "calls")
        return process

    def check_stopped(self, process, run, *options, ranks=0):
        """Nothing is done and nothing failed, and a resume computes all."""
        outcome = self.finish(process)
        self.assertEqual((outcome.code, outcome.json["state"]), (75, "drained"), outcome.err)
        y = outcome.json["outputs"]["y"]
        self.assertEqual((y["done"], y["failed"], y["pending"]), (0, 0, 6))
        self.assertTrue(list(self.folder.glob(f"{run}.go-*.stopped")))
        self.app("verify", run)
        self.write(run + ".go", "")
        again = self.app("map", "waits.yaml", "--run-folder", run, "--resume", "--json", *options, ranks=ranks).json
        self.assertEqual(again["outputs"]["y"]["data"], [1, 4, 9, 16, 25, 36])
        self.assertEqual(again["functions"]["y"]["calls"], 6)

    def test_a_signal_reaches_calls(self):
        cases = [(3, ()), (0, ("--isolate", "y"))]
        if ALL:
            cases += [(0, ()), (3, ("--isolate", "y")), (0, ("--executor", "threads:2")), (0, ("--executor", "processes:2"))]
        for ranks, options in cases:
            with self.subTest(ranks=ranks, options=options):
                run = f"run-{ranks}" + "".join(options).replace(":", "")
                process = self.begin(run, *options, ranks=ranks)
                process.send_signal(signal.SIGUSR1)
                self.check_stopped(process, run, *options, ranks=ranks)

    @unittest.skipUnless(ALL, "the deadline must leave a busy machine the time to begin")
    def test_the_deadline_reaches_calls(self):
        for ranks, options in ((2, ("--isolate", "y")), (0, ())):
            with self.subTest(ranks=ranks, options=options):
                run = f"run-{ranks}"
                process = self.begin(run, "--deadline", f"@{int(time.time()) + 15}", *options, ranks=ranks)
                self.check_stopped(process, run, ranks=ranks)

    def test_the_end_of_its_own_time_reaches_a_call(self):
        self.write("waits.yaml", WAITS.replace("NAME", "never").replace("waits,", "waits, isolation: process, resources: {time: 1},")
                   .replace("[1, 2, 3, 4, 5, 6]", "[1]"))
        outcome = self.app("map", "waits.yaml", "--json", expect=1)
        self.assertIn("timed out: it stopped by itself when its time of 1 s was nearly over (at a good place)", outcome.err)
        self.assertTrue((self.folder / "never-1.stopped").exists())

    def test_a_call_that_nobody_told_to_stop_has_failed(self):
        self.write("alone.yaml", WAITS.replace("waits,", "stops_by_itself,").replace(", name: NAME", ""))
        for options in ((), ("--isolate", "y")):
            outcome = self.app("map", "alone.yaml", "--json", *options, expect=1)
            self.assertIn("stopped before it was done (though nothing had told it to)", outcome.err)

    def test_calls_know_which_try_they_are(self):
        self.write("tries.yaml", WAITS.replace("waits,", "third_try,").replace(", name: NAME", ""))
        for ranks, options in ((0, ()), (0, ("--isolate", "y")), (3, ()), (0, ("--executor", "threads:2")))[:4 if ALL else 2]:
            with self.subTest(ranks=ranks, options=options):
                result = self.app("map", "tries.yaml", "--retries", "2", "--json", *options, ranks=ranks).json
                self.assertEqual(result["outputs"]["y"]["data"], [f"std::runtime_error: try 2 of {k}" for k in range(1, 7)])
        self.app("map", "tries.yaml", "--retries", "1", "--json", expect=1)

    def check_death(self, how, ranks, words, *options):
        run = f"run-{how}-{ranks}"
        self.write("dies.yaml", DIES.replace("HOW", how))
        outcome = self.app("map", "dies.yaml", "--run-folder", run, "--chunksizes", "1", *options, ranks=ranks, expect=None)
        self.assertNotEqual(outcome.code, 0)
        for word in words + ("in y[3].", "'--resume --isolate y'"):
            self.assertIn(word, outcome.err)
        status = self.app("status", run, "--json", "--exit-code", expect=5).json
        self.assertEqual(status["state"], "failed")
        for word in words + ("in y[3].", "'--resume --isolate y'"):
            self.assertIn(word, status["message"])
        again = self.app("map", "dies.yaml", "--run-folder", run, "--resume", "--isolate", "y", "--error-handling", "continue", "--json",
                         ranks=ranks, expect=1).json
        self.assertEqual(again["outputs"]["y"]["data"], [2, 4, 6, None, 10, 12])
        self.assertEqual(again["outputs"]["z"]["data"], [3, 5, 7, None, 11, 13])
        self.assertFalse((self.folder / run / "crash.txt").exists(), "it is of the start before")
        self.app("verify", run)

    def test_a_function_that_ends_its_rank_is_named(self):
        cases = [("abort", 3, ("crashed by signal 6 (SIGABRT)",)), ("exit", 0, ("rank 0 on ", "was ended by exit(0)"))]
        if ALL:
            cases += [("memory", 0, ("rank 0 on ", "crashed by signal 11 (SIGSEGV)")), ("memory", 1, ("SIGSEGV",)), ("memory", 2, ("SIGSEGV",)),
                      ("exit", 3, ("was ended by exit(0)",))]
        for how, ranks, words in cases:
            with self.subTest(how=how, ranks=ranks):
                self.check_death(how, ranks, words)

    def test_it_is_named_without_a_run_folder(self):
        self.write("dies.yaml", DIES.replace("HOW", "abort"))
        outcome = self.app("map", "dies.yaml", "--json", expect=None)
        self.assertIn("crashed by signal 6 (SIGABRT) in y[3].", outcome.err)


if __name__ == "__main__":
    unittest.main()
