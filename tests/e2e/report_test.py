# SPDX-License-Identifier: BSD-3-Clause
"""`report RUN -o FILE`: the page says what is in the run, hides nothing that is missing, and does nothing by itself."""
import base64
import html.parser
import json
import os
import re
import shutil
import struct
import subprocess
import unittest
import zlib

from support import GRID, AppTest

VOID = {"meta", "br"}  # of HTML; elements of SVG close themselves
HOSTILE = "<script>alert(1)</script> & \"quoted\" 'too'"


class Page(html.parser.HTMLParser):
    """A page as its elements: (name, attributes, text within), and what of it is not well formed."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.text = text
        self.open, self.elements, self.faults = [], [], []
        self.feed(text)
        self.close()
        self.faults += [f"<{name}> is not closed" for name, _ in self.open]

    def handle_starttag(self, name, attributes):
        element = (name, dict(attributes), [])
        self.elements.append(element)
        if name not in VOID:
            self.open.append((name, element))

    def handle_startendtag(self, name, attributes):
        self.elements.append((name, dict(attributes), []))

    def handle_endtag(self, name):
        if not self.open or self.open[-1][0] != name:
            self.faults.append(f"</{name}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, text):
        for _, element in self.open:
            element[2].append(text)

    def all(self, name, kind=None):
        return [element for element in self.elements
                if element[0] == name and (kind is None or kind in element[1].get("class", "").split())]

    def texts(self, name, kind=None):
        return ["".join(element[2]) for element in self.all(name, kind)]

    def markers(self):
        """What points of charts say of themselves: `x: y`."""
        return ["".join(text) for name, _, text in self.elements if name == "title" and ": " in "".join(text)]

    def rows(self):
        """The texts of the cells of each row of each table."""
        rows = []
        for name, _, text in self.elements:
            if name == "tr":
                rows.append([])
            elif name in ("td", "th"):
                rows[-1].append("".join(text))
        return rows

    def row(self, first):
        return next(row for row in self.rows() if row and row[0].startswith(first))


def pixels(uri):
    """Width, height and the bytes of a PNG with a palette."""
    assert uri.startswith("data:image/png;base64,"), uri[:40]
    data = base64.b64decode(uri.partition(",")[2])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body, head = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            head = struct.unpack(">IIBB", chunk[:10])
        if kind == b"IDAT":
            body += chunk
        at += 12 + length
    width, height, bits, colour = head
    return width, height, bits, colour, zlib.decompress(body)


class ReportTest(AppTest):
    def page(self, run, *arguments, expect=0):
        self.app("report", run, "-o", "report.html", *arguments, expect=expect)
        page = Page((self.folder / "report.html").read_text())
        self.assertEqual(page.faults, [])
        self.assertEqual(page.all("script"), [])
        # Nothing is fetched: addresses are places in the page, or hold all of a picture.
        for name, attributes, _ in page.elements:
            self.assertNotIn("src", attributes, name)
            if "href" in attributes:
                self.assertRegex(attributes["href"], r"^(#|data:image/png;base64,)")
            for key in attributes:
                self.assertFalse(key.startswith("on"), (name, attributes))
        self.assertNotIn("http://", page.text)
        self.assertNotIn("https://", page.text)
        self.assertNotIn("@import", page.text)
        for place in re.findall(r"url\(([^)]*)\)", page.text):
            self.assertTrue(place.startswith("#"), place)
        policy = [each[1]["content"] for each in page.all("meta") if "http-equiv" in each[1]]
        self.assertEqual(len(policy), 1)
        self.assertIn("default-src 'none'", policy[0])
        self.assertNotIn("script-src", policy[0])
        places = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
        self.assertEqual(len(places), len(set(places)), "an id that is there twice")
        for name, attributes, _ in page.elements:
            if attributes.get("href", "").startswith("#"):
                self.assertIn(attributes["href"][1:], places)
        return page

    def map(self, document, *arguments, expect=0, **options):
        self.write("pipeline.yaml", document)
        return self.app("map", "pipeline.yaml", "--run-folder", "run", "--progress", "none", *arguments, expect=expect,
                        **options)


class CompleteRun(ReportTest):
    def test_outputs_inputs_and_functions_are_told(self):
        self.map(GRID)
        page = self.page("run")
        self.assertEqual(page.texts("h1"), ["run"])
        self.assertEqual(page.texts("span", "state"), ["completed"])
        self.assertEqual(page.row("z")[1:9], ["i = 3, j = 5", "float64", "", "15", "15", "0", "0", "0"])
        self.assertEqual(page.row("top")[1:9], ["a single value", "float64", "", "1", "1", "0", "0", "0"])
        values = json.loads(self.app("show", "run", "top", "--json").out)["outputs"]["top"]["data"]
        self.assertEqual(page.texts("p", "value"), [f"{values:g}"])
        inputs = {row[0]: row[1:] for row in page.rows() if row[0] in ("x", "y")}
        self.assertEqual(inputs["x"], ["int64", "3 (i)", "1 to 3", "[1, 2, 3]"])
        self.assertEqual(inputs["y"][:3], ["float64", "5 (j)", "0 to 1"])
        functions = {row[0]: row for row in page.rows() if len(row) == 7}
        calls = {name: functions[name][1] for name in ("z", "total", "top")}
        self.assertEqual(calls, {"z": "15", "total": "3", "top": "1"})
        for name in calls:
            for time in functions[name][2:5]:
                self.assertRegex(time, r"^[0-9.]+ (ns|µs|ms|s)$")
        self.assertEqual(functions["total"][5:], ["z[i, :] -> total[i]", "sum(z)"])
        self.assertEqual(page.texts("pre", "document"), [GRID])

    def test_times_are_those_that_map_told(self):
        told = self.map(GRID, "--json").json["functions"]
        kept = json.loads((self.folder / "run/status.json").read_text())["functions"]
        self.assertEqual(kept, told)

    def test_the_drawing_has_functions_inputs_and_arrows(self):
        self.map(GRID)
        page = self.page("run")
        self.assertEqual(len(page.all("g", "function")), 3)
        self.assertEqual(len(page.all("g", "input")), 2)
        # x and y to z, z to total, total to top
        self.assertEqual(len(page.all("path", "edge")), 4)
        self.assertEqual(sorted(page.texts("text", "name")), ["top", "total", "x", "y", "z"])

    def test_charts_have_coordinates_and_units(self):
        self.map("""
