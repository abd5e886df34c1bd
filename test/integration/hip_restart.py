# SPDX-License-Identifier: MIT
"""A node is killed in the middle of a call and comes back without its associations: the next call has media both ways
within seconds; one end that only talks, or pings, finds out as soon."""
import time

import media_phone
from ring import Ring, wait_until

MEDIA_MAX_S = 10


def register(phone):
    phone.register()
    phone.expect("SIP/2.0 200", method="REGISTER")


def media_both_ways(phones, seconds, packets=50):
    """Seconds until each phone has heard so many packets of the other."""
    before = [len(p.received) for p in phones]
    started = time.monotonic()
    assert media_phone.pump(phones, seconds, lambda: all(len(p.received) - n >= packets
                                                         for p, n in zip(phones, before))), \
        f"no media both ways: {[len(p.received) - n for p, n in zip(phones, before)]}"
    return time.monotonic() - started


def count(peer, name):
    return peer.request("counters")[1][name]


def check_call_after_restart(ring, phones, peers):
    """The caller's node still has the association when the callee's comes back."""
    caller, callee = phones
    media_phone.call(*phones)
    print(f"first call: media both ways after {media_both_ways(phones, MEDIA_MAX_S):.2f} s")
    exchanges = count(peers[0], "hip_exchanges")
    peers[1].kill()
    peers[1].start().wait_joined()
    register(callee)
    media_phone.call(*phones)
    print(f"after the restart: media both ways after {media_both_ways(phones, MEDIA_MAX_S):.2f} s")
    assert count(peers[0], "hip_exchanges") > exchanges, "no new base exchange"
    for peer, other in zip(peers, reversed(peers)):
        hit = other.status()["hit"]
        found = [i for i in peer.request("hip")[0] if i["what"] == "association" and i["hit"] == hit]
        assert len(found) == 1 and found[0]["data"].startswith("udp "), found


def check_stream_after_restart(phones, peers):
    """One end only talks; nobody calls, registers or pings: the association is found dead and replaced."""
    caller = phones[0]
    exchanges = count(peers[0], "hip_exchanges")
    peers[1].kill()
    peers[1].start().wait_joined()
    started = time.monotonic()

    def replaced():
        return count(peers[0], "hip_exchanges") > exchanges
    while not replaced():
        assert time.monotonic() - started < MEDIA_MAX_S, "the dead association was kept"
        media_phone.pump([caller], 0.2)
    assert "hip.gone" in peers[0].log()
    print(f"one-way stream: a new association after {time.monotonic() - started:.2f} s")


def check_ping_after_restart(peers):
    hit = peers[1].status()["hit"]
    peers[1].kill()
    peers[1].start().wait_joined()
    started = time.monotonic()
    code, lines = peers[0].ctl("hip", "ping", hit, check=False)
    assert code == 0, lines
    print(f"ping after a restart: answered after {time.monotonic() - started:.2f} s")


def test(build, folder):
    ring = Ring(folder, build)
    phones = []
    try:
        ring.create(["operator", "alice", "bob"])
        ring.add("operator", role="bootstrap").wait_joined()
        peers = [ring.add("alice", options={"log-level": '"debug"'}), ring.add("bob")]
        ring.wait_joined()
        ring.wait_consistent(3)
        for peer, user in zip(peers, ("alice", "bob")):
            phones.append(media_phone.MediaPhone(user, ring.overlay, (peer.address, 5060)))
            register(phones[-1])
        wait_until(lambda: all(peer.state() == "joined" for peer in peers), 10, "both are there")
        check_call_after_restart(ring, phones, peers)
        check_stream_after_restart(phones, peers)
        check_ping_after_restart(peers)
    finally:
        for phone in phones:
            phone.close()
        ring.stop()
