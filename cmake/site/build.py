# SPDX-License-Identifier: BSD-3-Clause
"""Builds the site of docs/ with the reference of the public headers below it: build.py FOLDER. Every warning is an error.

mkdocs empties its folder, so that it goes first; the reference is in FOLDER/api.
"""
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def attempt(*command, **options):
    """Runs a command of which a warning is an error by its exit code; ends with that code."""
    code = subprocess.run(command, check=False, **options).returncode
    if code:
        sys.exit(code)


def main():
    site = Path(sys.argv[1]).resolve()
    attempt("mkdocs", "build", "--quiet", "--config-file", HERE / "mkdocs.yml", "--site-dir", site)
    settings = (HERE / "Doxyfile").read_text(encoding="utf-8") + f'OUTPUT_DIRECTORY = "{site / "api"}"\n'
    (site / "api").mkdir()
    attempt("doxygen", "-", input=settings.encode(), cwd=ROOT)


if __name__ == "__main__":
    main()
