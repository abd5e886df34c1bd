#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The main job, shown: an overlay from nothing, two phones, a call, a message, a look at the ring."""
import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from phone import Phone
from ring import Ring, RingError, wait_until

ALICE_HZ = 440
BOB_HZ = 880
MEDIA_SECONDS = 2.5


class Steps:
    """Runs named steps, prints each with its time, and remembers them for the summary."""

    def __init__(self, quiet):
        self.quiet = quiet
        self.done = []

    def run(self, name, function):
        start = time.monotonic()
        if not self.quiet:
            print(f"  {name} ...", end="", flush=True)
        try:
            detail = function()
        except (RingError, OSError, TimeoutError, subprocess.SubprocessError) as error:
            self.done.append({"step": name, "ok": False, "error": str(error)})
            if not self.quiet:
                print(" FAILED")
            raise
        elapsed = time.monotonic() - start
        self.done.append({"step": name, "ok": True, "seconds": round(elapsed, 3), "detail": detail})
        if not self.quiet:
            print(f" {elapsed:.2f} s{'  (' + detail + ')' if detail else ''}")


class Quickstart:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="peal-"))
        self.folder.chmod(0o700)
        self.ring = Ring(self.folder, options.build, links=(options.links,), hip=options.hip)
        self.phones = {}
        self.steps = Steps(options.json)
        self.report = {"hip": options.hip}
        self.seen = {}  # what alice's and bob's nodes said of the call while it was up

    def create(self):
        self.ring.create(["operator", "alice", "bob"] + self.others())
        return self.ring.overlay

    def others(self):
        """Users of the peers that have no phone, one each: Node-IDs of one user lie close together."""
        return [f"user{number}" for number in range(5, self.options.peers + 1)]

    def bootstrap(self):
        self.ring.add("operator", role="bootstrap").wait_joined()
        return f"{self.ring.peers[0].address}:6084"

    def join(self):
        """Peer 2 is alice's, peers 3 and 4 are bob's, each other one has a user of its own."""
        for user in ["alice", "bob", "bob"] + self.others():
            self.ring.add(user)
        self.ring.wait_joined()
        self.ring.wait_consistent(self.options.peers)
        return f"{self.options.peers} peers, one ring"

    def register(self):
        overlay = self.ring.overlay
        alice, bob, bob2 = self.ring.peers[1], self.ring.peers[2], self.ring.peers[3]
        self.phones = {
            "alice": Phone(self.folder / "alice", f"alice@{overlay}", alice.sip, ALICE_HZ,
                           contacts=[f"bob@{overlay}"]),
            "bob": Phone(self.folder / "bob", f"bob@{overlay}", bob.sip, BOB_HZ,
                         contacts=[f"alice@{overlay}"]),
            "bob2": Phone(self.folder / "bob2", f"bob@{overlay}", bob2.sip, BOB_HZ, transport="tcp",
                          answer=False),
        }
        for phone in self.phones.values():
            phone.start()
        for phone in self.phones.values():
            phone.wait_registered()
        return "alice on one peer, bob on two"

    def call(self):
        """Both of bob's phones ring; the first answers; a tone is heard each way."""
        alice, bob, bob2 = self.phones["alice"], self.phones["bob"], self.phones["bob2"]
        start = time.monotonic()
        alice.dial(bob.aor)
        bob2.wait("CALL_INCOMING", 10)
        alice.wait("CALL_ESTABLISHED", 10)
        self.report["call_setup_ms"] = round((time.monotonic() - start) * 1000)
        bob2.wait("CALL_CLOSED", 10)
        # The media itself takes this long: it is what is measured, not a wait for something to happen.
        time.sleep(MEDIA_SECONDS)
        for name, peer in self.call_peers():
            self.seen[name] = (peer.request("calls")[0], peer.request("hip"))
        alice.hang_up()
        bob.wait("CALL_CLOSED", 10)
        return f"set up in {self.report['call_setup_ms']} ms, both of bob's phones rang"

    def call_peers(self):
        """The nodes of the two phones that talk."""
        return (("alice", self.ring.peers[1]), ("bob", self.ring.peers[2]))

    def call_media(self, name):
        """How this node says the call's media crossed; the stream of audio."""
        calls, _ = self.seen[name]
        media = [call["media"] for call in calls if call["state"] == "established"]
        if len(media) != 1:
            raise RingError(f"{name}'s node knows of {len(media)} established calls: {calls}")
        return media[0]

    def check_esp(self):
        """The media crossed as ESP between the two nodes, each knowing by certificate who the other is."""
        hits = {name: self.seen[name][1][1]["hit"] for name in self.seen}
        counts = []
        for name, other in (("alice", "bob"), ("bob", "alice")):
            media = self.call_media(name)
            if media["protection"] != "hip" or media["hit"] != hits[other] or media["vouched"] != "certificate":
                raise RingError(f"{name}'s node: media {media}, and not HIP with {hits[other]}, vouched certificate")
            found = [a for a in self.seen[name][1][0] if a["what"] == "association" and a["hit"] == hits[other]]
            if len(found) != 1 or found[0]["state"] not in ("ESTABLISHED", "R2-SENT") or \
                    min(found[0]["packets_in"], found[0]["packets_out"]) < 50:
                raise RingError(f"{name}'s node: no ESP both ways with {other}'s: {found}")
            counts.append(found[0])
        self.report["hits"] = hits
        self.report["esp"] = {name: {key: a[key] for key in ("esp", "data", "packets_in", "packets_out")}
                              for name, a in zip(hits, counts)}
        return (f"{counts[0]['esp']}; {counts[0]['packets_out']} ESP packets out, {counts[0]['packets_in']} in; "
                f"alice is {hits['alice']}, bob is {hits['bob']}, each vouched for by certificate")

    def check_rtp(self):
        """Without HIP the phones talk RTP to each other and the nodes have no streams."""
        for name in ("alice", "bob"):
            media = self.call_media(name)
            if media["protection"] != "none" or media["streams"]:
                raise RingError(f"{name}'s node takes part in the media: {media}")
        return "from phone to phone, protected by nobody"

    def media(self):
        def near(heard, sent):
            return heard is not None and abs(heard - sent) < sent * 0.1

        def both_heard():
            """A phone writes its recording out some time after the call."""
            heard = self.phones["alice"].heard_hz(), self.phones["bob"].heard_hz()
            self.report["alice_heard_hz"], self.report["bob_heard_hz"] = heard
            return near(heard[0], BOB_HZ) and near(heard[1], ALICE_HZ)
        try:
            wait_until(both_heard, 5, "media")
        except RingError:
            raise RingError(f"RTP did not flow both ways: alice heard {self.report['alice_heard_hz']} Hz (bob sends "
                            f"{BOB_HZ}), bob heard {self.report['bob_heard_hz']} Hz (alice sends {ALICE_HZ})") from None
        return f"alice heard {self.report['alice_heard_hz']} Hz, bob heard {self.report['bob_heard_hz']} Hz"

    def message(self):
        self.phones["alice"].message("Peal, from peer to peer")
        self.phones["bob"].wait_message()
        self.phones["bob2"].wait_message()
        return "alice to both of bob's phones"

    def look(self):
        peer = self.ring.peers[1]
        items, result = peer.request("ring")
        self.report["ring"] = {"peers": len(items), **result}
        _, route = peer.request("route", target=self.phones["bob"].aor)
        self.report["route"] = route
        return f"{len(items)} peers, route to {self.phones['bob'].aor} found"

    def show(self):
        for arguments in (["ring"], ["route", self.phones["bob"].aor], ["calls"], ["hip"]):
            print(f"\n$ pealctl --folder {self.ring.peers[1].folder} {' '.join(arguments)}", flush=True)
            subprocess.run([str(self.ring.program("tools/pealctl")), "--folder",
                            str(self.ring.peers[1].folder), *arguments], check=False)

    def run(self):
        self.steps.run("create the overlay and its enrollment server", self.create)
        self.steps.run("start the bootstrap peer", self.bootstrap)
        self.steps.run(f"enrol alice and bob, start {self.options.peers - 1} more peers", self.join)
        self.steps.run("register three phones", self.register)
        self.steps.run("call bob from alice", self.call)
        self.steps.run("check the media", self.media)
        if self.options.hip:
            self.steps.run("check that the media crossed as ESP", self.check_esp)
        else:
            self.steps.run("check that the media crossed as plain RTP", self.check_rtp)
        self.steps.run("send a MESSAGE", self.message)
        self.steps.run("look at the ring", self.look)

    def play(self):
        """Everything stays up until Ctrl-C."""
        first = self.ring.peers[1]
        print(f"""
All of it is running. Try, in another terminal:
  export PATH={self.ring.build}/tools:{self.ring.build}/node:$PATH
  pealctl --folder {first.folder} ring
  pealctl --folder {first.folder} route bob@{self.ring.overlay}
  pealctl --folder {first.folder} fetch bob@{self.ring.overlay}
  pealctl --folder {first.folder} hip
  pealctl --folder {first.folder} log
Your own phone: account alice@{self.ring.overlay}, no password, outbound proxy {first.sip} (UDP or TCP).
Everything lives in {self.folder}. Ctrl-C takes it down.""", flush=True)
        threading.Event().wait()

    def stop(self):
        for phone in self.phones.values():
            phone.stop()
        self.ring.stop()


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/quickstart", description=__doc__)
    parser.add_argument("--build", default="build/run", help=argparse.SUPPRESS)
    parser.add_argument("--once", action="store_true",
                        help="take everything down again; exit 0 only if every step held")
    parser.add_argument("--peers", type=int, default=8, metavar="N",
                        help="peers in the ring, the bootstrap peer included (4 to 128, default 8)")
    parser.add_argument("--links", choices=("tls", "dtls"), default="tls", help="link protocol (default tls)")
    parser.add_argument("--no-hip", dest="hip", action="store_false",
                        help="the call's media as plain RTP, not as ESP between the two nodes")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args()
    if not 4 <= options.peers <= 128:
        parser.error("--peers: 4 to 128")
    return options


