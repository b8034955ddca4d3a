# SPDX-License-Identifier: BSD-3-Clause
"""Runs that are ended from outside: what was done is there, the rest is computed by --resume."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from support import APP, AppTest, children_of

SLOW = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]"}
  - {output: total, expr: "sum(y)"}
inputs: {x: {arange: [0, 90, 1]}, seconds: 0.1}
"""
ELEMENTS = 90
# Neither extent is known before it is computed; each element of w takes about a tenth of a second.
LATE = """
mpipe: 1
functions:
  - {output: k, expr: "arange(n)", mapspec: "... -> k[i]"}
  - {output: w, expr: "arange(m) * k + 0 * sum(arange(10000000))", mapspec: "k[i] -> w[i, t]"}
inputs: {n: 40, m: 3}
"""


class Interrupted(AppTest):
    def setUp(self):
        super().setUp()
        self.write("slow.yaml", SLOW)

    def start_and_wait(self, ranks, done=5, options=()):
        """A run with some elements done, and how many of them its status tells."""
        process = self.start("map", "slow.yaml", "--run-folder", "run", "--json", *options, ranks=ranks)
        path = self.folder / "run" / "status.json"
        self.wait_until(lambda: path.exists() and self.status_file("run")["outputs"]["y"]["done"] >= done, "some elements are done")
        return process

    def resume(self, ranks, options=()):
        """Completes the run, whose elements need not take their time now; returns how many elements that took."""
        self.write("hurry", "")
        result = self.app("map", "slow.yaml", "--run-folder", "run", "--resume", "--json", *options, ranks=ranks).json
        self.assertEqual(result["outputs"]["y"]["data"], [x * x for x in range(ELEMENTS)])
        self.assertEqual(result["outputs"]["total"]["data"], sum(x * x for x in range(ELEMENTS)))
        self.app("verify", "run")
        self.assertEqual(self.app("status", "run", "--json", "--exit-code").json["state"], "completed")
        (self.folder / "hurry").unlink()
        return result["functions"]["y"]["calls"]

    def check_what_is_there(self, told):
        """Elements that were told to be done can be read, and are right."""
        self.app("verify", "run")
        y = self.app("show", "run", "--json").json["outputs"]["y"]
        self.assertGreaterEqual(y["done"], told)
        for x, value in enumerate(y["data"]):
            self.assertIn(value, (None, x * x))
        self.assertEqual(sum(value is not None for value in y["data"]), y["done"])

    def test_files_of_elements_survive_kill_9_and_damaged_ones_are_computed_again(self):
        storage = ["--storage", "file"]
        for ranks, again in ((0, 3), (3, 2)):
            with self.subTest(ranks=ranks):
                self.kill_9(self.start_and_wait(ranks, options=storage))
                self.wait_until(lambda: self.app("status", "run", "--json").json["state"] == "stale", "the run is stale")
                told = self.app("status", "run", "--json").json["outputs"]["y"]["done"]
                self.check_what_is_there(told)
                files = sorted((self.folder / "run" / "elements" / "y").glob("*/*.npy"))
                self.assertGreaterEqual(len(files), told)
                files[0].write_bytes(files[0].read_bytes()[:-1])
                flipped = bytearray(files[1].read_bytes())
                flipped[128] ^= 1
                files[1].write_bytes(flipped)
                self.app("verify", "run", expect=4)
                self.assertEqual(self.resume(again, storage), ELEMENTS - len(files) + 2)
                shutil.rmtree(self.folder / "run")

    def test_what_was_told_of_shapes_that_come_late_is_in_the_results_in_the_end(self):
        self.write("late.yaml", LATE)
        for ranks, again in ((0, 0), (2, 3)):
            with self.subTest(ranks=ranks):
                process = self.start("map", "late.yaml", "--run-folder", "run", ranks=ranks)
                path = self.folder / "run" / "status.json"
                self.wait_until(lambda: path.exists() and self.status_file("run")["outputs"]["w"]["done"] >= 4, "some elements are done")
                self.kill_9(process)
                self.wait_until(lambda: self.app("status", "run", "--json").json["state"] == "stale", "the run is stale")
                told = self.app("status", "run", "--json").json["outputs"]["w"]["done"]
                result = self.app("map", "late.yaml", "--run-folder", "run", "--resume", "--json", ranks=again).json
                self.assertLessEqual(result["functions"]["w"]["calls"], 40 - told)
                self.assertEqual(result["outputs"]["w"]["data"], [[i * t for t in range(3)] for i in range(40)])
                self.app("verify", "run")
                shown = self.app("show", "run", "--json").json["outputs"]["w"]
                self.assertEqual(shown["data"], [[i * t for t in range(3)] for i in range(40)])
                shutil.rmtree(self.folder / "run")

    def stale(self):
        self.wait_until(lambda: self.app("status", "run", "--json").json["state"] == "stale", "the run is stale")
        return self.app("show", "run", "--json").json["outputs"]

    def test_files_that_do_not_open_are_set_aside_and_journals_kept(self):
        for damage in (b"", b"junk" * 100):
            with self.subTest(damage=damage[:4]):
                self.kill_9(self.start_and_wait(0, done=5))
                done = self.stale()["y"]["done"]
                (self.folder / "run" / "results.h5").write_bytes(damage)
                self.assertIn("sets a damaged file aside", self.app("verify", "run", expect=4).err)
                resumed = self.app("map", "slow.yaml", "--run-folder", "run", "--resume", "--json")
                self.assertIn("results.h5.damaged", resumed.err)
                self.assertEqual(resumed.json["functions"]["y"]["calls"], ELEMENTS - done)
                self.assertEqual((self.folder / "run" / "results.h5.damaged").read_bytes(), damage)
                self.assertEqual(self.resume(0), 0)
                self.app("map", "slow.yaml", "--run-folder", "run", "--overwrite", "--output", "y", "--fixed", "i=0:1")
                self.assertFalse((self.folder / "run" / "results.h5.damaged").exists())
                shutil.rmtree(self.folder / "run")

    def test_lost_and_damaged_segments_are_told(self):
        self.write("late.yaml", LATE.replace(" + 0 * sum(arange(10000000))", "").replace("inputs:", """  - {output: bad, expr: "sum(w) + fail_if(n == 40, 0)"}
inputs:"""))
        resume = ("map", "late.yaml", "--run-folder", "run", "--resume")
        self.app(*resume, expect=1)
        run = self.folder / "run"
        segment = run / "segments" / "output-0001.h5"
        segment.write_bytes(segment.read_bytes()[:100])
        resumed = self.app(*resume, "--explain", expect=1)
        self.assertIn("'output-0001.h5.damaged' from now on", resumed.err)
        self.assertIn("'w': 40 of 40 elements are kept", resumed.err)
        self.app("verify", "run")
        for path in (segment, *(run / "journal").glob("rank-*.log")):
            path.unlink()
        told = self.app("verify", "run", expect=4).err
        for text in ("40 elements of 'w' were done, and 0 are there", "output-0001.h5', which is not there"):
            self.assertIn(text, told)
        self.assertIn("'w': 0 of 40 elements are kept", self.app(*resume, "--explain", expect=1).err)
        self.app("verify", "run")

    def test_a_lost_journal_is_told(self):
        self.kill_9(self.start_and_wait(0, done=5))
        self.stale()
        (self.folder / "run" / "journal" / "rank-0000.log").unlink()
        self.assertIn("elements of 'y' were done, and 0 are there", self.app("verify", "run", expect=4).err)
        self.assertEqual(self.resume(0), ELEMENTS)

    def test_status_tells_what_is_stored_of_a_run_that_has_ended(self):
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                process = self.start_and_wait(ranks, done=5)
                self.kill_9(process)
                stored = self.stale()["y"]["done"]
                self.assertEqual(self.app("status", "run", "--json").json["outputs"]["y"]["done"], stored)
                path = self.folder / "run" / "status.json"
                status = json.loads(path.read_text())
                status["outputs"]["y"]["done"] = 1  # as when other ranks had stored more than rank 0 had heard of
                path.write_text(json.dumps(status))
                self.assertEqual(self.app("status", "run", "--json").json["outputs"]["y"]["done"], stored)
                self.app("verify", "run")
                shutil.rmtree(self.folder / "run")

    def test_a_flipped_bit_in_a_journal_costs_one_element(self):
        for ranks, again in ((0, 0), (3, 2)):
            with self.subTest(ranks=ranks):
                self.kill_9(self.start_and_wait(ranks, done=12, options=["--chunksizes", "1"]))
                self.wait_until(lambda: self.app("status", "run", "--json").json["state"] == "stale", "the run is stale")
                done = self.app("show", "run", "--json").json["outputs"]["y"]["done"]
                journal = max((self.folder / "run" / "journal").glob("rank-????.log"), key=lambda path: path.stat().st_size)
                flipped = bytearray(journal.read_bytes())
                flipped[64 + 88 + 20] ^= 1  # in the head of its second frame
                journal.write_bytes(flipped)
                told = self.app("verify", "run", expect=4)
                self.assertIn(f"{journal.name}' is damaged: 88 bytes from byte {64 + 88} on were left out", told.out + told.err)
                self.assertEqual(self.app("show", "run", "--json").json["outputs"]["y"]["done"], done - 1)
                self.assertEqual(self.resume(again), ELEMENTS - done + 1)
                shutil.rmtree(self.folder / "run")

    def test_kill_9_loses_nothing_that_was_told(self):
        for ranks, again in ((0, 3), (1, 0), (3, 2)):
            with self.subTest(ranks=ranks):
                process = self.start_and_wait(ranks)
                self.kill_9(process)
                self.wait_until(lambda: self.app("status", "run", "--json").json["state"] == "stale", "the run is stale")
                status = self.app("status", "run", "--json", "--exit-code", expect=5).json
                told = status["outputs"]["y"]["done"]
                self.assertTrue(5 <= told < ELEMENTS, status)
                self.check_what_is_there(told)
                self.assertLessEqual(self.resume(again), ELEMENTS - told)
                shutil.rmtree(self.folder / "run")

    def test_killed_again_and_again(self):
        told = 0
        for ranks in (2, 0, 3):
            command = ["map", "slow.yaml", "--run-folder", "run", "--resume"]
            process = self.start(*command, ranks=ranks)
            path = self.folder / "run" / "status.json"
            self.wait_until(lambda: path.exists() and self.status_file("run")["outputs"]["y"]["done"] >= told + 4, "more is done")
            self.kill_9(process)
            now = self.status_file("run")["outputs"]["y"]["done"]
            self.check_what_is_there(now)
            told = now
        self.assertLessEqual(self.resume(2), ELEMENTS - told)

    def end_by(self, number, name):
        process = self.start_and_wait(0)
        begin = time.monotonic()
        process.send_signal(number)
        outcome = self.finish(process)
        self.assertLess(time.monotonic() - begin, 5, "the rest of the elements would take longer")
        self.assertEqual(outcome.code, -number, outcome)  # a shell says 128 + number
        self.assertEqual(len(outcome.errors), 1, outcome)
        self.assertIn(name, outcome.errors[0])
        self.assertIn("--resume", outcome.errors[0])
        self.assertEqual(outcome.json["state"], "cancelled")
        status = self.app("status", "run", "--json", "--exit-code", expect=128 + number).json
        self.assertEqual((status["state"], status["exit_code"]), ("cancelled", 128 + number))
        self.assertFalse((self.folder / "run" / "lock").exists())
        told = status["outputs"]["y"]["done"]
        self.check_what_is_there(told)
        self.assertLessEqual(self.resume(2), ELEMENTS - told)

    def test_sigterm(self):
        self.end_by(signal.SIGTERM, "Terminated")

    def test_sigint(self):
        self.end_by(signal.SIGINT, "Interrupt")

    def test_limits_and_user_signals(self):
        for number, name in ((signal.SIGUSR2, "User defined signal 2"), (signal.SIGXCPU, "CPU time"), (signal.SIGXFSZ, "File size")):
            with self.subTest(name):
                self.end_by(number, name)
                shutil.rmtree(self.folder / "run")

    def test_limits_and_user_signals_to_ranks(self):
        for ranks, number in ((1, signal.SIGXCPU), (2, signal.SIGUSR2), (3, signal.SIGXFSZ), (3, signal.SIGTERM)):
            with self.subTest(ranks=ranks, number=number):
                process = self.start_and_wait(ranks)
                os.kill(self.status_file("run")["pid"], number)
                outcome = self.finish(process)
                self.assertEqual(outcome.code, 128 + number, outcome)
                status = self.app("status", "run", "--json", "--exit-code", expect=128 + number).json
                self.assertEqual(status["state"], "cancelled")
                self.assertFalse((self.folder / "run" / "lock").exists())
                told = status["outputs"]["y"]["done"]
                self.check_what_is_there(told)
                self.assertLessEqual(self.resume(0), ELEMENTS - told)
                shutil.rmtree(self.folder / "run")

    def test_a_limit_that_the_results_exceed_leaves_a_folder_that_can_be_used(self):
        self.write("big.yaml", """
functions: [{output: z, expr: "x * y", mapspec: "x[i], y[j] -> z[i, j]"}]
inputs: {x: {linspace: [0, 1, 1000]}, y: {linspace: [0, 1, 1000]}}
""")
        # Not a limit of the launcher: where its own files exceed it, it waits for a lock that nobody releases.
        limited = ("bash", "-c", 'ulimit -f 1000; exec "$@"', "limited")
        for ranks in (0, 2):
            outcome = self.app("map", "big.yaml", "--run-folder", "run", each=limited, ranks=ranks, expect=None)
            self.assertEqual(outcome.code, 153 if ranks else -signal.SIGXFSZ, outcome)
            self.assertNotIn("is kept", outcome.err)
            self.assertFalse((self.folder / "run" / "lock").exists())
            # The start takes back what it made, as far as it gets before it ends.
            self.app("map", "big.yaml", "--run-folder", "run", ranks=ranks)
            self.app("verify", "run")
            shutil.rmtree(self.folder / "run")

    def test_what_was_in_memory_is_not_told(self):
        for ranks, number in ((0, signal.SIGTERM), (2, signal.SIGUSR2), (3, signal.SIGKILL)):
            with self.subTest(ranks=ranks):
                process = self.start_and_wait(ranks, options=["--storage", "memory"])
                if number == signal.SIGKILL:
                    self.kill_9(process)
                    self.wait_until(lambda: self.app("status", "run", "--json").json["state"] == "stale", "the run is stale")
                else:
                    os.kill(self.status_file("run")["pid"], number)
                    self.assertRegex(self.finish(process).err, "in memory only are lost: [0-9]+ of 'y'")
                status = self.app("status", "run", "--json").json
                self.assertEqual(status["outputs"]["y"]["done"], 0)
                self.assertRegex(status["message"], "in memory only are lost: [0-9]+ of 'y'")
                self.check_what_is_there(0)
                shutil.rmtree(self.folder / "run")

    def test_signals_that_were_ignored_stay_so(self):
        ignores = ("bash", "-c", 'trap "" HUP INT TERM; exec "$@"', "ignores")
        process = self.start("map", "slow.yaml", "--run-folder", "run", "--json", before=ignores)
        path = self.folder / "run" / "status.json"
        self.wait_until(path.exists, "the run has begun")
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
        self.write("hurry", "")
        self.assertEqual(self.finish(process).json["state"], "completed")

    def test_a_second_sigint_ends_at_once(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)  # who says something waits for a reader for ever
        process = subprocess.Popen([APP, "map", "slow.yaml", "--run-folder", "run", "--progress", "none"], cwd=self.folder,
                                   env=self.environment(), stdout=subprocess.DEVNULL, stderr=writer)
        os.close(writer)
        self.running.append(process)
        self.wait_until((self.folder / "run" / "status.json").exists, "the run has begun")
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(5), -signal.SIGINT)

    def test_sigterm_to_mpirun(self):
        process = self.start_and_wait(3)
        process.send_signal(signal.SIGTERM)
        outcome = self.finish(process)
        self.assertNotEqual(outcome.code, 0)
        status = self.app("status", "run", "--json", "--exit-code", expect=143).json
        self.assertEqual(status["state"], "cancelled")
        self.assertFalse((self.folder / "run" / "lock").exists())
        told = status["outputs"]["y"]["done"]
        self.check_what_is_there(told)
        self.assertLessEqual(self.resume(0), ELEMENTS - told)

    def test_a_rank_that_dies_ends_the_run(self):
        process = self.start_and_wait(3)
        others = [pid for pid in children_of(process.pid) if pid != self.status_file("run")["pid"]]
        self.assertEqual(len(others), 2, others)
        os.kill(others[0], signal.SIGKILL)
        outcome = self.finish(process)
        self.assertNotEqual(outcome.code, 0)
        status = self.app("status", "run", "--json").json
        self.assertIn((status["state"], status["exit_code"]), (("cancelled", 143), ("failed", 5)))
        told = status["outputs"]["y"]["done"]
        self.check_what_is_there(told)
        self.assertLessEqual(self.resume(3), ELEMENTS - told)

    def check_drained(self, outcome, ranks, options=()):
        self.assertEqual((outcome.code, outcome.json["state"]), (75, "drained"))
        status = self.app("status", "run", "--json").json
        self.assertEqual((status["state"], status["exit_code"]), ("drained", 75))
        self.assertFalse((self.folder / "run/lock").exists())
        told = status["outputs"]["y"]["done"]
        self.assertLess(told, ELEMENTS)
        self.check_what_is_there(told)
        self.assertEqual(self.resume(ranks, options), ELEMENTS - told)

    def test_sigusr1_drains(self):
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                process = self.start_and_wait(ranks)
                process.send_signal(signal.SIGUSR1)
                self.check_drained(self.finish(process), ranks)
                shutil.rmtree(self.folder / "run")

    def test_a_deadline_drains_in_time(self):
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                slower = ["--set", "seconds=0.3"]
                deadline = int(time.time()) + 6
                outcome = self.finish(self.start_and_wait(ranks, 1, options=[*slower, "--deadline", f"@{deadline}"]))
                # The last word of the run; mpirun itself takes its time to end. A machine that is busy with other tests
                # may be late by moments, and all elements would take longer than these.
                self.assertLess((self.folder / "run/status.json").stat().st_mtime, deadline + 3)
                self.check_drained(outcome, ranks, slower)
                shutil.rmtree(self.folder / "run")

    def test_a_deadline_that_is_no_time(self):
        self.refused("map", "slow.yaml", "--deadline", "soon", words=("--deadline", "30min"))


if __name__ == "__main__":
    unittest.main()