mpipe: 1
functions:
  - {output: f, expr: "x^2", mapspec: "x[i] -> f[i]", units: m/s, long_name: speed of it}
inputs:
  x: {geomspace: [1, 1000, 4]}
""")
        page = self.page("run")
        labels = page.texts("text", "label")
        self.assertEqual(labels, ["x", "speed of it [m/s]"])
        points = page.markers()
        for point in ("1: 1", "10: 100", "100: 10000", "1000: 1000000"):
            self.assertIn(point, points)
        # Powers of ten are as far from each other as their exponents.
        centres = [float(each[1]["cx"]) for each in page.all("circle")]
        steps = [b - a for a, b in zip(centres, centres[1:])]
        self.assertEqual(len(steps), 3)
        for step in steps:
            self.assertAlmostEqual(step, steps[0], delta=0.2)

    def test_a_plane_is_a_picture_of_its_values(self):
        self.map("""
mpipe: 1
functions:
  - {output: f, expr: "x + y", mapspec: "x[i], y[j] -> f[i, j]"}
inputs:
  x: {linspace: [0, 90, 10]}
  y: {linspace: [0, 9, 10]}
""")
        page = self.page("run")
        pictures = [each[1]["href"] for each in page.all("image")]
        width, height, bits, colour, data = pixels(pictures[0])
        self.assertEqual((width, height, colour), (10, 10, 3))
        self.assertEqual(bits, 8)
        rows = [data[k * 11 + 1:k * 11 + 11] for k in range(10)]
        self.assertEqual({data[k * 11] for k in range(10)}, {0}, "rows are filtered, which this test cannot read")
        # The lowest row of the picture is the first one; colours go from 1 to 255 with the values 0 to 99.
        for i in range(10):
            for j in range(10):
                self.assertEqual(rows[9 - i][j], round((10 * i + j) / 99 * 254) + 1, (i, j))

    def test_coordinates_in_no_order_are_points(self):
        self.map("""
