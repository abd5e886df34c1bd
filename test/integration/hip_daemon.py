#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A HIPv2 host in user space that shares nothing with Peal but the RFCs: base exchange both ways, ESP in BEET mode, the
client sides of registration, rendezvous and relay. It is the foreign daemon of the tests, and runs alone as well:

  hip_daemon.py --address 192.0.2.1 [--suite 1] [--connect HIT@192.0.2.2 --ping 3] [--register HIT@192.0.2.3]

prints one JSON object a line for each thing that happens."""
import argparse
import collections
import hmac
import ipaddress
import json
import os
import secrets
import select
import socket
import struct
import sys
import threading
import time

import hip_cryptography as crypto
import hip_packets as hip
from hip_cryptography import Refused
from hip_packets import Malformed, Packet, tlv

RENDEZVOUS, RELAY_UDP_HIP = 1, 2
ESP_PROTOCOL, ICMPV6, UDP = 50, 58, 17
RETRY_S, RETRIES = 0.5, 10

# Where a packet came from or goes to. `relay_to` (address, port, protocol) is appended as RELAY_TO.
Path = collections.namedtuple("Path", "transport address port relay_to via_rvs", defaults=(None, None))


class Association:
    """What one peer and this host have agreed on."""

    def __init__(self, peer_hit):
        self.peer_hit = peer_hit
        self.state = "UNASSOCIATED"
        self.path = None           # of control packets
        self.data = None           # (transport, address, port) of ESP
        self.key = None            # PeerKey
        self.peer_host_id = None   # the whole HOST_ID parameter of the Responder
        self.keymat = None
        self.suite = 0             # whose hash is RHASH
        self.cipher = 0
        self.esp_suite = 0
        self.own_spi = secrets.randbelow(2 ** 32 - 256) + 256
        self.inward = self.outward = None  # Seal
        self.pending = None        # (packet bytes, path, next try, tries left) that is sent until answered
        self.i2 = None             # bytes of the I2 that brought us here
        self.r2 = None
        self.update_id = 0
        self.peer_update_id = None
        self.wanted = []           # registration types
        self.registered = {}       # type -> seconds granted
        self.reg_from = None
        self.locators = []         # of the peer
        self.checking = None       # (nonce, Path) of an address check
        self.close_nonce = None
        self.exchange = None       # (own KeyPair, peer's value, #I, #J) behind the present KEYMAT
        self.rekey = None          # Rekeying under way


class Rekeying:
    """What this end said (RFC 7402 6.8), and what it has heard."""

    def __init__(self, index, spi, pair, update_id):
        self.index, self.spi, self.pair, self.update_id = index, spi, pair, update_id
        self.acknowledged = False
        self.theirs = None         # (index, SPI, public value or None)


class Daemon:
    """One host with one Host Identity. Options: groups, ciphers, transforms, puzzle_k, encrypt_host_id, locators (an
    address to announce in R1 and I2), nat_mode (offers NAT_TRAVERSAL_MODE 1; no daemon measured does),
    late_counter (R1_COUNTER behind DIFFIE_HELLMAN, as one daemon sends it), lenient_order (takes such packets),
    answers_ping, domain."""

    def __init__(self, key, address="127.0.0.1", port=hip.PORT, transports=("udp",), **options):
        self.key, self.address, self.hit = key, address, key.hit
        self.groups = options.pop("groups", (8, 7, 4, 3))
        self.ciphers = options.pop("ciphers", (4, 2))
        self.transforms = options.pop("transforms", (8, 12))
        self.puzzle_k = options.pop("puzzle_k", 4)
        self.encrypt_host_id = options.pop("encrypt_host_id", False)
        self.locators = options.pop("locators", None)
        self.nat_mode = options.pop("nat_mode", False)
        self.late_counter = options.pop("late_counter", False)
        self.lenient_order = options.pop("lenient_order", False)
        self.answers_ping = options.pop("answers_ping", True)
        self.domain = options.pop("domain", b"")
        if options:
            raise TypeError(f"unknown options {sorted(options)}")
        self.associations = {}
        self.by_spi = {}           # SPI -> (Association, Seal)
        self.secret = os.urandom(32)
        self.counter = 1
        self.pairs = {}            # group -> KeyPair of the R1s
        self.events = []           # dicts with "event" and "at"
        self.changed = threading.Condition()
        self.commands = collections.deque()
        self.wake_in, self.wake_out = os.pipe()
        os.set_blocking(self.wake_out, False)
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        self.sockets = {}
        if "udp" in transports:
            self.sockets["udp"] = socket.socket(family, socket.SOCK_DGRAM)
            self.sockets["udp"].bind((address, port))
        if "raw" in transports:
            for name, protocol in (("raw", hip.PROTOCOL), ("esp", ESP_PROTOCOL)):
                self.sockets[name] = socket.socket(family, socket.SOCK_RAW, protocol)
                self.sockets[name].bind((address, 0))
        self.family = family
        self.pings = {}            # (hit, id, sequence) -> time sent
        self.ping_id = secrets.randbelow(65536)
        self.ping_sequence = 0
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True, name=f"hip {address}")

    # ---- For whoever uses it, from any thread ----

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.running = False
        self._wake()
        self.thread.join()
        for s in self.sockets.values():
            s.close()
        os.close(self.wake_in)
        os.close(self.wake_out)

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.stop()

    def connect(self, hit, address, port=hip.PORT, transport="udp", register=()):
        """Begins a base exchange; wait_for("established", peer=...) tells when it stands."""
        self._command(self._connect, hit, Path(transport, address, port), list(register))

    def ping(self, hit, seconds=5):
        """One ICMPv6 echo through the association; the round trip in seconds."""
        self.ping_sequence = sequence = (self.ping_sequence + 1) & 0xffff
        self._command(self._ping, hit, sequence)
        return self.wait_for("pong", seconds, peer=hip.hit_text(hit), sequence=sequence)["seconds"]

    def send_udp(self, hit, source_port, destination_port, data):
        """A UDP datagram from HIT to HIT."""
        self._command(self._send_udp, hit, source_port, destination_port, data)

    def update(self, hit, locators=None, new_path=None):
        """An UPDATE with SEQ and ECHO_REQUEST_SIGNED, and LOCATOR_SET when there are `locators`."""
        self._command(self._update, hit, locators, new_path)

    def rekey(self, hit, new_key=False):
        """New SAs from the KEYMAT there is, or from a new one; wait_for("rekeyed") tells when."""
        self._command(self._rekey, hit, new_key)

    def move(self, address, port=hip.PORT):
        """Leaves its UDP address for another, and tells the peers (RFC 8046 3.2.1)."""
        self._command(self._move, address, port)

    def close(self, hit):
        self._command(self._close, hit)

    def inject(self, data, path):
        """Any bytes as a HIP packet."""
        self._command(self._transmit, data, path)

    def wait_for(self, event, seconds=10, since=0, **fields):
        """The first event of that name, from the index `since` on, whose fields are as given."""
        deadline = time.monotonic() + seconds
        with self.changed:
            at = since
            while True:
                for candidate in self.events[at:]:
                    at += 1
                    if candidate["event"] == event and all(candidate.get(k) == v for k, v in fields.items()):
                        return candidate
                left = deadline - time.monotonic()
                if left <= 0:
                    tail = "\n".join(str(e) for e in self.events[-20:])
                    raise TimeoutError(f"{self.address}: no {event} {fields} within {seconds} s; last:\n{tail}")
                self.changed.wait(left)

    def count(self, event, **fields):
        with self.changed:
            return sum(e["event"] == event and all(e.get(k) == v for k, v in fields.items()) for e in self.events)

    # ---- The loop ----

    def _log(self, event, **fields):
        with self.changed:
            self.events.append({"event": event, "at": time.time(), **fields})
            self.changed.notify_all()

    def _wake(self):
        try:
            os.write(self.wake_out, b"w")
        except BlockingIOError:
            pass  # it is awake already

    def _command(self, function, *arguments):
        self.commands.append((function, arguments))
        self._wake()

    def _run(self):
        while self.running:
            for source in select.select([self.wake_in, *self.sockets.values()], [], [], self._until_timer())[0]:
                if source == self.wake_in:
                    os.read(self.wake_in, 4096)
                else:
                    self._guard(self._readable, source)
            while self.commands:
                function, arguments = self.commands.popleft()
                self._guard(function, *arguments)
            self._guard(self._timers)

    def _guard(self, function, *arguments):
        """Foreign bytes never end the loop; what was wrong with them is an event."""
        try:
            function(*arguments)
        except (Malformed, Refused, ValueError, KeyError, IndexError, struct.error, OSError) as error:
            self._log("dropped", why=f"{type(error).__name__}: {error}")

    def _until_timer(self):
        due = [a.pending[2] for a in self.associations.values() if a.pending]
        return max(0, min(due) - time.monotonic()) if due else None

    def _timers(self):
        now = time.monotonic()
        for a in list(self.associations.values()):
            if not a.pending or a.pending[2] > now:
                continue
            data, path, _, left = a.pending
            if left == 0:
                a.pending = None
                self._log("gave_up", peer=hip.hit_text(a.peer_hit), state=a.state)
                a.state = "E-FAILED" if a.state in ("I1-SENT", "I2-SENT") else a.state
                continue
            a.pending = data, path, now + RETRY_S, left - 1
            self._transmit(data, path)

    def _readable(self, source):
        name = next(n for n, s in self.sockets.items() if s is source)
        data, remote = source.recvfrom(65535)
        if name == "udp":
            if data[:4] == bytes(4):
                self._hip(data[4:], Path("udp", remote[0], remote[1]))
            elif len(data) >= 8:
                self._esp(data, ("udp", remote[0], remote[1]))
            return
        if self.family == socket.AF_INET:
            data = data[(data[0] & 15) * 4:]
        if name == "raw":
            packet = Packet(data, self.lenient_order)
            if hip.checksum(remote[0], self.address, packet.data) != packet.checksum:
                raise Malformed(f"checksum {packet.checksum:#06x}")
            self._hip(data, Path("raw", remote[0], 0))
        else:
            self._esp(data, ("raw", remote[0], 0))

    def _transmit(self, data, path):
        if path.relay_to:
            packet = Packet(data, lenient_order=True)
            data = hip.build(packet.kind, packet.sender, packet.receiver, [
                packet.data[40:], tlv(hip.RELAY_TO, hip.pack_transport(*path.relay_to))])
        if path.via_rvs and data[2] == hip.R1:
            packet = Packet(data, lenient_order=True)
            data = hip.build(packet.kind, packet.sender, packet.receiver, [
                packet.data[40:], tlv(hip.VIA_RVS, hip.pack_address(path.via_rvs))])
        kind = hip.PACKET_NAMES.get(data[2] & 0x7f, "?")
        if path.transport == "udp":
            self.sockets["udp"].sendto(bytes(4) + data, (path.address, path.port))
        else:
            data = data[:4] + struct.pack(">H", hip.checksum(self.address, path.address, data)) + data[6:]
            self.sockets["raw"].sendto(data, (path.address, 0))
        self._log("sent", packet=kind, to=path.address, port=path.port, length=len(data),
                  peer=hip.hit_text(data[24:40]), types=Packet(data, lenient_order=True).types())

    def _send_until_answered(self, a, data, path):
        a.pending = data, path, time.monotonic() + RETRY_S, RETRIES
        self._transmit(data, path)

    def _association(self, hit):
        if hit not in self.associations:
            self.associations[hit] = Association(hit)
        return self.associations[hit]

    # ---- Sealing and checking ----

    def _sealed(self, kind, a, parameters, host_id=b""):
        """Adds HIP_MAC (or HIP_MAC_2 with our HOST_ID) and HIP_SIGNATURE."""
        mac_type = hip.HIP_MAC_2 if host_id else hip.HIP_MAC
        parameters = sorted(parameters, key=lambda p: struct.unpack(">H", p[:2])[0])
        early = [p for p in parameters if struct.unpack(">H", p[:2])[0] < mac_type]
        late = [p for p in parameters if struct.unpack(">H", p[:2])[0] > hip.HIP_SIGNATURE]
        covered = hip.build(kind, self.hit, a.peer_hit, early + ([host_id] if host_id else []))
        early.append(tlv(mac_type, crypto.mac(a.suite, a.keymat.own_mac, covered)))
        early.append(tlv(hip.HIP_SIGNATURE, self.key.sign(hip.build(kind, self.hit, a.peer_hit, early))))
        return hip.build(kind, self.hit, a.peer_hit, early + late)

    @staticmethod
    def _check_mac(a, packet, kind=hip.HIP_MAC, extra=b"", key=None):
        expected = crypto.mac(a.suite, key or a.keymat.peer_mac, packet.until(kind, extra))
        if not crypto.macs_equal(expected, packet.need(kind)):
            raise Refused(f"MAC {kind} of {packet.name}")

    def _check_both(self, a, packet):
        if a.keymat is None:
            raise Refused(f"{packet.name} without an association")
        self._check_mac(a, packet)
        a.key.verify(packet.need(hip.HIP_SIGNATURE), packet.until(hip.HIP_SIGNATURE))

    # ---- Packets ----

    def _hip(self, data, path):
        packet = Packet(data, self.lenient_order)
        self._log("received", packet=packet.name, source=path.address, port=path.port, length=len(packet.data),
                  peer=hip.hit_text(packet.sender), types=packet.types(), bytes=packet.data)
        if path.transport == "udp" and packet.checksum != 0:
            raise Malformed("a checksum in UDP")
        if packet.unknown_critical():
            raise Malformed(f"critical parameters {packet.unknown_critical()}")
        if packet.receiver != self.hit and not (packet.kind == hip.I1 and packet.receiver == hip.NO_HIT):
            raise Refused(f"{packet.name} for {hip.hit_text(packet.receiver)}")
        path = self._unwrapped(packet, path)
        handler = {hip.I1: self._i1, hip.R1: self._r1, hip.I2: self._i2, hip.R2: self._r2, hip.UPDATE: self._got_update,
                   hip.NOTIFY: self._notify, hip.CLOSE: self._got_close, hip.CLOSE_ACK: self._close_ack}
        if packet.kind not in handler:
            raise Malformed(f"packet type {packet.kind}")
        handler[packet.kind](packet, path)

    def _unwrapped(self, packet, path):
        """What a rendezvous server or relay appended, checked; the path of the answer."""
        source, relayed = packet.get(hip.FROM), packet.get(hip.RELAY_FROM)
        for kind in (hip.RVS_HMAC, hip.RELAY_HMAC):
            if packet.get(kind) is None:
                continue
            servers = [a for a in self.associations.values() if a.keymat and a.registered]
            if not any(crypto.macs_equal(crypto.mac(a.suite, a.keymat.peer_mac, packet.until(kind)),
                                         packet.need(kind)) for a in servers):
                raise Refused(f"MAC {kind} of no server of ours")
        if source is not None:
            if packet.get(hip.RVS_HMAC) is None:
                raise Refused("FROM without RVS_HMAC")
            if packet.receiver == hip.NO_HIT:
                raise Refused("an opportunistic I1 that was relayed")
            address = hip.unpack_address(source)
            self._log("from", address=address, server=path.address)
            return Path(path.transport, address, hip.PORT if path.transport == "udp" else 0, None, path.address)
        if relayed is not None:
            if packet.get(hip.RELAY_HMAC) is None:
                raise Refused("RELAY_FROM without RELAY_HMAC")
            address, port, protocol = hip.unpack_transport(relayed)
            self._log("relay_from", address=address, port=port, server=path.address)
            return path._replace(relay_to=(address, port, protocol))
        return path

    def _connect(self, hit, path, register):
        a = self._association(hit)
        a.wanted = register
        a.state = "I1-SENT"
        a.path = path
        i1 = hip.build(hip.I1, self.hit, hit, [tlv(hip.DH_GROUP_LIST, bytes(self.groups))])
        self._send_until_answered(a, i1, path)

    def _pair(self, group):
        if group not in self.pairs:
            self.pairs[group] = crypto.KeyPair(group)
        return self.pairs[group]

    def _puzzle_i(self, peer_hit):
        """Made anew from a secret when the I2 comes, so an I1 leaves no state."""
        size = 32 if self.key.suite == crypto.SUITE_RSA else 48
        return (hmac.new(self.secret, peer_hit, "sha512").digest())[:size]

    def _i1(self, packet, path):
        a = self.associations.get(packet.sender)
        if a and a.state == "I1-SENT" and packet.sender > self.hit:
            self._log("crossed", peer=hip.hit_text(packet.sender))
            return
        theirs = hip.bytes_list(packet.need(hip.DH_GROUP_LIST))
        group = next((g for g in self.groups if g in theirs), self.groups[0])
        counter = [tlv(hip.R1_COUNTER, struct.pack(">IQ", 0, self.counter))]
        parameters = [] if self.late_counter else counter
        if self.locators:
            parameters.append(tlv(hip.LOCATOR_SET, hip.pack_locators([(self.locators, 0, True)])))
        puzzle = struct.pack(">BBH", self.puzzle_k, 37, 0x1234) + self._puzzle_i(packet.sender)
        parameters += [tlv(hip.PUZZLE, puzzle), tlv(hip.DH_GROUP_LIST, bytes(self.groups)),
                       tlv(hip.DIFFIE_HELLMAN, self._pair(group).contents())]
        parameters += counter if self.late_counter else []
        parameters.append(tlv(hip.HIP_CIPHER, hip.pack_shorts(self.ciphers)))
        if self.nat_mode:
            parameters.append(tlv(hip.NAT_TRAVERSAL_MODE, hip.pack_shorts((1,), reserved=True)))
        parameters += [tlv(hip.HOST_ID, self.key.host_id(self.domain)), tlv(hip.HIT_SUITE_LIST, b"\x20\x10"),
                       tlv(hip.TRANSPORT_FORMAT_LIST, hip.pack_shorts((hip.ESP_TRANSFORM,))),
                       tlv(hip.ESP_TRANSFORM, hip.pack_shorts(self.transforms, reserved=True))]
        r1 = Packet(hip.build(hip.R1, self.hit, packet.sender, parameters + [tlv(hip.HIP_SIGNATURE_2, b"")]),
                    lenient_order=True)
        parameters.append(tlv(hip.HIP_SIGNATURE_2, self.key.sign(r1.until(hip.HIP_SIGNATURE_2, for_r1=True))))
        for nonce in packet.all(hip.ECHO_REQUEST_UNSIGNED):
            parameters.append(tlv(hip.ECHO_RESPONSE_UNSIGNED, nonce))
        self._transmit(hip.build(hip.R1, self.hit, packet.sender, parameters), path)

    def _r1(self, packet, path):
        a = self.associations.get(packet.sender)
        if a is None or a.state not in ("I1-SENT", "I2-SENT"):
            raise Refused("an R1 that was not asked for")
        if a.state == "I2-SENT":
            return  # the first one was answered
        key = crypto.PeerKey(packet.need(hip.HOST_ID))
        if key.hit != packet.sender:
            raise Refused(f"HOST_ID of {hip.hit_text(key.hit)} in an R1 of {hip.hit_text(packet.sender)}")
        key.verify(packet.need(hip.HIP_SIGNATURE_2), packet.until(hip.HIP_SIGNATURE_2, for_r1=True))
        theirs = hip.bytes_list(packet.need(hip.DH_GROUP_LIST))
        group, value = crypto.parse_diffie_hellman(packet.need(hip.DIFFIE_HELLMAN))
        best = next((g for g in theirs if g in self.groups), None)
        if group not in self.groups or group != best:
            raise Refused(f"DH group {group} where {best} is the best of both: a downgrade")
        if (self.key.suite << 4) not in hip.bytes_list(packet.need(hip.HIT_SUITE_LIST)):
            raise Refused("our HIT suite is not in the list")
        cipher = next(c for c in self.ciphers if c in hip.shorts(packet.need(hip.HIP_CIPHER)))
        esp = next(t for t in hip.shorts(packet.need(hip.ESP_TRANSFORM), 2) if t in self.transforms)
        if hip.ESP_TRANSFORM not in hip.shorts(packet.need(hip.TRANSPORT_FORMAT_LIST)):
            raise Refused("no ESP")
        k, _, opaque = struct.unpack(">BBH", packet.need(hip.PUZZLE)[:4])
        i = packet.need(hip.PUZZLE)[4:]
        if k > 24:
            raise Refused(f"a puzzle of {k} bits")
        a.suite, a.key, a.cipher, a.esp_suite = key.suite, key, cipher, esp
        a.peer_host_id = packet.whole(hip.HOST_ID)
        j = crypto.puzzle_solve(a.suite, k, i, self.hit, packet.sender)
        pair = crypto.KeyPair(group)
        a.keymat = crypto.Keymat(a.suite, pair.shared(value), i, j, self.hit, packet.sender, cipher)
        a.exchange = pair, value, i, j
        # The packets of the exchange go to where the R1 came from; through a relay that is the relay.
        a.path = Path(path.transport, path.address, path.port)
        self._locators(a, packet)
        self._send_i2(a, packet, pair, (k, opaque, i, j))

    def _send_i2(self, a, r1, pair, solution):
        k, opaque, i, j = solution
        host_id = tlv(hip.HOST_ID, self.key.host_id(self.domain))
        if self.encrypt_host_id:
            host_id = tlv(hip.ENCRYPTED, crypto.encrypt(a.cipher, a.keymat.own_cipher, host_id))
        parameters = [
            tlv(hip.ESP_INFO, struct.pack(">HHII", 0, a.keymat.index, 0, a.own_spi)),
            tlv(hip.SOLUTION, struct.pack(">BBH", k, 0, opaque) + i + j),
            tlv(hip.DIFFIE_HELLMAN, pair.contents()), tlv(hip.HIP_CIPHER, hip.pack_shorts((a.cipher,))), host_id,
            tlv(hip.TRANSPORT_FORMAT_LIST, hip.pack_shorts((hip.ESP_TRANSFORM,))),
            tlv(hip.ESP_TRANSFORM, hip.pack_shorts((a.esp_suite,), reserved=True))]
        if r1.get(hip.R1_COUNTER) is not None:
            parameters.append(r1.whole(hip.R1_COUNTER))
        if self.locators:
            parameters.append(tlv(hip.LOCATOR_SET, hip.pack_locators([(self.locators, a.own_spi, True)])))
        if self.nat_mode and 1 in hip.shorts(r1.get(hip.NAT_TRAVERSAL_MODE) or b"\0\0", 2):
            parameters.append(tlv(hip.NAT_TRAVERSAL_MODE, hip.pack_shorts((1,), reserved=True)))
        if r1.get(hip.ECHO_REQUEST_SIGNED) is not None:
            parameters.append(tlv(hip.ECHO_RESPONSE_SIGNED, r1.need(hip.ECHO_REQUEST_SIGNED)))
        offered = hip.bytes_list((r1.get(hip.REG_INFO) or b"")[2:])
        types = [t for t in a.wanted if t in offered]
        if a.wanted:
            self._log("offered", peer=hip.hit_text(a.peer_hit), types=offered)
        if types:
            parameters.append(tlv(hip.REG_REQUEST, bytes([hip.lifetime_code(120)] + types)))
        for nonce in r1.all(hip.ECHO_REQUEST_UNSIGNED):
            parameters.append(tlv(hip.ECHO_RESPONSE_UNSIGNED, nonce))
        a.state = "I2-SENT"
        self._send_until_answered(a, self._sealed(hip.I2, a, parameters), a.path)

    def _i2(self, packet, path):
        a = self._association(packet.sender)
        if a.i2 and Packet(a.i2).until(hip.HIP_SIGNATURE) == packet.until(hip.HIP_SIGNATURE) and a.r2:
            self._transmit(a.r2, path)
            return
        if a.state == "I2-SENT" and self.hit < packet.sender:
            self._log("crossed", peer=hip.hit_text(packet.sender))
            return
        fresh = Association(packet.sender)
        fresh.suite = self.key.suite
        solution = packet.need(hip.SOLUTION)
        size = (len(solution) - 4) // 2
        k, opaque = solution[0], struct.unpack(">H", solution[2:4])[0]
        i, j = solution[4:4 + size], solution[4 + size:]
        if (k, opaque, i) != (self.puzzle_k, 0x1234, self._puzzle_i(packet.sender)):
            raise Refused("a SOLUTION to no puzzle of ours")
        if not crypto.puzzle_fits(fresh.suite, k, i, packet.sender, self.hit, j):
            raise Refused("the puzzle is not solved")
        counter = packet.get(hip.R1_COUNTER)
        if counter is None or struct.unpack(">IQ", counter)[1] != self.counter:
            raise Refused("R1_COUNTER")
        (fresh.cipher,), (fresh.esp_suite,) = (hip.shorts(packet.need(hip.HIP_CIPHER)),
                                               hip.shorts(packet.need(hip.ESP_TRANSFORM), 2))
        if fresh.cipher not in self.ciphers or fresh.esp_suite not in self.transforms:
            raise Refused("a cipher that was not offered")
        group, value = crypto.parse_diffie_hellman(packet.need(hip.DIFFIE_HELLMAN))
        fresh.keymat = crypto.Keymat(fresh.suite, self.pairs[group].shared(value), i, j, self.hit, packet.sender,
                                     fresh.cipher)
        fresh.exchange = self.pairs[group], value, i, j
        self._check_mac(fresh, packet)
        host_id = packet.get(hip.HOST_ID)
        if host_id is None:
            inner = crypto.decrypt(fresh.cipher, fresh.keymat.peer_cipher, packet.need(hip.ENCRYPTED))
            kind, length = struct.unpack(">HH", inner[:4])
            if kind != hip.HOST_ID:
                raise Refused("ENCRYPTED without HOST_ID")
            host_id = inner[4:4 + length]
        fresh.key = crypto.PeerKey(host_id)
        if fresh.key.hit != packet.sender:
            raise Refused(f"HOST_ID of {hip.hit_text(fresh.key.hit)} in an I2 of {hip.hit_text(packet.sender)}")
        fresh.key.verify(packet.need(hip.HIP_SIGNATURE), packet.until(hip.HIP_SIGNATURE))
        self._answer_i2(fresh, packet, path)

    def _answer_i2(self, a, packet, path):
        _, index, _, peer_spi = struct.unpack(">HHII", packet.need(hip.ESP_INFO))
        a.path = path
        self.associations[a.peer_hit] = a
        self._locators(a, packet)
        parameters = [tlv(hip.ESP_INFO, struct.pack(">HHII", 0, index, 0, a.own_spi))]
        if packet.get(hip.ECHO_REQUEST_SIGNED) is not None:
            parameters.append(tlv(hip.ECHO_RESPONSE_SIGNED, packet.need(hip.ECHO_REQUEST_SIGNED)))
        a.i2 = packet.data
        a.r2 = self._sealed(hip.R2, a, parameters, tlv(hip.HOST_ID, self.key.host_id(self.domain)))
        self._establish(a, index, peer_spi)
        self._transmit(a.r2, path)

    def _r2(self, packet, path):
        a = self.associations.get(packet.sender)
        if a is None or a.state != "I2-SENT":
            raise Refused("an R2 that was not waited for")
        self._check_mac(a, packet, hip.HIP_MAC_2, a.peer_host_id)
        a.key.verify(packet.need(hip.HIP_SIGNATURE), packet.until(hip.HIP_SIGNATURE))
        _, index, _, peer_spi = struct.unpack(">HHII", packet.need(hip.ESP_INFO))
        a.pending = None
        self._locators(a, packet)
        for response in packet.all(hip.REG_RESPONSE):
            for kind in response[1:]:
                a.registered[kind] = hip.lifetime_seconds(response[0])
        if packet.get(hip.REG_FROM) is not None:
            a.reg_from = hip.unpack_transport(packet.need(hip.REG_FROM))
        for failed in packet.all(hip.REG_FAILED):
            self._log("registration_failed", peer=hip.hit_text(a.peer_hit), failure=failed[0], types=list(failed[1:]))
        if a.registered:
            self._log("registered", peer=hip.hit_text(a.peer_hit), types=sorted(a.registered), reg_from=a.reg_from)
        self._establish(a, index, peer_spi)

    def _establish(self, a, index, peer_spi):
        if index != a.keymat.index:
            raise Refused(f"KEYMAT index {index}, here {a.keymat.index}")
        out, inward = a.keymat.esp(a.esp_suite, index)
        a.outward, a.inward = crypto.Seal(a.esp_suite, peer_spi, out), crypto.Seal(a.esp_suite, a.own_spi, inward)
        self.by_spi[a.own_spi] = a, a.inward
        preferred = next((entry for entry in a.locators if entry[2]), None)
        relay_to = a.path.relay_to
        if preferred:
            a.data = (a.path.transport, preferred[0], preferred[1] or hip.PORT)
        elif relay_to:
            a.data = (a.path.transport, relay_to[0], relay_to[1])
        else:
            a.data = (a.path.transport, a.path.address, a.path.port)
        a.state = "ESTABLISHED"
        self._log("established", peer=hip.hit_text(a.peer_hit), path=a.path.address, esp=a.esp_suite,
                  group_suite=a.suite, data=a.data[1])

    @staticmethod
    def _locators(a, packet):
        if packet.get(hip.LOCATOR_SET) is not None:
            a.locators = hip.unpack_locators(packet.need(hip.LOCATOR_SET))

    # ---- UPDATE, NOTIFY, CLOSE ----

    def _update(self, hit, locators, new_path):
        a = self.associations[hit]
        if new_path:
            a.path = new_path
        nonce = os.urandom(8)
        a.checking = nonce, a.path
        parameters = [tlv(hip.SEQ, struct.pack(">I", a.update_id)), tlv(hip.ECHO_REQUEST_SIGNED, nonce)]
        if locators:
            parameters.append(tlv(hip.LOCATOR_SET, hip.pack_locators([(x, a.own_spi, True) for x in locators])))
            parameters.append(tlv(hip.ESP_INFO, struct.pack(">HHII", 0, a.keymat.index, a.own_spi, a.own_spi)))
        a.update_id += 1
        self._send_until_answered(a, self._sealed(hip.UPDATE, a, parameters), a.path)

    # Rekeying (RFC 7402 6.8 to 6.10)

    def _rekey_words(self, a, index, pair):
        """Parameters that say what this end brings, with a SEQ of their own."""
        a.rekey = Rekeying(index, secrets.randbelow(2 ** 32 - 256) + 256, pair, a.update_id)
        a.update_id += 1
        words = [tlv(hip.ESP_INFO, struct.pack(">HHII", 0, index, a.own_spi, a.rekey.spi)),
                 tlv(hip.SEQ, struct.pack(">I", a.rekey.update_id))]
        return words + ([tlv(hip.DIFFIE_HELLMAN, pair.contents())] if pair else [])

    def _rekey(self, hit, new_key):
        a = self.associations[hit]
        pair = crypto.KeyPair(a.exchange[0].group) if new_key else None
        words = self._rekey_words(a, 0 if pair else a.keymat.at, pair)
        self._send_until_answered(a, self._sealed(hip.UPDATE, a, words), a.path)

    def _rekey_asked(self, a, packet, answer):
        """Takes the peer's word; adds ours to the answer when it was the peer that began. True: it asks for an ACK."""
        info = packet.get(hip.ESP_INFO)
        if info is None:
            return False
        _, index, old_spi, new_spi = struct.unpack(">HHII", info)
        if new_spi in (old_spi, a.outward.spi):
            return False
        value = packet.get(hip.DIFFIE_HELLMAN)
        if value is not None:
            group, value = crypto.parse_diffie_hellman(value)
            if index != 0 or group != a.exchange[0].group:
                raise Refused(f"a rekeying with index {index} and group {group}")
        begun = a.rekey is None
        if begun:
            answer += self._rekey_words(a, 0 if value else max(index, a.keymat.at), None)
        a.rekey.theirs = index, new_spi, value
        return begun

    def _rekey_finish(self, a):
        r = a.rekey
        if r is None or not r.acknowledged or r.theirs is None:
            return
        index, spi, value = r.theirs
        pair, peer_value, i, j = a.exchange
        if r.pair or value:
            # A new key at one end goes with the old one of the other.
            a.exchange = pair, peer_value, i, j = r.pair or pair, value or peer_value, i, j
            keymat = crypto.Keymat(a.suite, pair.shared(peer_value), i, j, self.hit, a.peer_hit, a.cipher)
            a.keymat.data, index = keymat.data, 0
        else:
            index = max(index, r.index)
        out, inward = a.keymat.esp(a.esp_suite, index)
        a.own_spi, a.rekey = r.spi, None
        a.outward, a.inward = crypto.Seal(a.esp_suite, spi, out), crypto.Seal(a.esp_suite, r.spi, inward)
        self.by_spi[a.own_spi] = a, a.inward  # the old one stays for what is under way
        self._log("rekeyed", peer=hip.hit_text(a.peer_hit), spi=a.own_spi, index=index)

    def _move(self, address, port):
        self.sockets["udp"].close()
        self.sockets["udp"] = socket.socket(self.family, socket.SOCK_DGRAM)
        self.sockets["udp"].bind((address, port))
        self.address = address
        for a in self.associations.values():
            if a.state == "ESTABLISHED" and a.path.transport == "udp":
                self._update(a.peer_hit, [address], None)

    def _got_update(self, packet, path):
        a = self.associations.get(packet.sender) or Association(packet.sender)
        self._check_both(a, packet)
        if packet.get(hip.ACK) is not None and a.update_id - 1 in struct.unpack(
                f">{len(packet.need(hip.ACK)) // 4}I", packet.need(hip.ACK)):
            a.pending = None
            if a.rekey and a.rekey.update_id == a.update_id - 1:
                a.rekey.acknowledged = True
            self._log("acknowledged", peer=hip.hit_text(a.peer_hit), update_id=a.update_id - 1)
        echoed = packet.get(hip.ECHO_RESPONSE_SIGNED)
        if a.checking and echoed == a.checking[0]:
            self._log("address_verified", peer=hip.hit_text(a.peer_hit), address=a.checking[1].address)
            a.data = (a.checking[1].transport, a.checking[1].address, a.checking[1].port)
            a.path, a.checking = a.checking[1], None
        if packet.get(hip.SEQ) is None:
            self._rekey_finish(a)
            return
        update_id = struct.unpack(">I", packet.need(hip.SEQ))[0]
        if a.peer_update_id is not None and update_id < a.peer_update_id:
            raise Refused(f"Update ID {update_id} after {a.peer_update_id}")
        a.peer_update_id = update_id
        answer, answer_path = [tlv(hip.ACK, struct.pack(">I", update_id))], path
        if packet.get(hip.ECHO_REQUEST_SIGNED) is not None:
            answer.append(tlv(hip.ECHO_RESPONSE_SIGNED, packet.need(hip.ECHO_REQUEST_SIGNED)))
        for response in packet.all(hip.REG_RESPONSE):
            for kind in response[1:]:
                a.registered[kind] = hip.lifetime_seconds(response[0])
                self._log("registration_changed", type=kind, seconds=a.registered[kind])
        if packet.get(hip.LOCATOR_SET) is not None:
            a.locators = hip.unpack_locators(packet.need(hip.LOCATOR_SET))
            target = next((x for x in a.locators if x[2]), a.locators[0] if a.locators else None)
            if target and target[0] != a.data[1]:
                # The new address answers for itself before data go there (RFC 8046 5.4).
                answer_path = Path(path.transport, target[0], target[1] or hip.PORT)
                nonce = os.urandom(8)
                a.checking = nonce, answer_path
                answer += [tlv(hip.SEQ, struct.pack(">I", a.update_id)), tlv(hip.ECHO_REQUEST_SIGNED, nonce),
                           tlv(hip.ESP_INFO, struct.pack(">HHII", 0, a.keymat.index, a.own_spi, a.own_spi))]
                a.update_id += 1
        wants_answer = self._rekey_asked(a, packet, answer)
        self._log("updated", peer=hip.hit_text(a.peer_hit), update_id=update_id)
        data = self._sealed(hip.UPDATE, a, answer)
        self._rekey_finish(a)
        if wants_answer or (a.checking and answer_path is a.checking[1]):
            self._send_until_answered(a, data, answer_path)
        else:
            self._transmit(data, answer_path)

    def _notify(self, packet, path):
        kinds = [struct.unpack(">HH", n[:4])[1] for n in packet.all(hip.NOTIFICATION)]
        self._log("notified", peer=hip.hit_text(packet.sender), kinds=kinds, source=path.address)

    def _close(self, hit):
        a = self.associations[hit]
        a.close_nonce = os.urandom(16)
        a.state = "CLOSING"
        self._send_until_answered(a, self._sealed(hip.CLOSE, a, [tlv(hip.ECHO_REQUEST_SIGNED, a.close_nonce)]), a.path)

    def _got_close(self, packet, path):
        a = self.associations.get(packet.sender) or Association(packet.sender)
        self._check_both(a, packet)
        self._transmit(self._sealed(hip.CLOSE_ACK, a, [
            tlv(hip.ECHO_RESPONSE_SIGNED, packet.need(hip.ECHO_REQUEST_SIGNED))]), path)
        self._closed(a, "CLOSED")

    def _close_ack(self, packet, path):
        a = self.associations.get(packet.sender) or Association(packet.sender)
        self._check_both(a, packet)
        if a.close_nonce is None or packet.need(hip.ECHO_RESPONSE_SIGNED) != a.close_nonce:
            raise Refused("CLOSE_ACK with another nonce")
        self._closed(a, "UNASSOCIATED")

    def _closed(self, a, state):
        a.state, a.pending = state, None
        self.by_spi = {spi: entry for spi, entry in self.by_spi.items() if entry[0] is not a}
        self._log("closed", peer=hip.hit_text(a.peer_hit))

    # ---- ESP ----

    def _seal_and_send(self, a, next_header, payload):
        transport, address, port = a.data
        datagram = a.outward.close(next_header, payload)
        self.sockets["udp" if transport == "udp" else "esp"].sendto(datagram, (address, port))

    def _esp(self, data, source):
        spi = struct.unpack(">I", data[:4])[0]
        if spi not in self.by_spi:
            raise Refused("ESP of an unknown SPI")
        a, seal = self.by_spi[spi]
        next_header, payload = seal.open(data)
        if next_header in (ICMPV6, UDP) and hip.upper_checksum(a.peer_hit, self.hit, next_header, payload) != 0:
            raise Malformed("checksum inside ESP")
        peer = hip.hit_text(a.peer_hit)
        self._log("esp", peer=peer, source=source[1], port=source[2], next_header=next_header, length=len(payload),
                  spi=spi)
        if next_header == UDP:
            source_port, destination_port = struct.unpack(">HH", payload[:4])
            self._log("udp", peer=peer, source_port=source_port, destination_port=destination_port, data=payload[8:])
        if next_header == ICMPV6 and payload[0] == 128 and self.answers_ping:
            self._send_icmp(a, 129, payload[4:])
        if next_header == ICMPV6 and payload[0] == 129:
            identifier, sequence = struct.unpack(">HH", payload[4:8])
            sent = self.pings.pop((a.peer_hit, identifier, sequence), None)
            if sent is not None:
                self._log("pong", peer=peer, sequence=sequence, seconds=time.monotonic() - sent)

    def _send_icmp(self, a, kind, rest):
        message = bytes((kind, 0, 0, 0)) + rest
        checksum = hip.upper_checksum(self.hit, a.peer_hit, ICMPV6, message)
        self._seal_and_send(a, ICMPV6, message[:2] + struct.pack(">H", checksum) + rest)

    def _ping(self, hit, sequence):
        self.pings[(hit, self.ping_id, sequence)] = time.monotonic()
        self._send_icmp(self.associations[hit], 128, struct.pack(">HH", self.ping_id, sequence) + b"peal" * 14)

    def _send_udp(self, hit, source_port, destination_port, data):
        a = self.associations[hit]
        head = struct.pack(">HHH", source_port, destination_port, 8 + len(data))
        checksum = hip.upper_checksum(self.hit, hit, UDP, head + b"\0\0" + data) or 0xffff
        self._seal_and_send(a, UDP, head + struct.pack(">H", checksum) + data)


