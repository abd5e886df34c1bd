# SPDX-License-Identifier: MIT
"""A newer configuration document spreads by ConfigUpdate; bootstrap peers started together form one ring."""
import shutil

from ring import Ring, wait_until


def sequence(peer):
    return peer.request("config")[1]["overlay"]["sequence"]


def fetch_document(ring, peer):
    """The enrollment server's document of now, into the peer's folder."""
    ring.run(ring.program("tools/pealctl"), "identity", "enroll", "--folder", peer.folder, "--url", ring.url,
             "--ca", ring.ca, "--overlay", ring.overlay, "--user", peer.user,
             "--password-file", ring.password_file)


def document_spreads(ring):
    late = ring.peers[4]
    late.stop()
    ring.run(ring.program("tools/peal-enroll"), "document", "--folder", ring.folder / "enroll",
             "--set", "chord-ping-interval=3000")
    # One peer alone begins with the newer document: it joins a ring that has the older one.
    first = ring.peers[1]
    first.stop()
    fetch_document(ring, first)
    first.start().wait_joined()
    others = [p for p in ring.peers if p is not late]
    wait_until(lambda: all(sequence(p) == 2 for p in others), 20, "the newer document reaches every peer")
    # And one that was away joins with the older document.
    late.start().wait_joined()
    wait_until(lambda: sequence(late) == 2, 10, "who was away has the newer document")
    ring.wait_consistent(5)


def all_bootstrap_peers_start_at_once(ring):
    for peer in ring.peers:
        peer.stop()
    for peer in ring.peers:
        peer.start()
    ring.wait_joined(60)
    ring.wait_consistent(5)


def test(build, folder):
    ring = Ring(folder, build)
    ring.create_options = ["--bootstrap", f"{ring.address(2)}:6084"]
    try:
        ring.create(["alice", "bob", "carol", "dave", "erin"])
        ring.add("alice", role="bootstrap").wait_joined()
        ring.add("bob", role="bootstrap")
        for user in ("carol", "dave", "erin"):
            ring.add(user)
        ring.wait_joined()
        ring.wait_consistent(5)
        document_spreads(ring)
        all_bootstrap_peers_start_at_once(ring)
    finally:
        ring.stop()