mpipe: 1
functions:
  - {output: n, command: ["printf", "%s", "{x}"], returns: number, dtype: int64, mapspec: "x[i] -> n[i]"}
inputs: {x: [3, 1, 2]}
""")
        page = self.page("run")
        points = page.markers()
        self.assertEqual(points, ["3: 3", "1: 1", "2: 2"])
        self.assertEqual([path for path in page.all("path") if path[1].get("class") is None], [])

    def test_more_axes_are_slices(self):
        self.map("""
mpipe: 1
functions:
  - {output: f, expr: "x * y * z", mapspec: "x[i], y[j], z[k] -> f[i, j, k]"}
inputs:
  x: {linspace: [0, 1, 5]}
  y: {linspace: [0, 1, 7]}
  z: {linspace: [0, 1, 6]}
""")
        page = self.page("run")
        self.assertEqual(page.texts("p", "slice"), ["x = 0", "x = 0.5", "x = 1"])
        self.assertIn("The first, the middle and the last slice", "".join(page.texts("figcaption")))


class UnfinishedRun(ReportTest):
    FAILING = """
mpipe: 1
functions:
  - output: y
    command: ["sh", "-c", "if test {x} = 3; then echo '<script>alert(1)</script> &' >&2; exit 1; fi; echo {x}"]
    returns: number
    mapspec: "x[i] -> y[i]"
  - {output: s, expr: "sum(y)"}
inputs: {x: [1, 2, 3, 4, 5]}
"""

    def test_failed_and_blocked_elements_are_named_and_leave_gaps(self):
        self.map(self.FAILING, "--error-handling", "continue", expect=1)
        page = self.page("run")
        self.assertEqual(page.texts("span", "state"), ["completed, with failures"])
        self.assertEqual(page.row("y")[4:9], ["5", "4", "1", "0", "0"])
        self.assertEqual(page.row("s")[4:9], ["1", "0", "0", "1", "0"])
        self.assertEqual(page.row("y[2]")[1], "x = 3")
        self.assertIn("<script>alert(1)</script> &", page.row("y[2]")[2])
        self.assertIn("called with x=3", page.row("y[2]")[2])
        self.assertIn("s: 1 element blocked", "".join(page.texts("li")))
        self.assertIn("Not done: 1 value", "".join(page.texts("figcaption")))
        lines = [each[1]["d"] for each in page.all("path") if re.match(r"M[0-9.]+ [0-9.]+L", each[1].get("d", ""))]
        self.assertEqual([line.count("M") for line in lines], [2], "one gap in one line")

    def test_a_run_that_failed_says_why(self):
        self.map(self.FAILING, expect=1)
        page = self.page("run")
        self.assertEqual(page.texts("span", "state"), ["failed"])
        told = json.loads((self.folder / "run/status.json").read_text())["message"]
        self.assertEqual(page.texts("pre", "message"), [told])
        self.assertIn("<script>alert(1)</script> &", page.row("y[2]")[2])

    def test_an_element_that_is_done_since_has_not_failed(self):
        self.map(self.FAILING.replace("{x} = 3", "{x} = 3 -a ! -e ../../../../fine"), "--error-handling", "continue",
                 expect=1)
        self.assertIn("y[2]", [row[0] for row in self.page("run").rows()])
        self.write("fine", "")
        self.app("map", "pipeline.yaml", "--run-folder", "run", "--progress", "none", "--resume", "--retry-failed",
                 "--error-handling", "continue")
        page = self.page("run")
        self.assertEqual(page.texts("span", "state"), ["completed"])
        self.assertNotIn("y[2]", [row[0] for row in page.rows()])

    def test_a_part_of_a_sweep_says_that_it_is_one(self):
        self.map(GRID, "--output", "z", "--fixed", "i=1")
        page = self.page("run")
        self.assertEqual(page.row("z")[4:9], ["5 of 15", "5", "0", "0", "0"])
        self.assertIn("Not done: 10 values", "".join(page.texts("figcaption")))
        width, height, _, _, data = pixels(page.all("image")[0][1]["href"])
        self.assertEqual((width, height), (5, 3))
        self.assertEqual([set(data[k * 6 + 1:k * 6 + 6]) == {0} for k in range(3)], [True, False, True])

    def test_a_run_that_goes_on_is_shown_as_it_is(self):
        self.write("pipeline.yaml", """
