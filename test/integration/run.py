#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs one integration test: run.py NAME BUILD_ROOT. A test is a function test(build, folder) in NAME.py,
next to this file, that raises when something does not hold. Its folder is kept when it fails."""
import importlib
import pathlib
import shutil
import sys
import tempfile
import traceback

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent.parent / "tools")]
sys.dont_write_bytecode = True


def main():
    name, build = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"peal-test-{name}-"))
    try:
        importlib.import_module(name).test(build, folder)
    except Exception:  # whatever it is, it is this test's failure
        traceback.print_exc()
        print(f"the test's folder is kept: {folder}", file=sys.stderr)
        for log in sorted(folder.glob("*/output")) + sorted(folder.glob("enroll.log")):
            text = log.read_text(errors="replace").strip()
            if text:
                print(f"--- {log}\n{text[-4000:]}", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
