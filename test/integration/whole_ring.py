# SPDX-License-Identifier: MIT
"""Many real peers: one consistent ring, registrations found from anywhere, and none lost when peers die.

PEAL_RING_PEERS (default 24) sets how many; a quarter of them is killed. PEAL_RING_REGISTRATIONS (default 30) sets how many
registrations are stored: each peer's user's, and the rest by clients that come, store and die. docs/operations.md has the
long form.
"""
import os
import time

import ring_check
from ring import Ring, wait_until


def test(build, folder):
    count = int(os.environ.get("PEAL_RING_PEERS", "24"))
    interval_s = float(os.environ.get("PEAL_RING_KILL_INTERVAL_S", "1.5"))
    registrations = max(count, int(os.environ.get("PEAL_RING_REGISTRATIONS", "30")))
    users = [f"user{n}" for n in range(1, registrations + 1)]
    ring = Ring(folder, build)
    try:
        ring.create(users)
        ring.add(users[0], role="bootstrap").wait_joined()
        start = time.monotonic()
        for user in users[1:count]:
            ring.add(user)
        ring.wait_joined(120)
        ring.wait_consistent(count, 60)
        print(f"{count} peers: one consistent ring after {time.monotonic() - start:.1f} s")

        begin = time.monotonic()
        _, result = ring.peers[0].request("ring")
        walk_s = time.monotonic() - begin
        print(f"pealctl ring of {count} peers: {walk_s * 1000:.0f} ms")
        assert walk_s < 2, "the walk of the ring took 2 s or more"

        for peer in ring.peers:
            ring_check.register(peer)
        names = [peer.user for peer in ring.peers]
        names += [ring_check.register_by_client(ring, user) for user in users[count:]]
        ring_check.fetch_all(ring, names, 5)
        ring_check.agree_on_routes(ring, names[3], 8)
        print(f"{len(names)} registrations, each found from 5 random peers")

        victims = ring_check.kill_some(ring, count // 4, interval_s)
        lost = {victim.user for victim in victims}
        wait_until(lambda: ring.wait_consistent(count - len(victims), 60), 60, "the ring closes")
        ring_check.fetch_all(ring, [name for name in names if name not in lost], 5, seed=2)
        print(f"{len(victims)} peers killed: every registration whose owner lives is found")
    finally:
        ring.stop()
