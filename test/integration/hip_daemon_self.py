# SPDX-License-Identifier: MIT
"""The foreign HIP daemon against itself, and against a rendezvous server and relay made here: what it offers to the
tests of Peal holds before it is used on Peal."""
import os
import random
import struct

import hip_cryptography as crypto
import hip_packets as hip
from hip_daemon import RELAY_UDP_HIP, RENDEZVOUS, Daemon, Path


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def addresses(count):
    subnet = f"127.{random.randrange(1, 255)}.{random.randrange(255)}"
    return [f"{subnet}.{n + 1}" for n in range(count)]


def vectors():
    i1 = hip.build(hip.I1, hip.hit_of("2001:20::1"), hip.hit_of("2001:20::2"),
                   [hip.tlv(hip.DH_GROUP_LIST, bytes((3, 4, 8)))])
    check(hip.checksum("2001:db8::1", "2001:db8::2", i1) == 0x1a5e, "RFC 7401 C.1")
    check(hip.checksum("192.0.2.1", "192.0.2.2", i1) == 0xf1ce, "RFC 7401 C.2")
    segment = struct.pack(">HHIIBBHHH", 65500, 22, 1, 0, 0x50, 2, 65535, 0, 0)
    check(hip.upper_checksum(hip.hit_of("2001:20::1"), hip.hit_of("2001:20::2"), 6, segment) == 0x6faa,
          "RFC 7401 C.3")
    for prime, _ in crypto.MODP.values():
        check(pow(2, prime - 1, prime) == 1, "the MODP numbers are primes")
    # RFC 5869 A.1.
    okm = crypto.hkdf(1, bytes(range(13)), bytes([0x0b]) * 22, bytes(range(0xf0, 0xfa)), 42)
    check(okm.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
          "RFC 5869 A.1")
    check(hip.lifetime_seconds(64) == 1 and hip.lifetime_code(128) == 120, "RFC 8003 4.1")


def pair(keys, left=None, right=None, transports=("udp",)):
    here, there = addresses(2)
    return (Daemon(keys[0], here, transports=transports, **(left or {})),
            Daemon(keys[1], there, transports=transports, **(right or {})))


def exchange(keys, left=None, right=None, transport="udp"):
    """A base exchange, echoes and a datagram both ways, an UPDATE, and the end."""
    a, b = pair(keys, left, right, (transport,))
    with a, b:
        a.connect(b.hit, b.address, transport=transport)
        up = a.wait_for("established")
        b.wait_for("established")
        for _ in range(3):
            a.ping(b.hit)
            b.ping(a.hit)
        a.send_udp(b.hit, 4000, 4002, b"payload")
        check(b.wait_for("udp")["data"] == b"payload", "the datagram arrives")
        a.update(b.hit)
        a.wait_for("acknowledged")
        a.wait_for("address_verified")
        b.close(a.hit)
        a.wait_for("closed")
        b.wait_for("closed")
        check(a.count("dropped") + b.count("dropped") == 0, f"nothing is dropped: {a.events} {b.events}")
        return up


def mobility(keys):
    """One end moves; the other checks the new address before it sends there."""
    a, b = pair(keys)
    with a, b:
        a.connect(b.hit, b.address)
        a.wait_for("established")
        b.wait_for("established")
        moved = addresses(1)[0]
        a.move(moved)
        check(b.wait_for("address_verified")["address"] == moved, "the new address answers")
        b.ping(a.hit)
        check(b.wait_for("esp")["source"] == moved, "ESP comes from the new address")
        a.ping(b.hit)


def rekeying(keys):
    """New SAs, from the same KEYMAT and from a new one, asked for by either end."""
    a, b = pair(keys)
    with a, b:
        a.connect(b.hit, b.address)
        a.wait_for("established")
        b.wait_for("established")
        for here, there in ((a, b), (b, a)):
            for new_key in (False, True, False):
                marks = len(here.events), len(there.events)
                here.rekey(there.hit, new_key)
                fresh = here.wait_for("rekeyed", since=marks[0])
                there.wait_for("rekeyed", since=marks[1])
                here.ping(there.hit)
                there.ping(here.hit)
                check(here.wait_for("esp", since=marks[0], spi=fresh["spi"]), "ESP comes with the new SPI")
        check(a.count("dropped") + b.count("dropped") == 0, f"nothing is dropped: {a.events} {b.events}")


def crossing(keys):
    """Both begin at once; one association comes of it."""
    a, b = pair(keys)
    with a, b:
        a.connect(b.hit, b.address)
        b.connect(a.hit, a.address)
        a.wait_for("established")
        b.wait_for("established")
        a.ping(b.hit)
        b.ping(a.hit)