def arguments_of(command_line):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=hip.PORT)
    parser.add_argument("--raw", action="store_true", help="IP protocols 139 and 50 instead of UDP; needs root")
    parser.add_argument("--key", help="PEM file; made when there is none")
    parser.add_argument("--suite", type=int, choices=(1, 2), default=2, help="of a new key: 1 RSA, 2 ECDSA")
    parser.add_argument("--connect", metavar="HIT@ADDRESS[:PORT]")
    parser.add_argument("--register", metavar="HIT@ADDRESS[:PORT]")
    parser.add_argument("--types", default="1,2", help="registration types: 1 rendezvous, 2 relay")
    parser.add_argument("--ping", type=int, default=0, metavar="COUNT")
    parser.add_argument("--encrypt", action="store_true", help="HOST_ID in ENCRYPTED")
    parser.add_argument("--locator", metavar="ADDRESS", help="announced in R1 and I2")
    return parser.parse_args(command_line)


def endpoint_of(text):
    hit, _, place = text.partition("@")
    address, _, port = place.partition(":")
    return hip.hit_of(hit), address, int(port or hip.PORT)


def main(command_line):
    arguments = arguments_of(command_line)
    if arguments.key and os.path.exists(arguments.key):
        key = crypto.HostKey.load(arguments.key)
    else:
        key = crypto.HostKey.generate(arguments.suite)
        if arguments.key:
            key.save(arguments.key)
    transport = "raw" if arguments.raw else "udp"
    with Daemon(key, arguments.address, arguments.port, (transport,), encrypt_host_id=arguments.encrypt,
                locators=arguments.locator) as daemon:
        print(json.dumps({"event": "listening", "hit": hip.hit_text(key.hit), "address": arguments.address}),
              flush=True)
        if arguments.register:
            hit, address, port = endpoint_of(arguments.register)
            daemon.connect(hit, address, port, transport, [int(t) for t in arguments.types.split(",")])
        if arguments.connect:
            hit, address, port = endpoint_of(arguments.connect)
            daemon.connect(hit, address, port, transport)
            daemon.wait_for("established", 15, peer=hip.hit_text(hit))
            for _ in range(arguments.ping):
                daemon.ping(hit)
        at = 0
        try:
            while True:
                with daemon.changed:
                    while at >= len(daemon.events):
                        daemon.changed.wait()
                    fresh, at = daemon.events[at:], len(daemon.events)
                for event in fresh:
                    print(json.dumps({k: v.hex() if isinstance(v, bytes) else v for k, v in event.items()}),
                          flush=True)
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
