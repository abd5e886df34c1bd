#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs peal-sim as its users do: commands, files it writes, exit codes, and a failure made smaller.

usage: test_sim.py PEAL_SIM SCENARIOS_FOLDER
"""
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = ""
SCENARIOS = pathlib.Path()

SMALL = """
peers = 8
duration-s = 20
start { spacing-ms = 500 settle-s = 20 }
action kill { per-run = 1 at-s = 2 back-after-s = 5 }
action register { per-run = 2 strength = 600 }
"""

# No ring heals within a second of a cut this long, so this always fails.
IMPATIENT = """
peers = 12
duration-s = 60
start { spacing-ms = 200 settle-s = 20 }
liveness { after-partition-s = 1 }
action partition { per-run = 1 at-s = 10 lasts-s = 45 strength = 1 }
action break { per-run = 6 }
action lookup { per-run = 6 }
"""


def sim(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)


class Sim(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.small = pathlib.Path(self.folder.name) / "small.conf"
        self.small.write_text(SMALL)

    def tearDown(self):
        self.folder.cleanup()

    def test_sim_lists_every_scenario(self):
        done = sim("list")
        self.assertEqual(done.returncode, 0, done.stderr)
        names = [line.split()[0] for line in done.stdout.splitlines()]
        self.assertEqual(names, sorted(path.stem for path in SCENARIOS.glob("*.conf")))
        for name in ("join-storm", "steady-churn", "mass-failure", "partition-and-heal", "flash-crowd",
                     "rolling-restart", "disk-full", "swarm", "hostile-10", "hostile-20", "hostile-30"):
            self.assertIn(name, names)

    def test_sim_refuses_wrong_usage(self):
        for arguments in ([], ["run"], ["fly", self.small], ["run", self.small, "extra"], ["run", "no-such-scenario"],
                          ["run", self.small, "--seed", "x"], ["sweep", self.small, "--seeds", "9..1"],
                          ["run", self.small, "--level", "loud"], ["run", self.small, "--hours", "0"],
                          ["run", self.small, "--keep", "a-b"], ["run", self.small, "--trace", "/nonexistent/x"]):
            done = sim(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stdout))
            self.assertNotEqual(done.stderr, "")

    def test_sim_names_the_line_that_is_wrong(self):
        self.small.write_text("peers = 4\nweather {\n\tlatency-ms = fast\n}\n")
        done = sim("run", self.small)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"peal-sim: {self.small}:3: latency-ms: \"fast\" is not a number", done.stderr)

    def test_sim_run_prints_a_summary_line_and_the_same_as_json(self):
        done = sim("run", self.small, "--seed", 5)
        self.assertEqual(done.returncode, 0, done.stdout)
        line = done.stdout.splitlines()[-1]
        match = re.search(r"small: seed 5, ([\d.]+) virtual h, [\d.]+ peer-h, (\d+) events, (\d+) messages, "
                          r"faults \{kill 1\}, (\d+) checked, 0 violations, .* trace ([0-9a-f]{16})$", line)
        self.assertTrue(match, line)
        done = sim("run", self.small, "--seed", 5, "--json")
        self.assertEqual(done.returncode, 0)
        whole = json.loads(done.stdout)
        self.assertEqual(whole["trace_hash"], match.group(5))
        self.assertEqual(whole["events"], int(match.group(2)))
        self.assertEqual(whole["faults"], {"kill": 1})
        self.assertEqual(whole["peers"], 8)
        self.assertEqual(whole["violations"], 0)
        self.assertGreater(whole["hops"]["sampled"], 1000)

    def test_sim_writes_trace_and_picture(self):
        trace = pathlib.Path(self.folder.name) / "trace"
        again = pathlib.Path(self.folder.name) / "again"
        picture = pathlib.Path(self.folder.name) / "picture.svg"
        self.assertEqual(sim("run", self.small, "--trace", trace, "--svg", picture).returncode, 0)
        self.assertEqual(sim("run", self.small, "--trace", again).returncode, 0)
        self.assertEqual(trace.read_bytes(), again.read_bytes())
        times = [float(line.split()[0]) for line in trace.read_text().splitlines()]
        self.assertEqual(times, sorted(times))
        self.assertRegex(trace.read_text(), r"--- info +sim.kill node=n0\d\n")
        root = xml.etree.ElementTree.parse(picture).getroot()
        self.assertTrue(root.tag.endswith("svg"))
        self.assertGreater(len(list(root)), 50)

    def test_sim_sweeps_seeds(self):
        done = sim("sweep", self.small, "--seeds", "3..8", "-j", 2, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        whole = json.loads(done.stdout)
        self.assertEqual((whole["seeds"], whole["first_seed"], whole["last_seed"]), (6, 3, 8))
        self.assertEqual(whole["faults"]["kill"], 6)

    def test_sim_tells_replays_and_shrinks_a_failure(self):
        impatient = pathlib.Path(self.folder.name) / "impatient.conf"
        impatient.write_text(IMPATIENT)
        done = sim("sweep", impatient, "--seeds", "1..20", "--failures", 1)
        self.assertEqual(done.returncode, 1, done.stdout)
        command = re.search(r"^    peal-sim (replay .*)$", done.stdout, re.M).group(1)
        self.assertIn("stopped after 1 failures", done.stderr)
        done = sim(*shlex.split(command))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?m)^ +[\d.]+ s  VIOLATED ")
        done = sim(*shlex.split(command), "--shrink")
        self.assertEqual(done.returncode, 1)
        self.assertIn(" partition    mask=", done.stdout)
        self.assertNotIn(" lookup ", done.stdout)
        smaller = re.search(r"^peal-sim (replay .* --keep .*)$", done.stdout, re.M).group(1)
        self.assertEqual(sim(*shlex.split(smaller)).returncode, 1)

    def test_sim_shrinks_nothing_where_nothing_fails(self):
        done = sim("replay", self.small, "--shrink")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "nothing fails\n")


if __name__ == "__main__":
    SCENARIOS = pathlib.Path(sys.argv.pop())
    PROGRAM = sys.argv.pop()
    unittest.main()
