# SPDX-License-Identifier: MIT
"""kill -9 and restart: a peer serves what it had acknowledged, and rejoins by itself."""
from ring import Ring, wait_until


def fetch(peer, target, kind="SIP-REGISTRATION"):
    items, _ = peer.request("fetch", target=target, kind=kind)
    return items


def sole_peer_serves_after_kill(ring):
    """With one peer there is no replica: what comes back can only come from its database."""
    peer = ring.add("alice", role="bootstrap").wait_joined()
    target = f"alice@{ring.overlay}"
    peer.request("store", target=target, kind="SIP-REGISTRATION", value=f"sip:alice@{ring.address(9)}",
                 lifetime=3600)
    assert fetch(peer, target), "stored, but not found"
    peer.kill()
    peer.start().wait_joined()
    values = wait_until(lambda: fetch(peer, target), 5, "the stored value is served again")
    assert len(values) == 1 and values[0]["verified"], values


def others_rejoin_after_kill(ring):
    for user in ("bob", "carol", "dave"):
        ring.add(user)
    ring.wait_joined()
    ring.wait_consistent(4)
    victim = ring.peers[2]
    victim.kill()
    ring.wait_consistent(3)
    victim.start().wait_joined()
    ring.wait_consistent(4)
    # The first peer, the only one with a bootstrap address, dies and finds the others again by itself.
    first = ring.peers[0]
    wait_until((first.folder / "cached-peers").exists, 10, "peers are cached")
    first.kill()
    wait_until(lambda: len(ring.peers[1].request("ring")[0]) == 3, 30, "the ring closes")
    first.start().wait_joined()
    ring.wait_consistent(4)
    target = f"alice@{ring.overlay}"
    for peer in ring.peers:
        assert fetch(peer, target), f"peer {peer.index} does not find alice"


def test(build, folder):
    ring = Ring(folder, build)
    try:
        ring.create(["alice", "bob", "carol", "dave"])
        sole_peer_serves_after_kill(ring)
        others_rejoin_after_kill(ring)
        for peer in ring.peers[1:]:
            assert peer.stop() == 0, f"peer {peer.index} did not end cleanly"
    finally:
        ring.stop()
