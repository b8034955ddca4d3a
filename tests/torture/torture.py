#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Kills runs of random documents at random moments, again and again, and holds what is left to what was promised.

Each case follows from its seed: document, options, numbers of ranks, whom a signal hits in which phase. When exactly the
signal comes depends on the machine. Exit code 1 where something was lost, could not be read, was wrong, or hung.
"""
import argparse
import collections
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from cases import PHASES, Case
from processes import LONGEST, LOOK, Hang, Run, Watch, command


class Finding(Exception):
    """A promise that was broken: its kind, and how."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def require(holds, kind, text):
    if not holds:
        raise Finding(kind, text)


def flat(data, axes):
    """The values of an array with so many axes; a complex value is a list by itself."""
    return [each for part in data for each in flat(part, axes - 1)] if axes else [data]


class Stored:
    """A run folder, read by the program."""

    def __init__(self, folder):
        self.folder = folder

    def exists(self):
        return (self.folder / "run.json").exists()

    def read(self, *arguments):
        code, out, err = command(*arguments, folder=self.folder.parent)
        require(code == 0, "unreadable", f"{' '.join(map(str, arguments))}: exit code {code}: {err}{out.decode(errors='replace')}")
        return out

    def status(self):
        return json.loads(self.read("status", self.folder, "--json"))

    def verify(self):
        self.read("verify", self.folder)

    def outputs(self):
        return json.loads(self.read("show", self.folder, "--json", "--max-print", "2000"))["outputs"]

    def array(self, output):
        """Of numbers: the bytes of a file of numpy. Of others: none."""
        path = self.folder.parent / "values.npy"
        code, _, err = command("show", self.folder, output, "--npy", path, folder=self.folder.parent)
        require(code in (0, 2), "unreadable", f"show {output} --npy: exit code {code}: {err}")
        return path.read_bytes() if code == 0 else None

    def elements(self):
        """Bytes of the files of elements, up to the trailer, which names the run."""
        return {str(path.relative_to(self.folder)): path.read_bytes().rpartition(b"mpipeelm")[0]
                for path in sorted(self.folder.glob("elements/*/*/*.npy"))}


def without_time(outputs):
    keys = ("shape", "dims", "dtype", "done", "failed", "blocked", "pending", "data")
    return {name: {key: output.get(key) for key in keys} for name, output in outputs.items()}


