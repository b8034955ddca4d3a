# SPDX-License-Identifier: BSD-3-Clause
"""Says at the end of `./run test` what ran, what was skipped, and why.

    summary.py JUNIT_XML

The file is what `ctest --output-junit` writes. Tests skip in three ways, each with its reason: a whole CTest test by its exit
code, a case of Python's unittest (`skipped 'reason'`), and a case of GoogleTest, whose reason stands above `[  SKIPPED ]`.
"""
import re
import sys
import xml.etree.ElementTree
from collections import Counter

GOOGLETEST = re.compile(r": Skipped\n(.*?)\n+(?:.*\n)*?\[  SKIPPED \] ([\w./]+)(?: \(\d+ ms\))?$", re.M)


def skipped_cases(output):
    """Pairs of a case and the reason why it did not run, each once: ranks of one job all say the same."""
    cases = set(unittest_cases(output))
    cases |= {(name, reason.strip()) for reason, name in GOOGLETEST.findall(output)}
    return sorted(cases)


def unittest_cases(output):
    """What unittest says in its verbose form: a case, on the same line or a later one how it ended. Classes that are skipped
    as a whole say so for each case."""
    name = ""
    for line in output.splitlines():
        begin = re.match(r"(\w+) \([\w.]+\)", line)
        name = begin[1] if begin else name
        end = re.search(r"\.\.\. skipped ['\"](.*)['\"]$", line)
        if end and name:
            yield name, end[1]


def reason_of(case, output):
    """Why a whole test was skipped: the last line that it wrote, or what CTest says of it."""
    lines = [line.strip() for line in output.splitlines() if "skipped" in line]
    return lines[-1] if lines else (case.find("skipped").get("message") or "no reason was given")


def summarize(text):
    """Lines: how many tests ended how, and everything that was skipped, with the reason."""
    states = Counter()
    skipped = []
    for case in xml.etree.ElementTree.fromstring(text).iter("testcase"):
        output = case.findtext("system-out") or ""
        if case.find("skipped") is not None and "Fixture" not in case.find("skipped").get("message", ""):
            states["skipped"] += 1
            skipped.append(f"{case.get('name')}: {reason_of(case, output)}")
        elif case.get("status") != "run" or case.find("failure") is not None:
            states["failed"] += 1
        else:
            states["passed"] += 1
            skipped += [f"{case.get('name')}, {name}: {reason}" for name, reason in skipped_cases(output)]
    yield "tests: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    yield from (f"  skipped: {line}" for line in skipped)


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        print(*summarize(file.read()), sep="\n")


if __name__ == "__main__":
    main()
