# SPDX-License-Identifier: MIT
"""Every command of pealctl against a real node, as text and as JSON; and wrong input, which is refused with what to do
next."""
import subprocess

from ring import OVERLAY, Ring

BOB = f"bob@{OVERLAY}"
RIGHT = [["status"], ["ring"], ["peers"], ["fingers"], ["route", BOB], ["ping", BOB],
         ["store", BOB, "--value", f"sip:{BOB}"], ["fetch", BOB], ["stat", BOB], ["find", BOB], ["probe", BOB],
         ["records"], ["registrations"], ["calls"], ["config"], ["counters"], ["counters", "--all"]]
# What is wrong, the exit code, and a part of the hint.
WRONG = [
    (["status", "x"], 2, "--help"),
    (["ring", "--circles"], 2, "--help"),
    (["route"], 2, "TARGET"),
    (["route", ""], 1, "name a user"),
    (["ping", "resource:zz"], 1, "32 hex digits"),
    (["ping", "0" * 32], 1, "pealctl ring"),
    (["probe", "node:12"], 1, "32 hex digits"),
    (["fetch", BOB, "--kind", "NOPE"], 1, "pealctl config"),
    (["stat", BOB, "--kind", "99999999999"], 1, "pealctl config"),
    (["find", BOB, "--kind"], 2, "--help"),
    (["store", f"alice@{OVERLAY}", "--value", f"sip:{BOB}"], 1, "own user name"),
    (["store", BOB, "--value", "not a uri"], 1, "user@domain"),
    (["store", BOB, "--value", BOB, "--value-hex", "00"], 1, "leave one"),
    (["store", BOB, "--value", BOB, "--remove"], 1, "leave the value"),
    (["store", BOB, "--value-hex", "0g"], 1, "hex digits"),
    (["store", BOB, "--value", BOB, "--lifetime", "0"], 1, "seconds"),
    (["store", BOB, "--value", BOB, "--lifetime", "9999999999"], 1, "seconds"),
    (["store", BOB, "--value", BOB, "--lifetime", "soon"], 2, "--help"),
    (["log", "--level", "loud"], 1, "levels are"),
    (["frobnicate"], 2, "--help"),
]


def run(ring, peer, arguments):
    command = [str(ring.program("tools/pealctl")), "--folder", str(peer.folder), *arguments]
    return subprocess.run(command, text=True, capture_output=True, timeout=60, check=False)


def test(build, folder):
    ring = Ring(folder, build)
    try:
        ring.create(["alice", "bob"])
        ring.add("alice", role="bootstrap").wait_joined()
        bob = ring.add("bob").wait_joined()
        ring.wait_consistent(2)
        for arguments in RIGHT:
            out = run(ring, bob, arguments)
            assert out.returncode == 0 and out.stdout and not out.stderr, (arguments, out)
            _, objects = bob.ctl(*arguments)
            assert any("result" in o for o in objects), (arguments, objects)
        for arguments, code, hint in WRONG:
            out = run(ring, bob, arguments)
            assert out.returncode == code and hint in out.stderr and not out.stdout, (arguments, out)
        code, objects = bob.ctl("fetch", BOB, "--kind", "NOPE", check=False)
        assert code == 1 and objects[-1]["error"]["name"] == "UNKNOWN_KIND" and objects[-1]["error"]["hint"], objects
        assert any(o.get("result", {}).get("sip_malformed") == 0 for o in bob.ctl("counters")[1])
        assert run(ring, bob, ["leave"]).returncode == 0
        assert run(ring, bob, ["shutdown"]).returncode == 0
        bob.process.wait(15)
        out = run(ring, bob, ["status"])
        assert out.returncode == 3 and "Is peald running" in out.stderr, out
    finally:
        ring.stop()