mpipe: 1
functions:
  - {output: y, command: ["sh", "-c", "while test -e wait; do sleep 0.05; done; echo {x}"],
     returns: number, mapspec: "x[i] -> y[i]"}
inputs: {x: [1, 2, 3]}
""".replace("-e wait", f"-e {self.folder}/wait"))
        self.write("wait", "")
        job = self.start("map", "pipeline.yaml", "--run-folder", "run", "--progress", "none")
        self.wait_until(lambda: (self.folder / "run/run.json").exists(), "the run begins")
        page = self.page("run")
        (self.folder / "wait").unlink()
        self.assertEqual(self.finish(job).code, 0)
        self.assertEqual(page.texts("span", "state"), ["running"])
        self.assertEqual(page.row("y")[4:9], ["3", "0", "0", "0", "3"])
        self.assertIn("No element of it is done.", page.texts("p", "note"))


class Text(ReportTest):
    def test_text_of_the_run_is_text_of_the_page(self):
        escapes = json.dumps("a\x1b[31mb\u202ec")
        document = f"""
mpipe: 1
# {HOSTILE} </pre>
functions:
  - output: y
    command: ["printf", "%s", "{{word}}"]
    returns: text
    mapspec: "word[i] -> y[i]"
    units: {json.dumps(HOSTILE)}
    long_name: {json.dumps(HOSTILE + "é")}
inputs:
  word: [{json.dumps(HOSTILE)}, {escapes}]
"""
        self.write("pipeline.yaml", document)
        run = "run <b>&'"
        self.app("map", "pipeline.yaml", "--run-folder", run, "--progress", "none")
        page = self.page(run)
        self.assertEqual(page.texts("h1"), [run])
        self.assertEqual(page.texts("title")[0], run)
        self.assertEqual(page.all("b"), [])
        self.assertIn(HOSTILE, page.row("y")[3])
        self.assertIn(HOSTILE + "é", page.row("y")[0])
        self.assertEqual(page.texts("pre", "document"), [document])
        self.assertIn(["[0]", HOSTILE], page.rows())
        self.assertIn(["[1]", "a\\x1b[31mb\\u202ec"], page.rows())
        self.assertNotIn("\x1b", page.text)
        self.assertNotIn("\u202e", page.text)

    def test_bytes_that_are_no_text_are_replaced(self):
        self.write("pipeline.yaml", GRID)
        self.app("map", "pipeline.yaml", "--run-folder", "run", "--progress", "none")
        renamed = os.fsdecode(b"run\xff<i>")
        (self.folder / "run").rename(self.folder / renamed)
        self.assertEqual(self.page(renamed).texts("h1"), ["run\ufffd<i>"])


class SeveralRuns(ReportTest):
    DOCUMENT = """
mpipe: 1
functions:
  - {output: y, expr: "a * x", mapspec: "x[i] -> y[i]"}
inputs: {x: [1, 2, 3]}
runs:
  - {name: low, inputs: {a: 1}}
  - {name: high, inputs: {a: 10}}
"""

    def test_each_has_a_section_of_its_own(self):
        self.map(self.DOCUMENT)
        page = self.page("run")
        self.assertEqual(page.texts("h1"), ["run", "high", "low"])
        self.assertEqual([row[:3] for row in page.rows() if row[0] in ("low", "high")],
                         [["high", "completed", "100.0 %"], ["low", "completed", "100.0 %"]])
        points = page.markers()
        self.assertIn("3: 3", points)
        self.assertIn("3: 30", points)

    def test_one_that_cannot_be_read_does_not_hide_the_others(self):
        self.map(self.DOCUMENT)
        (self.folder / "run/low/results.h5").write_bytes(b"damaged")
        page = self.page("run", expect=4)
        self.assertEqual(page.texts("h1"), ["run", "high", "low"])
        self.assertIn("results.h5", "".join(page.texts("pre", "message")))
        self.assertIn("3: 30", page.markers())


class LargeRun(ReportTest):
    def test_a_million_elements_are_a_small_page(self):
        self.map("""
