# SPDX-License-Identifier: MIT
"""Attacks on peald by HIP and ESP over UDP and through an edge, made with a HIP host that shares no code with it. After
each of them the node is up, has counted it, has logged why, and makes an honest exchange."""
import copy
import os
import random
import socket
import struct
import time

import hip_cryptography as crypto
import hip_packets as hip
from hip_daemon import RENDEZVOUS, UDP, Daemon, Path
from hip_foreign import association, check, hit_of_peer, ping_from_peer, register
from ring import Ring, RingError, wait_until

PADDING = 33280       # of the range for private use; any even number would do
UNKNOWN_CRITICAL = 32001
MARKER = bytes(4)
NO_NEXT_HEADER = 59


def padded(i1, length=1024):
    """An I1 as long as an R1, which is what a stranger's must be where no edge is."""
    room = length - len(i1) - 4
    return hip.build(hip.I1, i1[8:24], i1[24:40], [i1[40:]] + ([hip.tlv(PADDING, bytes(room))] if room >= 0 else []))


class Mallory(Daemon):
    """An honest host but for its options: `twist` (parameters) -> parameters changes an I2 before it is sealed,
    `spoil` (bytes, path) -> list of bytes what leaves, `solution` (K, Opaque, #I, #J) what was solved, `weak`
    (cipher, ESP suite) what is chosen. `kept` has the packets sent by type."""

    def __init__(self, key, address, twist=None, spoil=None, wrong_mac=False, weak=None, solution=None, **options):
        super().__init__(key, address, **options)
        self.twist, self.spoil, self.wrong_mac, self.weak, self.solution = twist, spoil, wrong_mac, weak, solution
        self.kept = {}

    def _sealed(self, kind, a, parameters, host_id=b""):
        if kind == hip.I2 and self.twist:
            parameters = self.twist(parameters)
        good = a.keymat.own_mac
        if kind == hip.I2 and self.wrong_mac:
            a.keymat.own_mac = os.urandom(len(good))
        sealed = super()._sealed(kind, a, parameters, host_id)
        a.keymat.own_mac = good
        return sealed

    def _send_i2(self, a, r1, pair, solution):
        if self.weak:
            a.cipher, a.esp_suite = self.weak(a.cipher, a.esp_suite)
        super()._send_i2(a, r1, pair, self.solution(*solution) if self.solution else solution)

    def _transmit(self, data, path):
        self.kept.setdefault(data[2], []).append(data)
        for changed in self.spoil(data, path) if self.spoil else [data]:
            super()._transmit(padded(changed) if changed[2] == hip.I1 else changed, path)


class Stand:
    """A node under attack, and how it is seen that it holds: by an honest host at `address`, or at `other`."""

    def __init__(self, peer, address, other=None, key=None):
        self.peer, self.address, self.other, self.key = peer, address, other, key or new_key()
        self.hit = hit_of_peer(peer)
        self.pid = peer.process.pid

    def from_other(self):
        return Stand(self.peer, self.other, key=self.key)

    def counter(self, name):
        return self.peer.request("counters")[1][name]

    def refused(self, title, counter, line, act, grows=1):
        """`act` makes the counter grow by at least `grows`, and one more log line has all the words of `line`."""
        def lines():
            return sum(all(word in text for word in line) for text in self.peer.log().splitlines())
        before, logged = self.counter(counter), lines()
        act()
        wait_until(lambda: self.counter(counter) >= before + grows, 5, f"{title}: the counter {counter} grows")
        wait_until(lambda: lines() > logged, 5, f"{title}: a log line with {line}")
        self.honest(title)

    def honest(self, title):
        with Mallory(self.key, self.address) as daemon:
            daemon.connect(self.hit, self.peer.address)
            daemon.wait_for("established")
            daemon.ping(self.hit)
            daemon.close(self.hit)
            daemon.wait_for("closed")
        check(self.peer.process.poll() is None and self.peer.process.pid == self.pid, f"{title}: the node ended")
        print(f"{title}: held", flush=True)


def why(reason):
    return ["hip.refused", f"why={reason}"]


