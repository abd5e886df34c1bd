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
    wait_until(lambda: all(sequence(p) == 2 for p in others), 60, "the newer document reaches every peer")
    # And one that was away joins with the older document.
    late.start().wait_joined()
    wait_until(lambda: sequence(late) == 2, 60, "who was away has the newer document")
    ring.wait_consistent(5)


def all_bootstrap_peers_start_at_once(ring):
    for peer in ring.peers:
        peer.stop()
    for peer in ring.peers:
        peer.start()
    ring.wait_joined(60)
    ring.wait_consistent(5)


def older_build(ring, folder):
    """A peald that does not know SIP's extension of the document."""
    known = b"urn:ietf:params:xml:ns:p2p:config-base:sip"
    program = ring.program("node/peald").read_bytes()
    assert known in program
    path = folder / "older-peald"
    path.write_bytes(program.replace(known, known[:-3] + b"old"))
    path.chmod(0o700)
    return path


def who_cannot_follow_leaves(ring):
    """11.1: a newer document asks for an extension that one peer's build does not have."""
    outdated, first = ring.peers[4], ring.peers[1]
    outdated.stop()
    outdated.program = older_build(ring, ring.folder)
    outdated.start().wait_joined()
    first.stop()
    document = first.folder / "overlay.xml"
    document.write_text(ring.run(
        ring.program("test/integration/sign_document"), ring.folder / "enroll" / "signer", document,
        sequence(ring.peers[0]) + 1,
        "<mandatory-extension>urn:ietf:params:xml:ns:p2p:config-base:sip</mandatory-extension>").stdout)
    first.start().wait_joined()
    others = [p for p in ring.peers if p is not outdated]
    wait_until(lambda: all(sequence(p) == 3 for p in others), 90, "the newer document reaches who knows it")
    wait_until(lambda: outdated.state() == "left", 90, "who does not know the extension leaves")
    wait_until(lambda: "configuration.unsupported" in outdated.log(), 5, "and says why")
    assert outdated.log().count("upgrade Peal") == 1
    ring.wait_consistent(4)
    # Upgraded, it is back, and is sent the document.
    outdated.stop()
    outdated.program = ring.program("node/peald")
    outdated.start().wait_joined()
    wait_until(lambda: sequence(outdated) == 3, 60, "the upgraded peer has the newer document")
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
        who_cannot_follow_leaves(ring)
        all_bootstrap_peers_start_at_once(ring)
    finally:
        ring.stop()
