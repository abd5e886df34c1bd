#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up meson's test logs: names what failed, then "N passed, N failed"."""
import json
import sys

passed = failed = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif test["result"] == "SKIP":
                print(f"skipped: {test['name']}")
            else:
                failed += 1
                print(f"failed: {test['name']} ({test['result']}) in {path}")
print(f"{passed} passed, {failed} failed")