def new_key():
    return crypto.HostKey.generate(crypto.SUITE_ECDSA)


def begin(stand, address, key=None, through=None, **how):
    """An exchange that must not come about; its I2 leaves once."""
    def act():
        with Mallory(key or new_key(), address, **how) as mallory:
            mallory.connect(stand.hit, through or stand.peer.address)
            mallory.wait_for("sent", packet="I2")
            time.sleep(0.1)
            check(mallory.count("established") == 0, "an attack made an association")
            item = association(stand.peer, mallory.hit)
            check(item is None or item["state"] not in ("ESTABLISHED", "R2-SENT"), item)
    return act


def liar(**methods):
    """A key that shows or signs what another one does."""
    key, other = copy.copy(new_key()), new_key()
    for name in methods:
        setattr(key, name, getattr(other, name))
    return key


def with_critical(parameters):
    return parameters + [hip.tlv(UNKNOWN_CRITICAL, b"what?")]


def bad_i2(stand, address, edge):
    """I2 packets with one thing wrong each."""
    stand.refused("a Host Identity of another HIT", "hip_identity", why("identity"),
                  begin(stand, address, liar(host_id=True, sign=True)))
    stand.refused("a signature by another key", "hip_signature", why("signature"),
                  begin(stand, address, liar(sign=True)))
    stand.refused("a wrong MAC", "hip_signature", why("mac"), begin(stand, address, wrong_mac=True))
    stand.refused("a puzzle that was not set", "hip_puzzle", why("puzzle"), begin(
        stand, address, solution=lambda k, opaque, i, j: (k, opaque, os.urandom(len(i)), j)))
    stand.refused("an easier puzzle", "hip_puzzle", why("puzzle"), begin(
        stand, address, solution=lambda k, opaque, i, j: (0, opaque, i, os.urandom(len(j)))))
    stand.refused("an unknown critical parameter", "hip_malformed", why("critical-parameter"),
                  begin(stand, address, twist=with_critical))
    stand.refused("no encryption chosen", "hip_downgrade", why("cipher"),
                  begin(stand, address, weak=lambda cipher, esp: (1, esp)))
    stand.refused("no ESP encryption chosen", "hip_downgrade", why("esp-transform"),
                  begin(stand, address, weak=lambda cipher, esp: (cipher, 7)))
    stand.refused("another group than the R1's", "hip_puzzle", why("puzzle"), begin(
        stand, address, twist=lambda parameters: [
            hip.tlv(hip.DIFFIE_HELLMAN, crypto.KeyPair(3).contents())
            if p[:2] == struct.pack(">H", hip.DIFFIE_HELLMAN) else p for p in parameters]))
    if edge is not None:
        stand.refused("a signature by another key, through the ring", "hip_signature", why("signature"),
                      begin(stand, address, liar(sign=True), through=edge.address))


def replayed_i2(stand, address, elsewhere):
    """The same I2 again brings the same R2 while the association stands, and nothing once it is over; from elsewhere
    it is no answer to that address's puzzle."""
    with Mallory(new_key(), address) as victim:
        victim.connect(stand.hit, stand.peer.address)
        victim.wait_for("established")
        victim.ping(stand.hit)
        i2 = victim.kept[hip.I2][0]
        begun, before = stand.counter("hip_exchanges"), association(stand.peer, victim.hit)
        for _ in range(3):
            victim.inject(i2, Path("udp", stand.peer.address, hip.PORT))
        wait_until(lambda: victim.count("received", packet="R2") == 4, 5, "the R2 again for each")
        victim.ping(stand.hit)
        check(stand.counter("hip_exchanges") == begun, "a replayed I2 made an association")
        check(association(stand.peer, victim.hit)["data"] == before["data"], "data go where they went")
        mark = len(victim.events)
        victim.close(stand.hit)
        victim.wait_for("closed")
        stand.from_other().refused(
            "an I2 of an association that is over", "hip_replayed", why("replayed"),
            lambda: victim.inject(i2, Path("udp", stand.peer.address, hip.PORT)))
        check(not any(e.get("packet") == "R2" for e in victim.events[mark:] if e["event"] == "received"), "no R2")
        stand.refused("an I2 from elsewhere", "hip_puzzle", why("puzzle"),
                      lambda: send_all(stand, elsewhere, [MARKER + i2]))
        item = association(stand.peer, victim.hit)
        check(item is None or item["state"] not in ("ESTABLISHED", "R2-SENT"), item)