class Trial:
    """One case, in a folder of its own."""

    def __init__(self, case, folder, counts):
        self.case, self.folder, self.counts = case, folder, counts
        (folder / "case.json").write_text(case.text())
        self.told = collections.Counter()  # (run, output): most elements that ever were told as done
        self.starting = 0.7  # seconds until a start has a status, as far as was seen
        self.story = []

    def stored(self, name):
        return [Stored(self.folder / name / each) for each in self.case.names] or [Stored(self.folder / name)]

    def start(self, name, life, *options):
        self.story.append(f"{life} {options} {life.options} {life.environment.get('MPIPE_JOURNAL_LIMIT')}")
        return Run(["map", "case.json", "--run-folder", name, "--progress", "none", "--json", "--max-print", "0", *options,
                    *life.options], life.ranks, self.folder, life.environment)

    def run(self):
        self.undisturbed()
        for life in self.case.lives:
            if not self.live(life):
                break  # it was complete before the signal
        self.complete()

    def undisturbed(self):
        life = self.case.last
        ranks, life.ranks = life.ranks, self.case.undisturbed_ranks
        watch = Watch([each.folder for each in self.stored("undisturbed")])
        run = self.start("undisturbed", life)
        while not watch.is_running() and not run.ended():
            time.sleep(LOOK)
        begun = time.monotonic()
        self.code = run.wait()
        self.lasts = time.monotonic() - begun
        life.ranks = ranks
        out, err = run.texts()
        require(self.code in (0, 1), "refused", f"the undisturbed run: exit code {self.code}: {err}{out}")
        self.expected = [without_time(stored.outputs()) for stored in self.stored("undisturbed")]

    # --- a life that is cut short

    def live(self, life):
        """Returns whether the signal came in time."""
        stored = self.stored("run")
        watch = Watch([each.folder for each in stored])
        run = self.start("run", life, "--resume")
        self.wait_for(life, run, watch)
        phase = watch.phase()
        number = signal.SIGTERM if life.is_term else signal.SIGKILL
        in_time = not run.ended()
        if not run.wait_for_all(run.signal(life.victim, number) if in_time else []):
            self.counts[phase, "launchers that stayed"] += 1
        self.story.append(f"  killed while {phase}, exit code {run.process.returncode}" if in_time else "  ended by itself")
        if in_time:
            self.counts[phase, "kills"] += 1
        self.phase = phase
        # A run that ends by a signal or the death of a rank says so; one that ended by itself has the code of all.
        if not in_time:
            out, err = run.texts()
            require(run.process.returncode == self.code, "wrong", f"exit code {run.process.returncode}: {err}{out}")
        for k, each in enumerate(stored):
            self.check_what_is_there(k, each)
        return in_time

    def wait_for(self, life, run, watch):
        """Until the moment of the phase has come that the signal is for."""
        if life.phase == "creating":
            end = run.began + self.starting * life.moment
            while time.monotonic() < end and not run.ended():
                time.sleep(LOOK)
            return
        while not watch.is_running() and not run.ended():
            time.sleep(LOOK)
        self.starting = max(self.starting, time.monotonic() - run.began)
        now = time.monotonic()
        begin = now + life.moment * self.lasts * (1 - watch.share_done())
        come = {"running": lambda: True, "committing": watch.is_committing, "finishing": watch.is_finishing}[life.phase]
        while not run.ended() and time.monotonic() < now + LONGEST:
            if (life.phase == "finishing" or time.monotonic() >= begin) and come():
                break
            time.sleep(LOOK)
        time.sleep(life.wait if life.phase == "running" else life.wait / 5)

    def check_what_is_there(self, k, stored):
        if not stored.exists():
            return
        status = stored.status()
        shown = stored.outputs()
        require(status["state"] not in ("running", "pending"), "wrong", f"nobody lives, and the state is {status['state']}")
        complete = all(output["pending"] == 0 for output in shown.values()) and len(shown) == len(self.case.document["functions"])
        require(status["state"] != "completed" or complete, "wrong", f"the state is completed: {status}")
        for name, output in shown.items():
            claimed = status.get("outputs", {}).get(name, {}).get("done", 0)
            require(claimed <= output["done"], "losses", f"{name}: status tells of {claimed} done, {output['done']} are there")
            if name not in self.case.in_memory:
                require(self.told[k, name] <= output["done"], "losses", f"{name}: {self.told[k, name]} were done, {output['done']} are there")
                self.told[k, name] = max(claimed, output["done"])
            self.check_values(name, output, self.expected[k][name])
        stored.verify()

    @staticmethod
    def check_values(name, output, expected):
        if output.get("data") is None or expected["data"] is None:
            return
        axes = len(expected["shape"])
        pairs = list(zip(flat(output["data"], axes), flat(expected["data"], axes)))
        wrong = [pair for pair in pairs if pair[0] is not None and pair[0] != pair[1]]
        require(not wrong, "wrong", f"{name} has other values: {wrong[:3]}")
        require(output["dtype"] == expected["dtype"], "wrong", f"{name} has another type: {output['dtype']}")

    # --- the last life

    def complete(self):
        before = collections.Counter()
        for stored in self.stored("run"):
            if stored.exists():
                for name, output in stored.outputs().items():
                    before[name] += output["done"]
        run = self.start("run", self.case.last, "--resume")
        code = run.wait()
        out, err = run.texts()
        self.phase = "last"
        require(code == self.code, "refused", f"the last start: exit code {code}, not {self.code}: {err}{out}")
        self.check_calls(json.loads(out[out.index("{"):]), before)
        for mine, its, expected in zip(self.stored("run"), self.stored("undisturbed"), self.expected):
            status = mine.status()["state"]
            require(status == its.status()["state"], "wrong", f"the state is {status}")
            mine.verify()
            self.compare(mine, its, expected)

    def check_calls(self, told, before):
        """Nothing that was done is computed again."""
        elements = collections.Counter()
        for expected in self.expected:
            for name, output in expected.items():
                elements[name] += output["done"] + output["failed"] + output["blocked"]
        for name, function in told["functions"].items():
            if name not in self.case.in_memory | self.case.crashes:
                most = elements[name] - before[name]
                require(function["calls"] <= most, "losses", f"{name}: {function['calls']} calls for {most} elements")

    def compare(self, mine, its, expected):
        shown = without_time(mine.outputs())
        for name, output in expected.items():
            require(shown.get(name) == output, "wrong", f"{name} differs:\n{json.dumps(shown.get(name))}\n{json.dumps(output)}")
            require(mine.array(name) == its.array(name), "wrong", f"{name} has other bytes")
        require(mine.elements() == its.elements(), "wrong", "files of elements differ")
        left = [name for name in ("journal", "segments", "lock") if (mine.folder / name).exists()]
        left += [path.name for path in mine.folder.rglob("*.tmp")]
        require(self.code or not left, "wrong", f"left over: {left}")


