#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds the tree to sizes that a reader can take in: headers, folders, functions, classes, comments.

Prints one line per violation, `file:line: what is wrong and how to mend it`, and exits 1 if there is any.
The sources are read as text, in the layout that clang-format gives them; no compiler is needed.
"""
import argparse
import re
import sys
from pathlib import Path

MOST_PUBLIC_HEADERS = 46  # 45 of C++, and <mpipe/mpipe.h>, without which C and Fortran could not call
MOST_FILES_OF_FOLDER = 45
MOST_LINES_OF_FUNCTION = 60
MOST_FIELDS = 20
LEAST_COMMENTS = 0.08  # lines of comments per line of code, over all .cpp together
AGGREGATES = ("Options", "Flags", "Settings")  # plain lists of what can be chosen may be longer

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*\#(?:\\\n|[^\n])*", re.S | re.M)
CLASS = re.compile(r"(?:^|\s)(?:class|struct|union)\s+(?:alignas\([^)]*\)\s*)?(?P<name>[A-Za-z_][\w:]*)[^;=()]*$", re.S)
NO_FIELD = re.compile(r"^(?:using|friend|typedef|static|enum|template|class|struct|union|public|private|protected)\b")


def without_words(text):
    """The text with comments, literals and directives blanked out, line by line as it was."""
    return TOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def without_templates(text):
    """`std::function<void(int)> f` as `std::function f`."""
    while True:
        shorter = re.sub(r"<[^<>;{}]*>", " ", text)
        if shorter == text:
            return text
        text = shorter


class Scope:
    def __init__(self, kind, name, line):
        self.kind = kind  # "namespace", "class", "function", or "other": an initialiser, an enumeration
        self.name = name
        self.line = line
        self.fields = 0


class Reader:
    """Finds functions and classes of one source file by its braces."""

    def __init__(self, text):
        self.functions = []  # (name, first line, last line)
        self.classes = []  # (name, line, fields)
        self.read(without_words(text))

    def read(self, text):
        scopes = [Scope("namespace", "", 0)]
        head, head_line, line = "", 1, 1
        for sign in text:
            if sign == "\n":
                line += 1
            if sign == "{":
                scopes.append(self.opened(head, head_line, scopes[-1]))
                head = head + "{" if scopes[-1].kind == "other" else ""
            elif sign == "}" and len(scopes) > 1:
                scope = scopes.pop()
                self.closed(scope, line)
                head = head + "}" if scope.kind == "other" and scopes[-1].kind != "other" else ""
            elif sign == ";" and scopes[-1].kind != "other":
                if scopes[-1].kind == "class":
                    scopes[-1].fields += self.fields_in(head)
                head = ""
            elif sign == ":" and re.fullmatch(r"\s*(?:public|private|protected)\s*", head):
                head = ""
            elif scopes[-1].kind in ("namespace", "class"):
                if not head.strip():
                    head, head_line = "", line
                head += sign

    @staticmethod
    def opened(head, line, outer):
        words = head.strip()
        if outer.kind in ("function", "other"):
            return Scope("other", "", line)
        if re.search(r"\bnamespace\b[^=]*$", words) or words == "extern":
            return Scope("namespace", "", line)
        plain = without_templates(words)
        found = CLASS.search(plain)
        if found and not re.search(r"\benum\b", words):
            return Scope("class", found["name"], line)
        if re.search(r"\)[^()]*[:,]\s*[\w:]+\s*$", plain) and re.search(r"\)\s*(?:noexcept\s*)?:[^:]", plain):
            return Scope("other", "", line)  # a member that a constructor initialises with braces
        name = re.search(r"([~\w:]+|operator\s*\S+?)\s*\(", plain)
        if name and not re.search(r"(?<![=!<>])=(?!=)[^()]*$", plain):
            return Scope("function", name[1], line)
        return Scope("other", "", line)

    def closed(self, scope, line):
        if scope.kind == "function":
            self.functions.append((scope.name, scope.line, line))
        elif scope.kind == "class":
            self.classes.append((scope.name, scope.line, scope.fields))

    @staticmethod
    def fields_in(head):
        words = without_templates(re.sub(r"\{.*\}|\[\[.*?\]\]|alignas\([^)]*\)", "", head, flags=re.S).strip())
        if not words or NO_FIELD.match(words):
            return 0
        declaration = words.split("=")[0]
        if "(" in declaration or "operator" in words:
            return 0
        return 1 + declaration.count(",")


class Checker:
    """All checks of the tree, by name; each is a method that reports what it finds."""

    def __init__(self, root):
        self.root = root
        self.violations = []
        self.sources = [path for part in ("include", "src", "apps") for path in sorted(root.glob(f"{part}/**/*"))
                        if path.suffix in (".hpp", ".cpp", ".h")]
        if not self.sources:
            sys.exit(f"{root}: not a single source found; is this the right tree?")
        self.texts = {path: path.read_text(errors="replace") for path in self.sources}

    def say(self, path, line, problem):
        self.violations.append(f"{path.relative_to(self.root)}:{line}: {problem}")

    def headers(self):
        """A user can oversee the public headers, which include public ones only (see also check_includes.py)."""
        public = [path for path in self.sources if path.relative_to(self.root).parts[0] == "include"]
        if len(public) > MOST_PUBLIC_HEADERS:
            self.say(self.root / "include", 1, f"{len(public)} public headers, and at most {MOST_PUBLIC_HEADERS} are "
                     "what a user can oversee; move those that only layers need to src/<layer>/api")

    def folders(self):
        for folder in sorted(path for path in self.root.glob("src/**") if path.is_dir()):
            files = sum(1 for path in folder.iterdir() if path.is_file())
            if files > MOST_FILES_OF_FOLDER:
                self.say(folder, 1, f"{files} files in one folder, and at most {MOST_FILES_OF_FOLDER} are allowed; "
                         "give what belongs together a folder of its own")

    def functions(self):
        for path, text in self.texts.items():
            for name, first, last in Reader(text).functions:
                if last - first >= MOST_LINES_OF_FUNCTION:
                    self.say(path, first, f"{name} has {last - first + 1} lines, and a function has at most "
                             f"{MOST_LINES_OF_FUNCTION}; divide it")

    def classes(self):
        for path, text in self.texts.items():
            for name, line, fields in Reader(text).classes:
                if fields > MOST_FIELDS and not name.endswith(AGGREGATES):
                    self.say(path, line, f"{name} has {fields} fields, and a class has at most {MOST_FIELDS}; "
                             "make parts of it")

    def sentences(self):
        for path, text in self.texts.items():
            if not any(re.match(r"///? (?!SPDX|@file)\S+ \S+", line) for line in text.splitlines()[:4]):
                self.say(path, 1, "no comment among its first four lines says what the file does; "
                         "begin it with a sentence")

    def comments(self):
        lines = [line.lstrip() for path, text in self.texts.items() if path.suffix == ".cpp"
                 for line in text.splitlines() if line.strip()]
        comments = sum(1 for line in lines if line.startswith("//"))
        density = comments / max(1, len(lines) - comments)
        if density < LEAST_COMMENTS:
            self.say(self.root / "src", 1, f"{density:.3f} lines of comments per line of code in all .cpp, and at least "
                     f"{LEAST_COMMENTS} are wanted; say where order matters, and why")

    def layers(self):
        """The table behind `## The layers` names those of cmake/Layers.cmake, in the same order."""
        page = self.root / "docs/architecture.md"
        section = page.read_text().split("## The layers", 1)[1].split("\n## ", 1)[0]
        written = re.findall(r"^\| `([a-z0-9_]+)` \|", section, re.M)
        built = re.findall(r"^mpipe_layer\((\w+)", (self.root / "cmake/Layers.cmake").read_text(), re.M)
        if built != written:
            self.say(page, 1, f"its table of layers ({' '.join(written)}) is not that of cmake/Layers.cmake "
                     f"({' '.join(built)}); make them the same, in the same order")


CHECKS = ("headers", "folders", "functions", "classes", "sentences", "comments", "layers")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the tree to check")
    parser.add_argument("checks", nargs="*", default=CHECKS, help=f"of {', '.join(CHECKS)}; without: all")
    options = parser.parse_args()
    checker = Checker(options.root)
    for name in options.checks or CHECKS:
        getattr(checker, name)()
    for violation in checker.violations:
        print(violation)
    print(f"{len(checker.sources)} sources read, {len(checker.violations)} violations")
    return 1 if checker.violations else 0


if __name__ == "__main__":
    sys.exit(main())