def weaker_groups(stand, address):
    """A man in the middle takes the good groups out of the I1; the R1 says what the node would have taken."""
    def only_modp1536(data, path):
        if data[2] != hip.I1:
            return [data]
        return [hip.build(hip.I1, data[8:24], data[24:40], [hip.tlv(hip.DH_GROUP_LIST, b"\x03")])]
    with Mallory(new_key(), address, spoil=only_modp1536) as daemon:
        daemon.connect(stand.hit, stand.peer.address)
        dropped = daemon.wait_for("dropped")
        check("downgrade" in dropped["why"], dropped)
    stand.honest("an I1 with weaker groups")


def send_all(stand, address, packets):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((address, hip.PORT))
        for number, packet in enumerate(packets):
            s.sendto(packet, (stand.peer.address, hip.PORT))
            if number % 64 == 63:
                time.sleep(0.01)


def broken_packets(stand, address):
    """Each packet of an honest exchange cut off anywhere; and noise."""
    with Mallory(new_key(), address) as daemon:
        daemon.connect(stand.hit, stand.peer.address)
        daemon.wait_for("established")
        daemon.update(stand.hit)
        daemon.wait_for("acknowledged")
        daemon.close(stand.hit)
        daemon.wait_for("closed")
        good = [packets[0] for packets in daemon.kept.values()]
    check({packet[2] for packet in good} >= {hip.I1, hip.I2, hip.UPDATE, hip.CLOSE}, "of all kinds")
    cut = [MARKER + packet[:length] for packet in good for length in range(0, len(packet), 7)]
    stand.refused(f"{len(cut)} truncated packets", "hip_malformed", ["hip.malformed", "why="],
                  lambda: send_all(stand, address, cut), len(cut) * 9 // 10)
    chance = random.Random(7401)
    noise = [MARKER + chance.randbytes(chance.randrange(0, 300)) for _ in range(300)]
    noise += [chance.randbytes(chance.randrange(1, 300)) for _ in range(300)]
    for packet in good:
        for _ in range(100):
            changed = bytearray(packet)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            noise.append(MARKER + bytes(changed))
    stand.refused(f"{len(noise)} random and altered packets", "hip_malformed", ["hip.malformed", "why="],
                  lambda: send_all(stand, address, noise), 100)
    stand.refused("an I1 with an unknown critical parameter", "hip_malformed", why("critical-parameter"),
                  lambda: send_all(stand, address, [MARKER + hip.build(hip.I1, new_key().hit, stand.hit, [
                      hip.tlv(hip.DH_GROUP_LIST, b"\x07"), hip.tlv(UNKNOWN_CRITICAL, b"")])]))
    stray = [MARKER + packet for packet in good if packet[2] in (hip.UPDATE, hip.CLOSE)]
    stand.refused("words within an association that is over", "hip_stray", ["hip.refused", "why=no-"],
                  lambda: send_all(stand, address, stray))


def bad_esp(stand, address):
    """Datagrams of an association with a wrong ICV, twice the same, and of none."""
    with Mallory(new_key(), address) as daemon:
        daemon.connect(stand.hit, stand.peer.address)
        daemon.wait_for("established")
        daemon.ping(stand.hit)
        a = daemon.associations[stand.hit]
        place = (stand.peer.address, hip.PORT)
        udp = daemon.sockets["udp"]

        def wrong_icv():
            datagram = bytearray(a.outward.close(UDP, b"\x30\x39\x30\x39\x00\x08\x00\x00"))
            for at in (8, 20, len(datagram) - 1):
                bad = bytearray(datagram)
                bad[at] ^= 1
                udp.sendto(bad, place)
        # Each attack is followed by an honest exchange of another host, and the association stands all the while.
        with_other = stand.from_other()
        with_other.refused("ESP with a wrong ICV", "esp_refused", ["esp.refused", "why="], wrong_icv, 3)
        daemon.ping(stand.hit)
        datagram = a.outward.close(NO_NEXT_HEADER, b"")

        def twice():
            for _ in range(3):
                udp.sendto(datagram, place)
        with_other.refused("ESP that was seen before", "hip_replayed", ["esp.refused", "why="], twice, 2)
        before = stand.counter("hip_stray")
        udp.sendto(os.urandom(3) + b"\x77" + datagram[4:], place)
        wait_until(lambda: stand.counter("hip_stray") > before, 5, "ESP of an unknown SPI is counted")
        daemon.ping(stand.hit)
        daemon.close(stand.hit)
        daemon.wait_for("closed")


def reflected(stand, address, length):
    """Bytes sent and received by a source that sends I1s of that length, each from another host, and nothing else."""
    sent = received = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((address, hip.PORT))
        s.settimeout(0.2)
        for _ in range(40):
            hit = b"\x20\x01\x00\x22" + os.urandom(12)
            i1 = hip.build(hip.I1, hit, stand.hit, [hip.tlv(hip.DH_GROUP_LIST, bytes((7, 4, 3)))])
            sent += s.sendto(MARKER + padded(i1, length), (stand.peer.address, hip.PORT))
        try:
            while True:
                received += len(s.recv(4096))
        except TimeoutError:
            pass
    check(received <= sent, f"I1s of {length} bytes: {sent} bytes sent, {received} came back")
    return sent, received


def reflection(stand, addresses):
    """What comes back to who has not shown that it is where it says is never more than what was sent."""
    stand.refused("I1s that are shorter than the R1", "hip_reflection", why("reflection"),
                  lambda: reflected(stand, addresses[0], 48), 20)
    for address, length in zip(addresses[1:], (248, 560, 800, 1024, 2000)):
        sent, received = reflected(stand, address, length)
        print(f"I1s of {length} bytes: {sent} bytes there, {received} back")
        check(received > 0 or length < 1024, "padded I1s are answered")
        stand.honest(f"I1s of {length} bytes")


def refuses_unknown(stand, address, friend):
    """hip-unknown = refuse: neither I1 nor I2 of a stranger; those that the node calls itself are known."""
    before, text = stand.counter("hip_forbidden"), len(stand.peer.log())
    with Mallory(new_key(), address) as daemon:
        daemon.connect(stand.hit, stand.peer.address)
        wait_until(lambda: stand.counter("hip_forbidden") > before, 5, "an unknown host is counted")
        check(daemon.count("received") == 0, "a stranger is not answered")
    check("why=unknown" in stand.peer.log()[text:], "a log line says why")
    ping_from_peer(stand.peer, hit_of_peer(friend))
    print("a stranger where strangers are refused: held")


class Forgery:
    """A man in the middle who makes its own of every R1 of `daemon`, and is faster."""

    def __init__(self, kind, address):
        self.kind, self.other, self.honest = kind, new_key(), None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, hip.PORT))

    def forged(self, data, key):
        packet = hip.Packet(data)
        parts = [p[3] for p in packet.parameters]
        types = packet.types()
        if self.kind == "altered":
            at = types.index(hip.DIFFIE_HELLMAN)
            parts[at] = hip.tlv(hip.DIFFIE_HELLMAN, crypto.KeyPair(packet.need(hip.DIFFIE_HELLMAN)[0]).contents())
        elif self.kind == "puzzle":  # neither #I nor who is addressed is signed: anybody's R1 will do
            puzzle = packet.need(hip.PUZZLE)
            parts[types.index(hip.PUZZLE)] = hip.tlv(hip.PUZZLE, puzzle[:4] + os.urandom(len(puzzle) - 4))
        elif self.kind == "unsigned":
            parts = [p[3] for p in packet.parameters if p[0] != hip.HIP_SIGNATURE_2]
        elif self.kind == "critical":
            parts.append(hip.tlv(UNKNOWN_CRITICAL + 33000, b""))
        else:
            if self.kind == "other-key":
                parts[types.index(hip.HOST_ID)] = hip.tlv(hip.HOST_ID, self.other.host_id())
                key = self.other
            if self.kind == "weak-group":
                parts[types.index(hip.DIFFIE_HELLMAN)] = hip.tlv(hip.DIFFIE_HELLMAN, crypto.KeyPair(3).contents())
            if self.kind == "other-signature":
                key = self.other
            parts = [p for p in parts if p[:2] != struct.pack(">H", hip.HIP_SIGNATURE_2)]
            r1 = hip.Packet(hip.build(hip.R1, packet.sender, packet.receiver,
                                      parts + [hip.tlv(hip.HIP_SIGNATURE_2, b"")]))
            parts.append(hip.tlv(hip.HIP_SIGNATURE_2, key.sign(r1.until(hip.HIP_SIGNATURE_2, for_r1=True))))
        return hip.build(hip.R1, packet.sender, packet.receiver, parts)

    def spoil(self, daemon):
        def act(data, path):
            if data[2] == hip.R1:
                self.socket.sendto(MARKER + self.forged(data, daemon.key), (path.address, path.port))
                time.sleep(0.05)
            return [data]
        return act


