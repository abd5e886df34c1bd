# SPDX-License-Identifier: MIT
"""A node changes its address in the middle of a call: UPDATE with address check, media goes on within 2 s, and there is
no second base exchange."""
import time

import media_phone
from namespaces import Namespaces, NamespaceRing, available
from ring import wait_until

GAP_MAX_S = 2.0


def host_options(namespaces, net):
    """A host that does not know what address it will have tomorrow."""
    return {"listen": '{"0.0.0.0:6084"}', "app-listen": '"0.0.0.0:6085"', "hip-listen": '{"0.0.0.0:10500"}',
            "sip-listen": '{"127.0.0.1:5060"}', "log-level": "debug"}


def exchanges(peer):
    return peer.log().count("hip.established")


def check_move(ring, namespaces, phones):
    caller, callee = phones
    before = exchanges(ring.peers[-1]) + exchanges(ring.peers[-2])
    assert media_phone.pump(phones, 20, lambda: min(len(p.received) for p in phones) > 100), "no media before the move"
    started = time.monotonic()
    namespaces.move("a", 77)

    def both_go_on():
        return time.monotonic() > started + 3 and all(p.received[-1][0] > started + 2.9 for p in phones)
    assert media_phone.pump(phones, 20, both_go_on), "media stopped with the move"
    gaps = [media_phone.longest_gap(p, started - 0.5) for p in phones]
    assert max(gaps) <= GAP_MAX_S, f"silence of {gaps} s"
    assert exchanges(ring.peers[-1]) + exchanges(ring.peers[-2]) == before, "a new base exchange"
    print(f"moved: the caller heard nothing for {gaps[0] * 1000:.0f} ms, the callee for {gaps[1] * 1000:.0f} ms")


def test(build, folder):
    if not available():
        print("skipped: network namespaces need root")
        return
    with Namespaces() as namespaces:
        ring = NamespaceRing(folder, build, namespaces)
        phones = []
        try:
            ring.create(["operator", "user2", "user3", "alice", "bob"])
            namespaces.open_way()
            ring.add_at("operator", "core", namespaces.address(0, 1), role="bootstrap").wait_joined()
            ring.add_at("user2", "core", namespaces.address(0, 2))
            ring.add_at("user3", "core", namespaces.address(0, 3))
            ring.wait_joined()
            a = ring.add_at("alice", "a", namespaces.address(1, 2), role="client",
                            options=host_options(namespaces, 1))
            b = ring.add_at("bob", "b", namespaces.address(2, 2), role="client",
                            options=host_options(namespaces, 2))
            a.wait_joined()
            b.wait_joined()
            for side, user in (("a", "alice"), ("b", "bob")):
                with namespaces.inside(side):
                    phones.append(media_phone.MediaPhone(user, ring.overlay, ("127.0.0.1", 5060)))
                phones[-1].register()
                phones[-1].expect("SIP/2.0 200", method="REGISTER")
            media_phone.call(*phones)
            wait_until(lambda: "hip.established" in a.log() and "hip.established" in b.log(), 10, "the base exchange")
            check_move(ring, namespaces, phones)
        finally:
            for phone in phones:
                phone.close()
            ring.stop()