class Torture:
    def __init__(self, arguments):
        self.arguments = arguments
        self.counts = collections.Counter()
        self.findings = []

    def try_case(self, seed):
        case = Case(seed)
        folder = Path(tempfile.mkdtemp(prefix=f"mpipe-torture-{seed}-", dir=self.arguments.folder))
        trial = Trial(case, folder, self.counts)
        trial.phase = "creating"
        begin = time.monotonic()
        try:
            trial.run()
            result = "well"
        except (Finding, Hang) as finding:
            kind = finding.kind if isinstance(finding, Finding) else "hangs"
            self.counts[trial.phase, kind] += 1
            story = "\n".join(trial.story)
            self.findings.append(f"seed {seed}: {kind} after {trial.phase}: {finding}\n{story}\nkept: {folder}")
            result = self.findings[-1]
        print(f"seed {seed}: {sum('killed' in line for line in trial.story)} kills, {time.monotonic() - begin:.1f} s: {result}", flush=True)
        if result == "well":
            shutil.rmtree(folder)

    def run(self):
        end = time.monotonic() + self.arguments.minutes * 60
        seed, cases = self.arguments.seed, 0
        while cases < self.arguments.cases and time.monotonic() < end and len(self.findings) < self.arguments.findings:
            self.try_case(seed)
            seed, cases = seed + 1, cases + 1
        self.report(cases)
        return 1 if self.findings else 0

    def report(self, cases):
        kinds = ("kills", "losses", "unreadable", "wrong", "refused", "hangs")
        print(f"{cases} cases from seed {self.arguments.seed} on\n{'phase':12}" + "".join(f"{kind:>12}" for kind in kinds))
        for phase in (*PHASES, "last"):
            print(f"{phase:12}" + "".join(f"{self.counts[phase, kind]:12}" for kind in kinds))
        stayed = sum(self.counts[phase, "launchers that stayed"] for phase in PHASES)
        print(f"launchers that stayed when all ranks were gone, and were ended: {stayed}")
        for finding in self.findings:
            print(f"\n{finding}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=10)
    parser.add_argument("--seed", type=int, help="of the first case; without: by the clock")
    parser.add_argument("--cases", type=int, default=sys.maxsize, help="at most so many")
    parser.add_argument("--findings", type=int, default=1, help="stop after so many")
    parser.add_argument("--folder", help="where run folders are made")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = int(time.time())
        print(f"seed {arguments.seed}", flush=True)
    return Torture(arguments).run()


if __name__ == "__main__":
    sys.exit(main())