def forged_r1(stand, edge, here, there):
    """The node calls a host that a rendezvous server speaks for; somebody else's R1 is there first."""
    kinds = {"altered": ("hip_signature", why("signature")), "other-key": ("hip_identity", why("identity")),
             "other-signature": ("hip_signature", why("signature")), "unsigned": ("hip_malformed", why("unsigned")),
             "critical": ("hip_malformed", why("critical-parameter")),
             "weak-group": ("hip_downgrade", why("downgrade")), "puzzle": (None, None)}
    for kind, (counter, line) in kinds.items():
        forgery = Forgery(kind, there)
        with Mallory(new_key(), here, locators=here) as daemon:
            register(daemon, edge, RENDEZVOUS)

            def act(daemon=daemon, forgery=forgery):
                daemon.spoil = forgery.spoil(daemon)
                began = time.monotonic()
                rtt = ping_from_peer(stand.peer, daemon.hit, 20)
                item = association(stand.peer, daemon.hit)
                check(item["initiator"] and item["state"] == "ESTABLISHED" and there not in item["data"], item)
                print(f"{forgery.kind}: {time.monotonic() - began:.2f} s until the ping was answered ({rtt:.1f} ms)")
            if counter:
                stand.from_other().refused(f"a forged R1, {kind}", counter, line, act)
            else:
                act()
        forgery.socket.close()


