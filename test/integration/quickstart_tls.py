# SPDX-License-Identifier: MIT
"""tools/quickstart.py --once over TLS links: two phones, three registrations, a call, media as ESP, a MESSAGE."""
import json
import pathlib
import subprocess
import sys

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "tools"


def quickstart(build, links, peers=8):
    out = subprocess.run([sys.executable, "-B", str(TOOLS / "quickstart.py"), "--once", "--json", "--build",
                          str(build), "--links", links, "--peers", str(peers)], text=True,
                         capture_output=True, check=False)
    print(out.stdout, out.stderr)
    report = json.loads(out.stdout)
    assert out.returncode == 0 and report["ok"], report["error"]
    assert all(step["ok"] for step in report["steps"])
    assert report["hip"] and all(e["packets_in"] > 50 and e["packets_out"] > 50 for e in report["esp"].values())
    assert report["ring"]["peers"] == peers and report["ring"]["consistent"]


def test(build, _folder):
    quickstart(build, "tls")