def summary(quick, ok, error):
    failed = [s for s in quick.steps.done if not s["ok"]]
    if quick.options.json:
        print(json.dumps({"ok": ok, "steps": quick.steps.done, "error": error, **quick.report}))
        return
    print()
    if ok:
        print(f"Every step held: {len(quick.steps.done)} of {len(quick.steps.done)}.")
    else:
        print(f"{len(failed) or 1} step failed: {error}")
        print(f"Logs are kept in {quick.folder}: peerN/log, peerN/output, enroll.log, alice/log, bob/log")


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    quick = Quickstart(options)
    ok, error = False, None
    try:
        if not options.json:
            print(f"Peal: a ring of {options.peers} peers over {options.links.upper()} links, "
                  f"{'calls protected by HIP' if options.hip else 'without HIP'}\n")
        quick.run()
        ok = True
        if not options.json:
            quick.show()
        if not options.once:
            quick.play()
    except KeyboardInterrupt:
        ok = ok or not options.once
    except (RingError, OSError, TimeoutError, subprocess.SubprocessError) as problem:
        error = str(problem)
    finally:
        try:
            quick.steps.run("take it down", quick.stop)
        except (RingError, OSError) as problem:
            ok, error = False, str(problem)
        summary(quick, ok, error)
        if ok:
            shutil.rmtree(quick.folder, ignore_errors=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
