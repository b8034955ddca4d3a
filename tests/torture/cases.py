# SPDX-License-Identifier: BSD-3-Clause
"""Random documents over all kinds of outputs, and how their runs are started and killed: all of it from a seed."""
import json
import random

PLUGIN = "libe2e_functions.so"
PHASES = ("creating", "running", "committing", "finishing")
VICTIMS = ("worker", "rank 0", "launcher", "group")


def called(output, function, mapspec, **more):
    """A function of the plugin of the end-to-end tests."""
    return {"output": output, "plugin": PLUGIN, "function": function, "mapspec": mapspec, **more}


class Document:
    """The functions and inputs of a random pipeline."""

    def __init__(self, dice):
        self.dice = dice
        self.functions = []
        self.inputs = {"x": {"arange": [0, dice.randint(15, 90), 1]}, "seconds": dice.choice((0.002, 0.01, 0.03))}
        self.numbers_of_k = {"arange": [0, dice.randint(10, 60), 1]}
        self.fails = self.has_teams = False
        self.add(called("sq", "slow_square", "x[i] -> sq[i]"))
        kinds = [self.grid, self.texts, self.objects, self.late, self.failing, self.isolated, self.teams, self.streams,
                 self.panels, self.wide, self.numbers]
        for kind in dice.sample(kinds, dice.randint(1, 4)):
            kind()

    def add(self, *functions):
        self.functions.extend(functions)
        for function in functions:
            if function.get("mapspec", "").startswith("k[n]"):
                self.inputs["k"] = self.numbers_of_k
            if "wrong" in function.get("renames", {}).values():
                self.inputs["wrong"] = 7

    def grid(self):
        self.inputs["w"] = [1, 2.5, 3]
        self.add({"output": "z", "expr": "sq * 10 + w", "mapspec": "sq[i], w[j] -> z[i, j]"},
                 {"output": "rows", "expr": "sum(z)", "mapspec": "z[i, :] -> rows[i]"},
                 {"output": "columns", "expr": "sum(z)", "mapspec": "z[:, j] -> columns[j]"},
                 {"output": "top", "expr": "max(rows) + sum(columns)"})

    def texts(self):
        self.add(called("word", "word", "k[n] -> word[n]"),
                 called("same", "same_text", "word[n] -> same[n]", renames={"text": "word"}))

    def objects(self):
        self.add(called("pair", "make_pair", "k[n] -> pair[n]"), called("both", "sum_of_pair", "pair[n] -> both[n]"))

    def late(self):
        self.inputs.update(gn=self.dice.randint(3, 20), gm=self.dice.randint(1, 5))
        self.add({"output": "g", "expr": "arange(gn)", "mapspec": "... -> g[p]"},
                 {"output": "late", "expr": "arange(gm) * g + 0 * sum(arange(1000000))", "mapspec": "g[p] -> late[p, t]"},
                 {"output": "sums", "expr": "sum(late)", "mapspec": "late[p, :] -> sums[p]"})

    def failing(self):
        self.fails = True
        self.add(called("bad", "throws_at", "x[i] -> bad[i]", renames={"bad": "wrong"}),
                 {"output": "after", "expr": "bad + sq", "mapspec": "bad[i], sq[i] -> after[i]"},
                 {"output": "all_of_it", "expr": "sum(after)"})

    def isolated(self):
        self.fails = True
        self.add(called("crash", "crashes_at", "x[i] -> crash[i]", renames={"bad": "wrong"}, isolation="process"))

    def teams(self):
        self.has_teams = True
        self.add(called("team", "count_ranks", "x[i] -> team[i]"))

    def streams(self):
        self.add(called("stream", "raw", "k[n] -> stream[n]", renames={"x": "k"}))

    def panels(self):
        # Values of one element do not lie side by side in the file.
        self.add({"output": "panel", "expr": "arange(4) + sq", "mapspec": "sq[i] -> panel[t, i]", "internal_shape": 4})

    def wide(self):
        # Enough to be written past the journal.
        self.add({"output": "wide", "expr": "arange(9000) + sq", "mapspec": "sq[i] -> wide[i, u]", "internal_shape": 9000})

    def numbers(self):
        self.add(called("complex_number", "complex_number", "k[n] -> complex_number[n]"),
                 called("is_even", "is_even", "k[n] -> is_even[n]"), called("small", "as_int8", "k[n] -> small[n]"))


class Life:
    """One start of a run: on how many ranks, with which options, and how it ends."""

    def __init__(self, dice, ranks, fixed_options):
        self.ranks = ranks
        self.phase = dice.choice(PHASES)
        self.moment = dice.random()  # where in the phase
        self.wait = dice.random() ** 2 * 0.05  # seconds from what was looked for to the signal
        self.victim = dice.choice(VICTIMS)
        self.is_term = dice.random() < 0.15
        self.options = list(fixed_options)
        if dice.random() < 0.6:
            self.options += ["--chunksizes", str(dice.choice((1, 1, 2, 5, 20)))]
        if dice.random() < 0.3:
            self.options += ["--rank0", dice.choice(("schedule", "work"))]
        if dice.random() < 0.2:
            self.options += ["--executor", f"sq=threads:{dice.randint(1, 3)}"]
        self.environment = {"OMPI_MCA_odls_base_sigkill_timeout": str(dice.randint(0, 1))}
        if dice.random() < 0.8:
            self.environment["MPIPE_JOURNAL_LIMIT"] = str(dice.choice((0, 300, 1000, 4000)))

    def __str__(self):
        return f"{self.ranks} ranks, {'TERM' if self.is_term else 'KILL'} to {self.victim} while {self.phase}"


class Case:
    """A document, the lives of its run that are cut short, and the last one."""

    def __init__(self, seed):
        dice = random.Random(f"torture {seed}")
        self.seed = seed
        made = Document(dice)
        outputs = [function["output"] for function in made.functions]
        storage = {"": dice.choice(("hdf5", "hdf5", "hdf5", "file", "memory"))}
        for output in dice.sample(outputs, dice.randint(0, 2)):
            storage[output] = dice.choice(("hdf5", "file", "memory"))
        self.in_memory = {output for output in outputs if storage.get(output, storage[""]) == "memory"}
        self.crashes = {function["output"] for function in made.functions if "isolation" in function}
        self.document = {"mpipe": 1, "functions": made.functions, "inputs": made.inputs,
                         "map": {"storage": storage, "seed": seed, "error_handling": "continue" if made.fails else "raise"}}
        self.names = []
        if not made.has_teams and dice.random() < 0.25:
            self.names = ["one", "two"]
            self.document["map"]["max_concurrent"] = 2
            self.document["runs"] = [{"name": "one"}, {"name": "two", "inputs": {"seconds": 0.001}}]
        ranks = (3, 5) if made.has_teams else (0, 1, 2, 2, 3, 3, 5)
        self.undisturbed_ranks = 3 if made.has_teams else 1
        self.lives = [Life(dice, dice.choice(ranks), []) for _ in range(dice.randint(1, 4))]
        self.last = Life(dice, dice.choice(ranks), [])

    def text(self):
        return json.dumps(self.document, indent=1)
