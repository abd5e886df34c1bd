# SPDX-License-Identifier: MIT
"""tshark reads the running ring: every RELOAD frame decodes, and methods have their names."""
import os
import pathlib
import re
import socket
import subprocess

from ring import Ring, wait_until

RELOAD_PORT = 6084
METHODS = ("probe", "attach", "store", "fetch", "find", "join", "leave", "update", "route_query", "ping", "stat",
           "exp_b")
EXPECTED = {f"{method}_{kind}" for method in METHODS for kind in ("req", "ans")}
OVER_TLS = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "wireshark" / "reload-over-tls.lua"


def start_capture(path, what):
    """tshark on loopback; `what` is a capture filter."""
    capture = subprocess.Popen(["tshark", "-q", "-i", "lo", "-B", "64", "-w", str(path), "-f", what],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)
    for line in capture.stderr:
        if "Capturing on" in line:
            break
    wait_until(path.exists, 10, "the capture starts")
    return capture


def stop_capture(ring, capture, path, port):
    """Packets reach the file late: a datagram of our own, to a port that the filter lets through, tells when all
    before it are there."""
    marker = b"the end of the capture"

    def flushed():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(marker, (ring.address(251), port))
        return marker in path.read_bytes()
    wait_until(flushed, 10, "the capture is written", interval=0.1)
    capture.terminate()
    try:
        capture.wait(10)
    except subprocess.TimeoutExpired:
        capture.kill()
        capture.wait()


def tshark(path, keylog, *arguments):
    out = subprocess.run(["tshark", "-X", f"lua_script:{OVER_TLS}", "-r", str(path), "-o", f"tls.keylog_file:{keylog}",
                          "-d", "tcp.port==6084,tls", "-d", "udp.port==6084,dtls", *arguments], text=True,
                         capture_output=True, timeout=120, check=True)
    return out.stdout


def check_capture(path, keylog, link):
    malformed = tshark(path, keylog, "-Y", "_ws.malformed")
    assert not malformed, malformed[:2000]
    names = re.findall(r"message_code \(uint16\): (?:\d+ \()?(\w+)", tshark(path, keylog, "-Y", "reload", "-O", "reload"))
    missing = EXPECTED - set(names)
    assert not missing, f"{link}: not seen by name: {sorted(missing)}; seen: {sorted(set(names))}"
    print(f"{link}: {len(names)} RELOAD messages of {len(set(names))} names, none malformed")


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
            capture = start_capture(path, f"net 127.{ring.subnet[0]}.{ring.subnet[1]}.0/24 and port {RELOAD_PORT}")
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
                stop_capture(ring, capture, path, RELOAD_PORT)
        check_capture(path, keylog, link)
