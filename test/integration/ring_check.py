# SPDX-License-Identifier: MIT
"""Steps shared by tests of whole rings."""
import random
import time

from ring import wait_until


def register(peer):
    """Stores the peer's user's registration, as the registrar would."""
    peer.request("store", target=peer.user, kind="SIP-REGISTRATION", value=f"sip:{peer.user}", lifetime=3600)


def register_by_client(ring, user):
    """A client that joins, stores its user's registration and dies; returns the user's AOR."""
    client = ring.add(user, role="client").wait_joined()
    register(client)
    client.kill()
    ring.peers.remove(client)
    return client.user


def found(peer, user):
    """True when the registration of `user` is fetched and verified from `peer`."""
    items, result = peer.request("fetch", target=user, kind="SIP-REGISTRATION")
    return any(i["verified"] for i in items) and result.get("discarded", 0) == 0


def fetch_all(ring, users, readers, seed=1):
    """Each user's registration from `readers` random living peers."""
    chance = random.Random(seed)
    living = [p for p in ring.peers if p.process.poll() is None]
    for user in users:
        for peer in chance.sample(living, min(readers, len(living))):
            wait_until(lambda p=peer, u=user: found(p, u), 15, f"{user} found from peer {peer.index}")


def agree_on_routes(ring, target, count):
    """`pealctl route` from some peers ends at one and the same responsible peer."""
    owners = set()
    for peer in ring.peers[:count]:
        hops, result = peer.request("route", target=target)
        assert result["responsible"], (hops, result)
        owners.add(result["responsible"])
    assert len(owners) == 1, owners


def kill_some(ring, count, interval_s, seed=1):
    """SIGKILL to `count` random peers, one each `interval_s` seconds of real time; never the first."""
    chance = random.Random(seed)
    victims = chance.sample(ring.peers[1:], count)
    for victim in victims:
        victim.kill()
        time.sleep(interval_s)
    return victims
