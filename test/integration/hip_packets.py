# SPDX-License-Identifier: MIT
"""HIPv2 packets for hip_daemon.py, written from RFC 7401, 7402, 8003, 8004, 8046 and 9028 alone: nothing of Peal's own
code is used, so that what both understand is what the RFCs say."""
import ipaddress
import struct

I1, R1, I2, R2, UPDATE, NOTIFY, CLOSE, CLOSE_ACK = 1, 2, 3, 4, 16, 17, 18, 19
PACKET_NAMES = {I1: "I1", R1: "R1", I2: "I2", R2: "R2", UPDATE: "UPDATE", NOTIFY: "NOTIFY", CLOSE: "CLOSE",
                CLOSE_ACK: "CLOSE_ACK"}
PROTOCOL = 139
PORT = 10500

ESP_INFO, R1_COUNTER, LOCATOR_SET, PUZZLE, SOLUTION, SEQ, ACK = 65, 129, 193, 257, 321, 385, 449
DH_GROUP_LIST, DIFFIE_HELLMAN, HIP_CIPHER, NAT_TRAVERSAL_MODE, TRANSACTION_PACING = 511, 513, 579, 608, 610
ENCRYPTED, HOST_ID, HIT_SUITE_LIST, CERT, NOTIFICATION = 641, 705, 715, 768, 832
ECHO_REQUEST_SIGNED, REG_INFO, REG_REQUEST, REG_RESPONSE, REG_FAILED, REG_FROM = 897, 930, 932, 934, 936, 950
ECHO_RESPONSE_SIGNED, TRANSPORT_FORMAT_LIST, ESP_TRANSFORM = 961, 2049, 4095
HIP_MAC, HIP_MAC_2, HIP_SIGNATURE_2, HIP_SIGNATURE = 61505, 61569, 61633, 61697
ECHO_RESPONSE_UNSIGNED, ECHO_REQUEST_UNSIGNED, RELAY_FROM, RELAY_TO = 63425, 63661, 63998, 64002
FROM, RVS_HMAC, VIA_RVS, RELAY_HMAC = 65498, 65500, 65502, 65520
KNOWN = {v for k, v in list(globals().items()) if k.isupper() and isinstance(v, int) and v >= 65}

HEADER = struct.Struct(">BBBBHH16s16s")
NO_HIT = bytes(16)


class Malformed(Exception):
    """A packet or parameter that is not what the RFC says."""


def hit_text(hit):
    return str(ipaddress.IPv6Address(hit))


def hit_of(text):
    return ipaddress.IPv6Address(text).packed if ":" in text else bytes.fromhex(text)


def tlv(kind, contents):
    """One parameter (RFC 7401 5.2.1)."""
    return struct.pack(">HH", kind, len(contents)) + contents + bytes(-(4 + len(contents)) % 8)