def test(build, folder):
    ring = Ring(folder, build)
    debug = {"log-level": "debug"}
    began = time.monotonic()
    try:
        ring.create(["operator", "user2", "user3"])
        edge = ring.add("operator", role="bootstrap", options={"hip-edge": "true", "hip-edge-lenient": "true",
                                                               **debug}).wait_joined()
        node = ring.add("user2", options=debug)
        strict = ring.add("user3", options={"hip-unknown": "refuse", **debug})
        ring.wait_joined()
        ring.wait_consistent(3)
        stand = Stand(node, ring.address(100), ring.address(110))
        stand.honest("nothing yet")
        bad_i2(stand, ring.address(101), edge)
        replayed_i2(stand, ring.address(102), ring.address(103))
        weaker_groups(stand, ring.address(104))
        broken_packets(stand, ring.address(105))
        bad_esp(stand, ring.address(106))
        reflection(stand, [ring.address(120 + n) for n in range(6)])
        refuses_unknown(Stand(strict, ring.address(100)), ring.address(107), edge)
        forged_r1(stand, edge, ring.address(108), ring.address(109))
        for peer in ring.peers:
            check(peer.status() is not None, f"peer {peer.index} is up")
        print(f"{time.monotonic() - began:.1f} s")
    except (RingError, AssertionError, TimeoutError):
        for peer in ring.peers:
            lines = [line for line in peer.log().splitlines() if " hip." in line or " esp." in line]
            print(f"--- peer {peer.index}\n" + "\n".join(lines[-25:]))
        raise
    finally:
        ring.stop()
