# SPDX-License-Identifier: BSD-3-Clause
"""The Lennard-Jones fluid of apps/examples/lammps against the reference values of NIST, and against itself."""
import os
import unittest
from pathlib import Path

import support

support.LONGEST = 500  # seconds: ranks that wait for each other on a machine with other work
DOCUMENT = Path(os.environ["MPIPE_E2E_EXAMPLES"]) / "lammps" / "lammps.yaml"

# Monte Carlo at T = 0.85, 500 atoms, cut-off 3 with corrections for the tail: energy per atom and pressure by density.
# https://www.nist.gov/programs-projects/nist-standard-reference-simulation-website (Lennard-Jones fluid)
REFERENCE = {0.776: (-5.5121, 0.0067714), 0.780: (-5.5386, 0.047924), 0.820: (-5.7947, 0.55355)}
SHORT = ("--set", "equilibration=50", "--set", "production=50")


class LammpsTest(support.AppTest):
    def map(self, *options, ranks, **more):
        return self.app("map", DOCUMENT, "--json", "--progress", "none", *options, ranks=ranks, **more)

    def test_agrees_with_the_reference(self):
        # Two elements at a time, each on two ranks.
        results = self.map(ranks=5).json
        self.assertEqual(results["state"], "completed")
        self.assertEqual(results["functions"]["energy"]["calls"], 3)
        outputs = results["outputs"]
        self.assertEqual((outputs["energy"]["dims"], outputs["energy"]["shape"]), (["d", "t"], [3, 1]))
        found = zip(REFERENCE.values(), outputs["energy"]["data"], outputs["pressure"]["data"])
        for (energy, pressure), (own_energy,), (own_pressure,) in found:
            self.assertLess(abs(own_energy / energy - 1), 0.005, results)
            self.assertLess(abs(own_pressure - pressure), 0.25, results)

    def test_does_not_depend_on_the_number_of_ranks(self):
        options = ("--set", "density=[0.7, 0.75, 0.8]", "--set", "temperature=[0.9, 1.2]", *SHORT)
        one_at_a_time = self.map(*options, ranks=3).json["outputs"]
        two_at_a_time = self.map(*options, ranks=5).json["outputs"]
        self.assertEqual(one_at_a_time, two_at_a_time)
        self.assertEqual(one_at_a_time["energy"]["done"], 6)
        other_seed = self.map(*options, "--seed", 7, ranks=3).json["outputs"]
        self.assertNotEqual(one_at_a_time["energy"]["data"], other_seed["energy"]["data"])

    def test_what_is_no_fluid_is_a_failed_element(self):
        outcome = self.map("--set", "density=[0.7, 3]", "--error-handling", "continue", *SHORT, ranks=3, expect=1)
        self.assertEqual((outcome.json["outputs"]["energy"]["done"], outcome.json["outputs"]["energy"]["failed"]), (1, 1))
        self.assertIn("a density of 3 is not the one of a fluid", outcome.json["errors"][0]["message"])

    def test_needs_two_workers(self):
        for ranks in (0, 2):
            self.refused("map", DOCUMENT, ranks=ranks, words=["'energy'", "2 ranks"])


if __name__ == "__main__":
    unittest.main()