def refusals(keys):
    a, b = pair(keys)
    with a, b:
        a.connect(b.hit, b.address)
        a.wait_for("established")
        i2 = next(e["bytes"] for e in b.events if e["event"] == "received" and e["packet"] == "I2")
        towards_b = Path("udp", b.address, hip.PORT)
        mark = len(b.events)
        packet = hip.Packet(i2)
        at = next(p[2] for p in packet.parameters if p[0] == hip.SOLUTION) + 8
        for name, spoil in (("puzzle", at), ("MAC", packet.parameters[-2][2] + 8), ("version", 3)):
            bad = bytearray(i2)
            bad[spoil] ^= 0x10
            a.inject(bytes(bad), towards_b)
            dropped = b.wait_for("dropped", since=mark)
            mark = b.events.index(dropped) + 1
            check(b.associations[a.hit].state == "ESTABLISHED", f"a wrong {name} changes nothing")
        # An I1 with FROM but no server's MAC.
        i1 = [hip.tlv(hip.DH_GROUP_LIST, b"\7"), hip.tlv(hip.FROM, hip.pack_address("192.0.2.9"))]
        a.inject(hip.build(hip.I1, a.hit, b.hit, i1), towards_b)
        check("FROM without RVS_HMAC" in b.wait_for("dropped", since=mark)["why"], "FROM needs its MAC")
        # A critical parameter that nobody knows.
        mark = len(b.events)
        a.inject(hip.build(hip.I1, a.hit, b.hit, [hip.tlv(hip.DH_GROUP_LIST, b"\7"), hip.tlv(4601, b"?")]), towards_b)
        check("critical" in b.wait_for("dropped", since=mark)["why"], "unknown critical parameters stop a packet")
    # R1_COUNTER behind DIFFIE_HELLMAN is against RFC 7401 5.2.1; who is lenient talks to such a daemon all the same.
    a, b = pair(keys, right={"late_counter": True})
    with a, b:
        a.connect(b.hit, b.address)
        check("after" in a.wait_for("dropped")["why"], "types must ascend")
    exchange(keys, left={"lenient_order": True}, right={"late_counter": True})


def rendezvous(keys):
    """A registered client takes what its server passes on. The server is an association with the client's end of the
    keys, told to have granted a registration."""
    a, b = pair(keys)
    with a, b:
        b.connect(a.hit, a.address, register=[RENDEZVOUS])
        b.wait_for("established")
        b.associations[a.hit].registered = {RENDEZVOUS: 120, RELAY_UDP_HIP: 120}
        server = a.associations[b.hit]
        towards_b = Path("udp", b.address, hip.PORT)
        stranger = crypto.HostKey.generate(crypto.SUITE_ECDSA)
        with Daemon(stranger, addresses(1)[0]) as c:
            for kind, mac_kind, contents in (
                    (hip.FROM, hip.RVS_HMAC, hip.pack_address(c.address)),
                    (hip.RELAY_FROM, hip.RELAY_HMAC, hip.pack_transport(c.address, hip.PORT))):
                parameters = [hip.tlv(hip.DH_GROUP_LIST, b"\7"), hip.tlv(kind, contents)]
                plain = hip.build(hip.I1, c.hit, b.hit, parameters)
                parameters.append(hip.tlv(mac_kind, crypto.mac(server.suite, server.keymat.own_mac, plain)))
                a_mark, c_mark = len(a.events), len(c.events)
                a.inject(hip.build(hip.I1, c.hit, b.hit, parameters), towards_b)
                if kind == hip.FROM:
                    r1 = c.wait_for("received", since=c_mark, packet="R1")
                    via = hip.Packet(r1["bytes"]).need(hip.VIA_RVS)
                    check(hip.unpack_address(via) == a.address, "R1 goes to FROM, and names the server")
                else:
                    r1 = a.wait_for("received", since=a_mark, packet="R1")
                    to = hip.unpack_transport(hip.Packet(r1["bytes"]).need(hip.RELAY_TO))
                    check(to == (c.address, hip.PORT, 17), "R1 goes to the relay, and says to whom")
                b.wait_for("from" if kind == hip.FROM else "relay_from")


def test(build, folder):
    vectors()
    keys = {suite: [crypto.HostKey.generate(suite) for _ in range(2)] for suite in (1, 2)}
    path = str(folder / "key.pem")
    keys[1][0].save(path)
    check(crypto.HostKey.load(path).hit == keys[1][0].hit, "a key comes back from its file")
    for left in (1, 2):
        for right in (1, 2):
            up = exchange((keys[left][0], keys[right][1]))
            check(up["group_suite"] == right, "RHASH is of the Responder's suite")
    for group in (3, 4, 7, 8, 9):
        exchange(keys[2], {"groups": (group,)}, {"groups": (8, 7, 9, 4, 3)})
    for transform in (7, 8, 9, 12, 13):
        up = exchange(keys[2], {"transforms": (transform,)}, {"transforms": (13, 12, 9, 8, 7)})
        check(up["esp"] == transform, "the transform that both have")
    exchange(keys[1], {"encrypt_host_id": True, "nat_mode": True}, {"nat_mode": True, "domain": b"b@peal.example"})
    exchange((crypto.HostKey.generate(2, bare_point=True), keys[2][1]), {"locators": None, "ciphers": (2,)})
    mobility(keys[2])
    rekeying(keys[2])
    rekeying(keys[1])
    crossing(keys[2])
    refusals(keys[2])
    rendezvous(keys[2])
    if os.geteuid() == 0:
        exchange(keys[2], transport="raw")
    else:
        print("raw protocol 139: not tried, it needs root")
