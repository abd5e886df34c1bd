# SPDX-License-Identifier: MIT
"""tshark reads the running ring: every RELOAD frame decodes, and methods have their names."""
import os
import subprocess

from ring import Ring, RingError, wait_until

EXPECTED = {"AttachReq", "AttachAns", "JoinReq", "JoinAns", "UpdateReq", "UpdateAns", "StoreReq", "StoreAns",
            "FetchReq", "FetchAns", "PingReq", "PingAns", "RouteQueryReq", "RouteQueryAns", "StatReq", "StatAns",
            "FindReq", "FindAns", "ProbeReq", "ProbeAns", "LeaveReq", "LeaveAns"}


def start_capture(ring, path):
    network = f"127.{ring.subnet[0]}.{ring.subnet[1]}.0/24"
    capture = subprocess.Popen(["tshark", "-q", "-i", "lo", "-B", "64", "-w", str(path),
                                "-f", f"net {network} and port 6084"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)
    for line in capture.stderr:
        if "Capturing on" in line:
            break
    wait_until(path.exists, 10, "the capture starts")
    return capture


def stop_capture(capture):
    capture.terminate()
    try:
        capture.wait(10)
    except subprocess.TimeoutExpired:
        capture.kill()
        capture.wait()


def decoded(path, keylog, link, fields, display_filter):
    out = subprocess.run(["tshark", "-r", str(path), "-o", f"tls.keylog_file:{keylog}",
                          "-d", f"{link}.port==6084,reload-framing", "-Y", display_filter, "-T", "fields",
                          *[a for f in fields for a in ("-e", f)]], text=True, capture_output=True, timeout=120,
                         check=True)
    return out.stdout.splitlines()


def use_every_method(ring):
    peer = ring.peers[1]
    target = peer.user
    peer.request("store", target=target, kind="SIP-REGISTRATION", value=f"sip:{target}", lifetime=600)
    for command in ("fetch", "stat", "find"):
        for reader in ring.peers:
            reader.request(command, target=target, kind="SIP-REGISTRATION")
    for reader in ring.peers:
        for command in ("ping", "probe", "route"):
            reader.request(command, target=target)
    peer.request("ring")


def test(build, folder):
    for link in ("tls", "dtls"):
        os.makedirs(folder / link, exist_ok=True)
        keylog, path = folder / link / "keys", folder / link / "ring.pcapng"
        ring = Ring(folder / link, build, links=(link,), keylog=keylog)
        capture = None
        try:
            users = [f"user{n}" for n in range(1, 7)]
            ring.create(users)
            capture = start_capture(ring, path)
            ring.add(users[0], role="bootstrap").wait_joined()
            for user in users[1:]:
                ring.add(user)
            ring.wait_joined()
            ring.wait_consistent(len(users))
            use_every_method(ring)
            ring.peers[-1].stop()
        finally:
            ring.stop()
            if capture is not None:
                stop_capture(capture)
        malformed = decoded(path, keylog, link, ["frame.number", "_ws.col.Info"], "reload && _ws.malformed")
        assert not malformed, malformed[:10]
        names = {name for line in decoded(path, keylog, link, ["_ws.col.Info"], "reload")
                 for name in line.replace(",", " ").split()}
        missing = EXPECTED - names
        if missing:
            raise RingError(f"{link}: not seen by name: {sorted(missing)}; seen: {sorted(names)[:60]}")
