#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same seed gives the same run, whichever compiler built peal-sim and with or without sanitizers.

usage: same_trace.py [--log FILE] PEAL_SIM...

Compares the trace hashes of a few seeds and scenarios of all programs, and of the first one run twice. With --log
writes the outcome as meson writes a test's. Exits 1 when two differ.
"""
import json
import subprocess
import sys

RUNS = [("swarm", seed, None) for seed in range(1, 13)] + [
    ("disk-full", 1, 8), ("steady-churn", 1, 16), ("partition-and-heal", 2, 12), ("hostile-20", 3, 20)]


def trace_hash(program, scenario, seed, peers):
    command = [program, "run", scenario, "--seed", str(seed), "--json"]
    if peers is not None:
        command += ["--peers", str(peers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        return f"{' '.join(command)}: ended with {done.returncode}: {done.stderr.strip()[-200:]}"
    return json.loads(done.stdout)["trace_hash"]


def main():
    arguments = sys.argv[1:]
    log = None
    if arguments[:1] == ["--log"]:
        log = arguments[1]
        arguments = arguments[2:]
    differing = 0
    for scenario, seed, peers in RUNS:
        hashes = [trace_hash(program, scenario, seed, peers) for program in [arguments[0], *arguments]]
        if len(set(hashes)) != 1 or len(hashes[0]) != 16:
            differing += 1
            print(f"{scenario}, seed {seed}: not the same trace")
            for program, found in zip([arguments[0], *arguments], hashes):
                print(f"  {found}  {program}")
    print(f"{len(RUNS)} runs in {len(arguments)} builds, {differing} differ")
    if log is not None:
        with open(log, "w", encoding="utf-8") as out:
            out.write(json.dumps({"name": "sim same trace", "result": "FAIL" if differing else "OK"}) + "\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
