# SPDX-License-Identifier: BSD-3-Clause
"""What the pages tell readers to type, typed: the files are written, the commands run in order, the outputs compared.

How pages are read, which nobody has to know who reads them:
- a fenced block is a file where its first line is a comment with a name (`# wing.yaml`), or where the paragraph above names one
  in backticks and ends in a colon; a fenced block that begins with `  - ` goes before the `inputs:` of the last document;
- in an indented block a line that begins with `$ ` is a command, the lines below are its output; `...` stands for any lines;
- a fenced block of Python that is no file is run, where an indented block follows: its output;
- a fenced block of `sh` holds commands, of which only the success counts.
Times, rates, hosts, processes and dates are no promise: VOLATILE says what stands for what.
"""
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

import support

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 280  # seconds for one command, on a busy machine too

VOLATILE = [
    (r"^progress:.*\n|^Killed\n", ""),
    (r" in [\d.e+-]+ (ns|us|ms|s|min)\b", " in TIME"),
    (r"[\d.e+-]+/s\b", "RATE/s"),
    (r"utilisation \d+ % of the workers, \d+ % of all ranks", "utilisation"),
    (r"on 1 host \([^)]*\), \d+ cores, (not bound|bound to \w+)", "on 1 host"),
    (r"process \d+ on \S+, since \S+", "process"),
    (r"on rank 0, \w+", "on rank 0"),
    (r"at 20[\d-]+T[\d:]+Z", "at TIME"),
    (r"last sign of life .* ago", "last sign of life"),
    (r"'/[^']*/runs/", "'/path/to/sweeps/runs/"),
    (r"  +", " "),
]
KILLED = [  # of a run that was ended in the middle, nobody knows how far it came
    (r"stale, [\d.]+ % done", "stale"),
    (r"10000 \d+ 0 0 \d+", "10000 SOME 0 0 OTHERS"),
    (r"\d+ elements kept", "SOME elements kept"),
    (r"completed: \d+ elements", "completed"),
]


def blocks(text):
    """The parts of a page in their order: ("text", paragraph), (language, fenced block) and ("", indented block)."""
    for part in re.finditer(r"^```(\w+)\n(.*?)^```$|((?:^    [^\n]*\n(?:\n(?=    ))?)+)|((?:^(?!```|    )[^\n]+\n)+)", text, re.S | re.M):
        language, fenced, indented, paragraph = part.groups()
        if fenced is not None:
            yield language, fenced
        elif indented is not None:
            yield "", re.sub("^    ", "", indented, flags=re.M)
        else:
            yield "text", paragraph


def name_of(language, block, paragraph):
    """The file that a fenced block is, or None."""
    first = re.match(r"(?:#|//|!) (\S+\.\w+)\n", block)
    if first:
        return first[1]
    named = re.findall(r"`([\w./-]+\.(?:yaml|cpp|c|py|f90|sh|txt))`", paragraph.strip().rpartition("\n\n")[2])
    return named[-1] if named and paragraph.rstrip().endswith(":") else None


def plain(text, patterns):
    for pattern, word in patterns:
        text = re.sub(pattern, word, text, flags=re.M)
    return text.rstrip()


def matches(expected, found, patterns):
    """Whether an output is what the page says."""
    parts = plain(expected, patterns).split("\n...\n")
    return re.fullmatch(r"\n(?:.*\n)*".join(re.escape(part) for part in parts), plain(found, patterns)) is not None


class Page(support.AppTest):
    patterns = VOLATILE
    commands = 0

    def run_it(self, command):
        """A command as a shell reads it, and what it said on both streams; the shell keeps what was exported before."""
        self.commands += 1
        environment = self.environment({"MPIPE": str(ROOT), "PATH": f"{Path(support.APP).parent}:{os.environ['PATH']}",
                                        "PKG_CONFIG_PATH": "", "OMPI_MCA_rmaps_base_oversubscribe": "1"})
        command = re.sub(r"^mpirun ", f"{support.MPIEXEC} --bind-to none ", command)
        process = subprocess.Popen(["bash", "-c", command], cwd=self.folder, env=environment, text=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.running.append(process)
        return process

    def said(self, command):
        try:
            return self.run_it(command).communicate(timeout=PATIENCE)[0]
        except subprocess.TimeoutExpired:
            return self.fail(f"no end within {PATIENCE} s: {command}")

    def kill_in_the_middle(self, command):
        """For `timeout -s KILL 3 COMMAND`: three seconds are not the same everywhere, so it is killed when it has come far enough."""
        self.patterns = VOLATILE + KILLED
        process = self.run_it(command)
        path = self.folder / re.search(r"--run-folder (\S+)", command)[1] / "status.json"
        self.wait_until(lambda: path.exists() and re.search(r'"done": ?[1-9]', path.read_text()), "some elements are done", PATIENCE)
        self.kill_9(process)
        self.wait_until(lambda: "its process is gone" in self.app("status", path.parent).out, "the run is stale")

    def session(self, block):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n?)*)", block, re.M):
            if command.startswith(("./run ", "export ", "mkdir ", "cmake ")):
                continue  # that is how this test came to be here
            with self.subTest(command):
                killed = re.match(r"timeout -s KILL \d+ (.*)", command)
                if killed:
                    self.kill_in_the_middle(killed[1])
                    continue
                said = self.said(command)
                self.assertTrue(matches(expected, said, self.patterns), f"the page says\n{expected}\nbut it is\n{said}")

    def page(self, path, at_least, until=None):
        """Follows a page, in which this test finds at least so many commands."""
        before = self.commands
        text = (ROOT / path).read_text()
        paragraph = document = python = ""
        for language, block in blocks(text[:text.index(until)] if until else text):
            if language == "text":
                paragraph, python = block, ""
                continue
            name = name_of(language, block, paragraph) if language else None
            if name:
                document = name if name.endswith(".yaml") else document
                self.write(name, block)
            elif block.startswith("  - "):
                whole = (self.folder / document).read_text()
                self.write(document, whole.replace("\ninputs:", "\n" + block + "\ninputs:", 1))
            elif language == "python":
                python = block
            elif not language and python:
                self.python(python, block)
            elif not language and re.search(r"^\$ ", block, re.M):
                self.session(block)
            elif language == "sh":
                self.script(block)
        self.assertGreaterEqual(self.commands - before, at_least, f"commands were found in {path}")

    def python(self, program, expected):
        self.write("program.py", program)
        with self.subTest(program):
            said = self.said(f"{sys.executable} program.py")
            self.assertTrue(matches(expected, said, self.patterns), f"the page says\n{expected}\nbut it is\n{said}")

    def script(self, block):
        for command in block.splitlines():
            command = command.partition("  #")[0].replace("build/bin/", "").strip()
            if command and not command.startswith("./run "):
                with self.subTest(command):
                    process = self.run_it(command.replace("python3", sys.executable))
                    said = process.communicate(timeout=PATIENCE)[0]
                    self.assertEqual(process.returncode, 0, said)


class Docs(Page):
    def test_readme(self):
        self.page("README.md", 4)

    def test_tutorial_until_something_is_killed(self):
        self.page("docs/tutorial.md", 17, until="## 9.")
        self.page("docs/howto/selection.md", 4)  # goes on with the oscillator of the tutorial

    def test_errors(self):
        self.page("docs/howto/errors.md", 4)

    def test_plugin(self):
        self.page("docs/howto/plugin.md", 3)


class Whole(Page):
    """With what takes minutes."""

    def test_tutorial(self):
        self.page("docs/tutorial.md", 22)


if __name__ == "__main__":
    unittest.main()
