# SPDX-License-Identifier: MIT
"""A HIP host that is no Peal node, and Peal nodes: base exchanges both ways with RSA and ECDSA on either side, and two
such hosts that find each other through the ring, by edges that are their rendezvous server or control relay."""
import os

import hip_cryptography as crypto
import hip_packets as hip
from hip_daemon import RELAY_UDP_HIP, RENDEZVOUS, Daemon
from ring import Ring, RingError, wait_until


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def show_hip_logs(ring):
    """What each peer said of HIP at last: for a test that failed."""
    for peer in ring.peers:
        lines = [line for line in peer.log().splitlines() if " hip." in line]
        print(f"--- peer {peer.index}\n" + "\n".join(lines[-25:]))


def hit_of_peer(peer):
    return hip.hit_of(peer.request("hip")[1]["hit"])


def association(peer, hit):
    for item in peer.request("hip")[0]:
        if item.get("what") == "association" and hip.hit_of(item["hit"]) == hit:
            return item
    return None


def registrations(peer, hit):
    return [item for item in peer.request("hip")[0]
            if item.get("what") == "registration" and hip.hit_of(item["hit"]) == hit]


def add_rsa(ring, user, **how):
    """A peer whose key, and with it its Host Identity, is RSA."""
    folder = ring.folder / f"peer{ring.last_index + 1}"
    folder.mkdir(mode=0o700)
    crypto.HostKey.generate(crypto.SUITE_RSA).save(str(folder / "key.pem"))
    return ring.add(user, **how)


def ping_from_peer(peer, hit, seconds=20):
    return peer.request("hip_ping", target=hip.hit_text(hit), seconds=seconds)[1]["rtt_ms"]


def direct(peer, address, keys):
    """The foreign host begins, with each group and transform; both ping; either ends it."""
    peer_hit = hit_of_peer(peer)
    trials = [{"groups": (7,)}, {"groups": (8,), "transforms": (12,)}, {"groups": (3,)}, {"groups": (4, 7)},
              {"encrypt_host_id": True}]
    for number, options in enumerate(trials):
        key = keys[number % len(keys)]
        with Daemon(key, address, **options) as daemon:
            daemon.connect(peer_hit, peer.address)
            up = daemon.wait_for("established")
            check(up["group_suite"] == peer_hit[3] & 15,
                  "RHASH is of the Responder's suite")
            for _ in range(3):
                daemon.ping(peer_hit)
            ping_from_peer(peer, key.hit)
            daemon.update(peer_hit)
            daemon.wait_for("acknowledged")
            daemon.wait_for("address_verified")
            item = association(peer, key.hit)
            check(item["state"] == "ESTABLISHED" and not item["initiator"], item)
            daemon.close(peer_hit)
            daemon.wait_for("closed")
            wait_until(lambda hit=key.hit: (association(peer, hit) or {"state": "CLOSED"})["state"]
                       not in ("ESTABLISHED", "R2-SENT"), 5, "the association ends at the peer")
            check(daemon.count("dropped") == 0, daemon.events)
        print(f"direct to suite {peer_hit[3] & 15}: from suite {key.suite}, {options}: held")


def moved(peer, here, there, key):
    """The foreign host changes its address; the peer checks the new one, and ESP goes on without a new exchange."""
    peer_hit = hit_of_peer(peer)
    with Daemon(key, here) as daemon:
        daemon.connect(peer_hit, peer.address)
        daemon.wait_for("established")
        daemon.ping(peer_hit)
        mark = len(daemon.events)
        daemon.move(there)
        daemon.wait_for("acknowledged", since=mark)
        wait_until(lambda: there in association(peer, key.hit)["data"], 5, "data go to the new address")
        ping_from_peer(peer, key.hit)
        daemon.ping(peer_hit)
        check(daemon.count("sent", packet="I1") == 1, "no second exchange")
        echo = [e for e in daemon.events[mark:] if e["event"] == "received" and hip.ECHO_REQUEST_SIGNED in e["types"]]
        check(echo, "the new address was asked whether it is there")
        daemon.close(peer_hit)
        daemon.wait_for("closed")
    print(f"a host of suite {key.suite} moved: data follow after an address check")


def restarted(peer, address, key):
    """The foreign host forgets everything and begins anew (RFC 7401 6.16)."""
    peer_hit = hit_of_peer(peer)
    for _ in range(2):
        with Daemon(key, address) as daemon:
            daemon.connect(peer_hit, peer.address)
            daemon.wait_for("established")
            daemon.ping(peer_hit)
            ping_from_peer(peer, key.hit)
    with Daemon(key, address) as daemon:
        daemon.connect(peer_hit, peer.address)
        daemon.wait_for("established")
        daemon.close(peer_hit)
        daemon.wait_for("closed")
    print(f"a host of suite {key.suite} that lost its state twice: held")


def rekeyed(peer, address, key):
    """New SAs that the foreign host asks for, with and without a new Diffie-Hellman key."""
    peer_hit = hit_of_peer(peer)
    with Daemon(key, address) as daemon:
        daemon.connect(peer_hit, peer.address)
        daemon.wait_for("established")
        for number, new_key in enumerate((False, True, False)):
            mark = len(daemon.events)
            daemon.rekey(peer_hit, new_key)
            fresh = daemon.wait_for("rekeyed", since=mark)
            daemon.ping(peer_hit)
            ping_from_peer(peer, key.hit)
            daemon.wait_for("esp", since=mark, spi=fresh["spi"])
            check(association(peer, key.hit)["rekeys"] == number + 1, association(peer, key.hit))
        check(daemon.count("dropped") == 0, daemon.events)
        daemon.close(peer_hit)
        daemon.wait_for("closed")
    print(f"rekeyed by a host of suite {key.suite}: held")