mpipe: 1
functions:
  - {output: f, expr: "sin(12.9898 * x + 78.233 * y) * 43758.5453 - floor(sin(12.9898 * x + 78.233 * y) * 43758.5453)",
     mapspec: "x[i], y[j] -> f[i, j]"}
  - {output: g, expr: "max(f)", mapspec: "f[i, :] -> g[i]"}
inputs:
  x: {linspace: [0, 1, 1000]}
  y: {linspace: [0, 1, 1000]}
""")
        page = self.page("run")
        self.assertLess(len(page.text.encode()), 2_000_000)
        self.assertEqual(pixels(page.all("image")[0][1]["href"])[:2], (250, 250))
        captions = "".join(page.texts("figcaption"))
        self.assertIn("Each pixel is the mean of 4 \u00d7 4 values.", captions)
        self.assertIn("Each step is the range of 2 values of 1000 values.", captions)


class Command(ReportTest):
    def test_an_earlier_report_is_replaced_and_another_file_is_not(self):
        self.map(GRID)
        self.page("run")
        self.page("run")
        self.write("report.html", "my own page")
        outcome = self.refused("report", "run", "-o", "report.html", words=["report.html", "--overwrite"])
        self.assertEqual((self.folder / "report.html").read_text(), "my own page", outcome)
        self.page("run", "--overwrite")
        results = (self.folder / "run/results.h5").read_bytes()
        self.refused("report", "run", "-o", "run/results.h5", "--overwrite", words=["results.h5", "outside"])
        self.assertEqual((self.folder / "run/results.h5").read_bytes(), results)
        self.refused("report", "run", "-o", ".", words=["no file"])

    def test_what_is_no_run_is_refused(self):
        self.refused("report", "nothing", "-o", "report.html", code=3, words=["nothing"])
        (self.folder / "empty").mkdir()
        self.refused("report", "empty", "-o", "report.html", code=3, words=["empty"])

    def test_a_run_that_cannot_be_opened_gets_no_page(self):
        self.map(GRID)
        (self.folder / "run/results.h5").unlink()
        self.refused("report", "run", "-o", "report.html", code=4, words=["results.h5"])

    def test_an_output_that_is_damaged_does_not_hide_the_others(self):
        self.map(GRID, "--storage", "z=file")
        element = self.folder / "run/elements/z/0000/7.npy"
        element.write_bytes(element.read_bytes()[:-3])
        page = self.page("run", expect=4)
        self.assertEqual(len(page.texts("pre", "message")), 1)
        self.assertIn("z", page.texts("pre", "message")[0])
        self.assertIn("3: 152.5", page.markers())

    def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(self):
        self.map(GRID)
        self.refused("report", "run", "-o", "absent/report.html", code=4, words=["absent"])

    def test_a_report_in_the_run_folder_is_in_nobodys_way(self):
        self.map(GRID)
        self.app("report", "run", "-o", "run/report.html")
        self.app("verify", "run")
        self.map(GRID, "--resume")
        self.map(GRID, "--overwrite")
        self.assertTrue((self.folder / "run/report.html").exists())


class Browser(ReportTest):
    def test_the_page_is_shown_without_a_complaint(self):
        chromium = shutil.which("chromium")
        if chromium is None:
            self.skipTest("chromium is not installed")
        self.map(GRID)
        self.page("run")
        shown = subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
                                "--dump-dom", (self.folder / "report.html").as_uri()], capture_output=True, text=True,
                               timeout=60, env={**os.environ, "HOME": str(self.folder)})
        self.assertIn("</html>", shown.stdout, shown)
        self.assertNotIn("CONSOLE", shown.stderr)


if __name__ == "__main__":
    unittest.main()