def header(kind, sender, receiver, length, controls=0, checksum=0):
    """Header of a packet that is `length` bytes with it."""
    return HEADER.pack(59, length // 8 - 1, kind, 0x21, checksum, controls, sender, receiver)


def build(kind, sender, receiver, parameters):
    """`parameters` are whole TLVs, sent in the order given."""
    body = b"".join(parameters)
    if 40 + len(body) > 2048:
        raise Malformed(f"{len(body)} bytes of parameters")
    return header(kind, sender, receiver, 40 + len(body)) + body


class Packet:
    """A packet as it came."""

    def __init__(self, data, lenient_order=False):
        if len(data) < 40:
            raise Malformed("shorter than a header")
        (following, units, kind, version, self.checksum, self.controls, self.sender,
         self.receiver) = HEADER.unpack(data[:40])
        self.kind, self.version = kind & 0x7f, version >> 4
        self.length = (units + 1) * 8
        if self.version != 2:
            raise Malformed(f"version {self.version}")
        if self.length < 40 or self.length > len(data) or (following == 59 and self.length != len(data)):
            raise Malformed(f"length {self.length} of {len(data)}")
        self.data = data[:self.length]
        self.parameters = []  # (type, contents, offset, whole)
        at, last = 40, -1
        while at < self.length:
            kind, length = struct.unpack(">HH", self.data[at:at + 4])
            whole = (4 + length + 7) // 8 * 8
            if at + whole > self.length:
                raise Malformed(f"parameter {kind} leaves the packet")
            if kind < last and not lenient_order:
                raise Malformed(f"parameter {kind} after {last}")
            last = kind
            self.parameters.append((kind, self.data[at + 4:at + 4 + length], at, self.data[at:at + whole]))
            at += whole

    @property
    def name(self):
        return PACKET_NAMES.get(self.kind, str(self.kind))

    def all(self, kind):
        return [p[1] for p in self.parameters if p[0] == kind]

    def get(self, kind):
        """Contents of the first parameter of that type, or None."""
        return next((p[1] for p in self.parameters if p[0] == kind), None)

    def need(self, kind):
        contents = self.get(kind)
        if contents is None:
            raise Malformed(f"no parameter {kind} in {self.name}")
        return contents

    def whole(self, kind):
        return next((p[3] for p in self.parameters if p[0] == kind), None)

    def types(self):
        return [p[0] for p in self.parameters]

    def unknown_critical(self):
        return [p[0] for p in self.parameters if p[0] % 2 == 1 and p[0] not in KNOWN]

    def until(self, kind, extra=b"", for_r1=False):
        """What MACs and signatures cover (6.4.1, 6.4.2): up to the parameter `kind`, checksum zero, the length cut
        there; `extra` is HIP_MAC_2's HOST_ID. For HIP_SIGNATURE_2 the receiver's HIT and the puzzle's #I and
        Opaque are zero."""
        end = next(p[2] for p in self.parameters if p[0] == kind)
        out = bytearray(self.data[:end] + extra)
        out[1] = len(out) // 8 - 1
        out[4:6] = b"\0\0"
        if for_r1:
            out[24:40] = NO_HIT
            for kind_, contents, at, _ in self.parameters:
                if kind_ == PUZZLE:
                    out[at + 6:at + 4 + len(contents)] = bytes(len(contents) - 2)
        return bytes(out)


def checksum(source, destination, packet):
    """5.1.1; addresses as text, the packet with any checksum."""
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 4:
        pseudo = source.packed + destination.packed + struct.pack(">BBH", 0, PROTOCOL, len(packet))
    else:
        pseudo = source.packed + destination.packed + struct.pack(">IBBBB", len(packet), 0, 0, 0, PROTOCOL)
    return ones_sum(pseudo + packet[:4] + b"\0\0" + packet[6:])


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def upper_checksum(source_hit, destination_hit, next_header, payload):
    """Of what runs inside ESP: over the HITs (4.5.1)."""
    pseudo = source_hit + destination_hit + struct.pack(">IBBBB", len(payload), 0, 0, 0, next_header)
    return ones_sum(pseudo + payload)


# ---- Addresses in parameters: IPv6, or IPv4 mapped into it ----

def pack_address(text):
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def unpack_address(data):
    if len(data) != 16:
        raise Malformed("an address of other than 16 bytes")
    if data[:12] == bytes(10) + b"\xff\xff":
        return str(ipaddress.IPv4Address(data[12:]))
    return str(ipaddress.IPv6Address(data))


def pack_transport(address, port, protocol=17):
    """REG_FROM, RELAY_FROM, RELAY_TO (RFC 9028 5.6)."""
    return struct.pack(">HBB", port, protocol, 0) + pack_address(address)


def unpack_transport(contents):
    if len(contents) != 20:
        raise Malformed("a transport address of other than 20 bytes")
    port, protocol, _ = struct.unpack(">HBB", contents[:4])
    return unpack_address(contents[4:]), port, protocol


def pack_locators(entries):
    """(address, spi, preferred) each, RFC 8046 4.2 type 1."""
    return b"".join(struct.pack(">BBBBII", 0, 1, 5, 1 if preferred else 0, 3600, spi) + pack_address(address)
                    for address, spi, preferred in entries)


def unpack_locators(contents):
    """(address, port or None, preferred) of types 0, 1 and 2."""
    out, at = [], 0
    while at < len(contents):
        if at + 8 > len(contents):
            raise Malformed("a locator that is cut off")
        _, kind, words, flags = contents[at:at + 4]
        body = contents[at + 8:at + 8 + 4 * words]
        if len(body) != 4 * words:
            raise Malformed("a locator that is cut off")
        at += 8 + 4 * words
        if kind in (0, 1):
            out.append((unpack_address(body[4 * kind:]), None, bool(flags & 1)))
        elif kind == 2 and body[2] == 17:
            out.append((unpack_address(body[12:]), struct.unpack(">H", body[:2])[0], bool(flags & 1)))
    return out


# ---- Lists ----

def bytes_list(contents):
    return list(contents)


def shorts(contents, skip=0):
    contents = contents[skip:]
    if len(contents) % 2:
        raise Malformed("half a number in a list")
    return list(struct.unpack(f">{len(contents) // 2}H", contents))


def pack_shorts(items, reserved=False):
    return (b"\0\0" if reserved else b"") + struct.pack(f">{len(items)}H", *items)


# ---- Lifetimes (RFC 8003 4.1) ----

def lifetime_seconds(code):
    return 0 if code == 0 else 2 ** ((code - 64) / 8)


def lifetime_code(seconds):
    return 0 if seconds == 0 else max(c for c in range(1, 256) if lifetime_seconds(c) <= seconds + 1e-9)