def raw(peer, address, key):
    """Protocol 139 with checksums, ESP as protocol 50."""
    peer_hit = hit_of_peer(peer)
    with Daemon(key, address, transports=("raw",)) as daemon:
        daemon.connect(peer_hit, peer.address, transport="raw")
        daemon.wait_for("established")
        daemon.ping(peer_hit)
        ping_from_peer(peer, key.hit)
        check(association(peer, key.hit)["data"].startswith("raw"), association(peer, key.hit))
        daemon.close(peer_hit)
        daemon.wait_for("closed")
        check(daemon.count("dropped") == 0, daemon.events)
    print(f"raw protocol 139, suite {key.suite}: held")


def register(daemon, edge, kind):
    edge_hit = hit_of_peer(edge)
    daemon.connect(edge_hit, edge.address, register=[kind])
    granted = daemon.wait_for("registered", peer=hip.hit_text(edge_hit))
    check(kind in granted["types"], granted)
    wait_until(lambda: registrations(edge, daemon.hit), 5, "the edge shows the registration")
    record = wait_until(lambda: edge.request("fetch", target=hip.hit_text(daemon.hit), kind="HIP-RVS")[0], 5,
                        "the ring has its record")[0]["value"]
    check(hip.hit_of(record["hit"]) == daemon.hit and record["proof"] == "registration"
          and record["rvs"] == (kind == RENDEZVOUS) and record["relay"] == (kind == RELAY_UDP_HIP), record)
    daemon.ping(edge_hit)


def pinged_by_peer(peer, daemon):
    """The peer begins, knowing the HIT alone: where it is served the ring tells."""
    rtt = ping_from_peer(peer, daemon.hit, 30)
    item = association(peer, daemon.hit)
    check(item["initiator"] and item["state"] == "ESTABLISHED", item)
    print(f"a node to a registered host of suite {daemon.key.suite}: ping {rtt:.1f} ms, control {item['control']}, "
          f"data {item['data']}")
    mark = len(daemon.events)
    daemon.close(hit_of_peer(peer))
    daemon.wait_for("closed", since=mark)


def carried(a, b, entrance, kind):
    """b sends its I1 for a to an edge: a's own, or one from which the ring carries it to a's."""
    mark = len(a.events)
    b.connect(a.hit, entrance.address)
    b.wait_for("established", peer=hip.hit_text(a.hit))
    a.wait_for("established", peer=hip.hit_text(b.hit))
    i1 = a.wait_for("received", since=mark, packet="I1", peer=hip.hit_text(b.hit))
    i2 = a.wait_for("received", since=mark, packet="I2", peer=hip.hit_text(b.hit))
    if kind == RENDEZVOUS:
        check(hip.FROM in i1["types"] and hip.RVS_HMAC in i1["types"], f"a rendezvous server says from whom: {i1}")
        check(i2["source"] == b.address, f"what follows the I1 comes directly: {i2['source']}")
    else:
        check(hip.RELAY_FROM in i1["types"] and hip.RELAY_HMAC in i1["types"], f"a relay says from whom: {i1}")
        check(hip.RELAY_FROM in i2["types"] and i2["source"] != b.address, f"a relay carries the I2 too: {i2}")
    b.ping(a.hit)
    a.ping(b.hit)
    print(f"two hosts by peer {entrance.index} and {'rendezvous' if kind == RENDEZVOUS else 'relay'}: "
          f"I1 with {i1['types']}, ping {b.wait_for('pong', peer=hip.hit_text(a.hit))['seconds'] * 1e3:.1f} ms")


def test(build, folder):
    keys = [crypto.HostKey.generate(crypto.SUITE_ECDSA), crypto.HostKey.generate(crypto.SUITE_RSA)]
    ring = Ring(folder, build)
    edge = {"hip-edge": "true", "hip-edge-lenient": "true"}
    try:
        ring.create(["operator", "user2", "user3", "user4"])
        ring.add("operator", role="bootstrap", options=edge).wait_joined()
        ring.add("user2", options={**edge, "hip-raw": "true" if os.geteuid() == 0 else "false"})
        ring.add("user3")
        add_rsa(ring, "user4", options=edge)
        ring.wait_joined()
        ring.wait_consistent(4)
        first, second, third, rsa = ring.peers
        check(hit_of_peer(first)[3] & 15 == 2 and hit_of_peer(rsa)[3] & 15 == 1, "HITs of both suites")
        direct(second, ring.address(101), keys)
        direct(rsa, ring.address(101), keys)
        for key in keys:
            moved(second, ring.address(101), ring.address(103), key)
            restarted(second, ring.address(101), key)
            rekeyed(second, ring.address(101), key)
            if os.geteuid() == 0:
                raw(second, ring.address(101), key)
            else:
                print("raw protocol 139: not tried, it needs root")
        for kind in (RENDEZVOUS, RELAY_UDP_HIP):
            for key in keys:
                # Who announces no locator has no address for ESP: the ring carries control packets only.
                with Daemon(key, ring.address(101), locators=ring.address(101)) as a:
                    register(a, first, kind)
                    for entrance in (second, first):
                        locator = ring.address(102) if kind == RELAY_UDP_HIP and entrance is second else None
                        with Daemon(crypto.HostKey.generate(key.suite), ring.address(102), locators=locator) as b:
                            carried(a, b, entrance, kind)
                    pinged_by_peer(third, a)
                    mark = len(a.events)
                    a.close(hit_of_peer(first))
                    a.wait_for("closed", since=mark)
    except (RingError, AssertionError, TimeoutError):
        show_hip_logs(ring)
        raise
    finally:
        ring.stop()
