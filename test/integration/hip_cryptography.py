# SPDX-License-Identifier: MIT
"""Identities, key agreement, keying material and ESP of HIPv2 for hip_daemon.py, from RFC 7401, 7402, 7343, 5869, 4303
and 4106 alone, on python3-cryptography."""
import hashlib
import hmac
import os
import secrets
import struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, padding as block_padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CONTEXT_ID = bytes.fromhex("F0EFF02FBFF43D0FE7930C3C6E6174EA")
RSA, ECDSA = 5, 7           # HOST_ID algorithms
SUITE_RSA, SUITE_ECDSA = 1, 2  # HIT Suites
DIGESTS = {SUITE_RSA: "sha256", SUITE_ECDSA: "sha384"}
HASHES = {SUITE_RSA: hashes.SHA256, SUITE_ECDSA: hashes.SHA384}


class Refused(Exception):
    """What a key, a MAC, a signature or a puzzle does not fit."""


# ---- Host Identities ----

def orchid(suite, host_identity):
    """RFC 7343 2, RFC 7401 3.2: prefix, suite, the middle 96 bits of the hash."""
    digest = hashlib.new(DIGESTS[suite], CONTEXT_ID + host_identity).digest()
    start = (len(digest) - 12) // 2
    return bytes((0x20, 0x01, 0x00, 0x20 | suite)) + digest[start:start + 12]


class HostKey:
    """A private key and what its owner shows of it."""

    def __init__(self, private, bare_point=False):
        self.private = private
        numbers = private.public_key().public_numbers()
        if isinstance(private, rsa.RSAPrivateKey):
            self.suite, self.algorithm = SUITE_RSA, RSA
            exponent = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")
            # RFC 3110: one length byte up to 255.
            self.host_identity = bytes((len(exponent),)) + exponent + numbers.n.to_bytes(
                (numbers.n.bit_length() + 7) // 8, "big")
        else:
            self.suite, self.algorithm = SUITE_ECDSA, ECDSA
            size = (private.curve.key_size + 7) // 8
            point = numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")
            label = {256: 1, 384: 2}[private.curve.key_size]
            # RFC 6090 writes coordinates, implementations the uncompressed point; both are about.
            self.host_identity = struct.pack(">H", label) + (b"" if bare_point else b"\x04") + point
        self.hit = orchid(self.suite, self.host_identity)

    @classmethod
    def generate(cls, suite, bare_point=False):
        if suite == SUITE_RSA:
            return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        return cls(ec.generate_private_key(ec.SECP256R1()), bare_point)

    @classmethod
    def load(cls, path):
        with open(path, "rb") as file:
            return cls(serialization.load_pem_private_key(file.read(), None))

    def save(self, path):
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                  serialization.NoEncryption()))

    def host_id(self, domain=b""):
        """Contents of HOST_ID (5.2.9); a domain is a NAI."""
        return struct.pack(">HHH", len(self.host_identity), (2 << 12 if domain else 0) | len(domain),
                           self.algorithm) + self.host_identity + domain

    def sign(self, data):
        """SIG alg and signature (5.2.14)."""
        if self.algorithm == RSA:
            signature = self.private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        else:
            r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA384())))
            size = (self.private.curve.key_size + 7) // 8
            signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
        return struct.pack(">H", self.algorithm) + signature


class PeerKey:
    """The public key in a HOST_ID's contents."""

    def __init__(self, contents):
        length, domain, self.algorithm = struct.unpack(">HHH", contents[:6])
        value = contents[6:6 + length]
        if len(value) != length or len(contents) != 6 + length + (domain & 0x0fff):
            raise Refused("HOST_ID lengths")
        self.host_identity = value
        if self.algorithm == RSA:
            size, at = value[0], 1
            if size == 0:
                size, at = struct.unpack(">H", value[1:3])[0], 3
            self.suite = SUITE_RSA
            self.public = rsa.RSAPublicNumbers(int.from_bytes(value[at:at + size], "big"),
                                               int.from_bytes(value[at + size:], "big")).public_key()
        elif self.algorithm == ECDSA:
            curve = {1: ec.SECP256R1(), 2: ec.SECP384R1()}[struct.unpack(">H", value[:2])[0]]
            point = value[2:] if len(value) % 2 == 1 else b"\x04" + value[2:]
            self.suite = SUITE_ECDSA
            self.public = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        else:
            raise Refused(f"HOST_ID algorithm {self.algorithm}")
        self.hit = orchid(self.suite, value)

    def verify(self, contents, data):
        """`contents` of HIP_SIGNATURE or HIP_SIGNATURE_2."""
        algorithm, signature = struct.unpack(">H", contents[:2])[0], contents[2:]
        if algorithm != self.algorithm:
            raise Refused(f"signature algorithm {algorithm}")
        try:
            if self.algorithm == RSA:
                self.public.verify(signature, data, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO),
                                   hashes.SHA256())
            else:
                half = len(signature) // 2
                der = utils.encode_dss_signature(int.from_bytes(signature[:half], "big"),
                                                 int.from_bytes(signature[half:], "big"))
                self.public.verify(der, data, ec.ECDSA(hashes.SHA384()))
        except InvalidSignature as error:
            raise Refused("signature") from error


# ---- Diffie-Hellman (5.2.7) ----

def _pi_bits(bits):
    """floor(2^bits * pi), by Machin's formula."""
    guard = bits + 64

    def inverse_tangent(n):
        term = total = (1 << guard) // n
        k, sign = 3, -1
        while term:
            term //= n * n
            total += sign * (term // k)
            k, sign = k + 2, -sign
        return total
    return (4 * (4 * inverse_tangent(5) - inverse_tangent(239))) >> 64


def _modp(bits, constant):
    """RFC 3526's primes, from the formula that it gives beside each."""
    return 2 ** bits - 2 ** (bits - 64) - 1 + 2 ** 64 * (_pi_bits(bits - 130) + constant)


MODP = {3: (_modp(1536, 741804), 192), 4: (_modp(3072, 1690314), 384)}
CURVES = {7: (ec.SECP256R1(), 32), 8: (ec.SECP384R1(), 48), 9: (ec.SECP521R1(), 66)}


class KeyPair:
    """One ephemeral key of a group; `public` is DIFFIE_HELLMAN's value."""

    def __init__(self, group):
        self.group = group
        if group in MODP:
            prime, size = MODP[group]
            self.private = secrets.randbits(384) | 1 << 384
            self.public = pow(2, self.private, prime).to_bytes(size, "big")
        else:
            curve, size = CURVES[group]
            self.private = ec.generate_private_key(curve)
            numbers = self.private.public_key().public_numbers()
            # RFC 5903: x and y, no format byte.
            self.public = numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")

    def contents(self):
        return struct.pack(">BH", self.group, len(self.public)) + self.public

    def shared(self, value):
        """Kij, as long as the group."""
        if self.group in MODP:
            prime, size = MODP[self.group]
            number = int.from_bytes(value, "big")
            if not 1 < number < prime - 1:
                raise Refused("a degenerate public value")
            return pow(number, self.private, prime).to_bytes(size, "big")
        try:
            other = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[self.group][0], b"\x04" + value)
        except ValueError as error:
            raise Refused("not a point of the curve") from error
        return self.private.exchange(ec.ECDH(), other)


def parse_diffie_hellman(contents):
    group, length = struct.unpack(">BH", contents[:3])
    if len(contents) != 3 + length:
        raise Refused("DIFFIE_HELLMAN length")
    return group, contents[3:]


# ---- Puzzle (4.1.2, 5.3.3): the lowest K bits of RHASH(I | HIT-I | HIT-R | J) are zero ----

def puzzle_fits(suite, k, i, hit_i, hit_r, j):
    digest = hashlib.new(DIGESTS[suite], i + hit_i + hit_r + j).digest()
    return int.from_bytes(digest, "big") & ((1 << k) - 1) == 0


def puzzle_solve(suite, k, i, hit_i, hit_r):
    size = hashlib.new(DIGESTS[suite]).digest_size
    number = secrets.randbits(8 * size)
    while not puzzle_fits(suite, k, i, hit_i, hit_r, number.to_bytes(size, "big")):
        number = (number + 1) % (1 << 8 * size)
    return number.to_bytes(size, "big")


def mac(suite, key, data):
    return hmac.new(key, data, DIGESTS[suite]).digest()


def macs_equal(a, b):
    return hmac.compare_digest(a, b)


# ---- KEYMAT (6.5): HKDF with RHASH ----

def hkdf(suite, salt, key, info, length):
    digest = DIGESTS[suite]
    out = block = b""
    pseudo_random_key = hmac.new(salt, key, digest).digest()
    while len(out) < length:
        block = hmac.new(pseudo_random_key, block + info + bytes((len(out) // len(pseudo_random_key) + 1,)),
                         digest).digest()
        out += block
    return out[:length]


CIPHER_KEYS = {1: 0, 2: 16, 4: 32}                     # HIP_CIPHER: bytes of key
ESP_KEYS = {7: (0, 32), 8: (16, 32), 9: (32, 32), 12: (20, 0), 13: (20, 0)}  # encryption (GCM: with salt), HMAC


class Keymat:
    """The keys of an association as one end sees them."""

    def __init__(self, suite, kij, i, j, own_hit, peer_hit, cipher):
        self.data = hkdf(suite, i + j, kij, min(own_hit, peer_hit) + max(own_hit, peer_hit), 1024)
        self.greater = own_hit > peer_hit
        self.at = 0
        mac_size = hashlib.new(DIGESTS[suite]).digest_size
        greater = self.draw(CIPHER_KEYS[cipher]), self.draw(mac_size)
        lesser = self.draw(CIPHER_KEYS[cipher]), self.draw(mac_size)
        own, peer = (greater, lesser) if self.greater else (lesser, greater)
        (self.own_cipher, self.own_mac), (self.peer_cipher, self.peer_mac) = own, peer
        self.index = self.at  # where the keys of ESP begin

    def draw(self, length):
        out = self.data[self.at:self.at + length]
        self.at += length
        return out

    def esp(self, suite, index):
        """Keys outwards and inwards, drawn from `index` (RFC 7402 7)."""
        self.at = index
        greater = self.draw(ESP_KEYS[suite][0]), self.draw(ESP_KEYS[suite][1])
        lesser = self.draw(ESP_KEYS[suite][0]), self.draw(ESP_KEYS[suite][1])
        return (greater, lesser) if self.greater else (lesser, greater)


def encrypt(cipher, key, plain):
    """ENCRYPTED's contents (5.2.18)."""
    if cipher == 1:
        return bytes(4) + plain
    iv = os.urandom(16)
    padder = block_padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return bytes(4) + iv + encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def decrypt(cipher, key, contents):
    if cipher == 1:
        return contents[4:]
    try:
        decryptor = Cipher(algorithms.AES(key), modes.CBC(contents[4:20])).decryptor()
        unpadder = block_padding.PKCS7(128).unpadder()
        return unpadder.update(decryptor.update(contents[20:]) + decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise Refused("ENCRYPTED") from error


# ---- ESP (RFC 4303, 4106, 7402) ----

class Seal:
    """One direction of an SA, with 64-bit sequence numbers."""

    WINDOW = 64

    def __init__(self, suite, spi, keys):
        self.suite, self.spi, (self.key, self.mac_key) = suite, spi, keys
        self.sequence = 0       # sent last, or the highest received
        self.seen = 0           # bit n: sequence - n came
        self.icv = {7: 16, 8: 16, 9: 16, 12: 8, 13: 16}[suite]

    def _gcm(self, iv, tag=None):
        return Cipher(algorithms.AES(self.key[:16]), modes.GCM(self.key[16:] + iv, tag, min_tag_length=8))

    def close(self, next_header, payload):
        self.sequence += 1
        high, low = self.sequence >> 32, self.sequence & 0xffffffff
        head = struct.pack(">II", self.spi, low)
        align = 16 if self.suite in (8, 9) else 4
        pad = -(len(payload) + 2) % align
        plain = payload + bytes(range(1, pad + 1)) + bytes((pad, next_header))
        if self.suite in (12, 13):
            iv = struct.pack(">Q", self.sequence)
            sealer = self._gcm(iv).encryptor()
            sealer.authenticate_additional_data(struct.pack(">III", self.spi, high, low))
            body = sealer.update(plain) + sealer.finalize()
            return head + iv + body + sealer.tag[:self.icv]
        iv, body = b"", plain
        if self.suite != 7:
            iv = os.urandom(16)
            encryptor = Cipher(algorithms.AES(self.key), modes.CBC(iv)).encryptor()
            body = encryptor.update(plain) + encryptor.finalize()
        covered = head + iv + body
        # The high half is covered though it is not sent (RFC 4303 2.2.1); 16 bytes of the HMAC stay (RFC 4868).
        icv = hmac.new(self.mac_key, covered + struct.pack(">I", high), hashlib.sha256).digest()[:16]
        return covered + icv

    def _whole_sequence(self, low):
        """RFC 4303 A2.2: the 64-bit number that a low half must stand for."""
        top_high, top_low = self.sequence >> 32, self.sequence & 0xffffffff
        bottom = (top_low - self.WINDOW + 1) & 0xffffffff
        if top_low >= self.WINDOW - 1:
            high = top_high if low >= bottom else top_high + 1
        else:
            high = top_high - 1 if low >= bottom and top_high > 0 else top_high
        return high << 32 | low

    def open(self, datagram):
        """(next header, payload); Refused when the ICV or the sequence number does not fit."""
        spi, low = struct.unpack(">II", datagram[:8])
        sequence = self._whole_sequence(low)
        if spi != self.spi or sequence == 0 or self._is_seen(sequence):
            raise Refused("ESP replay")
        high = sequence >> 32
        iv_size = {7: 0, 12: 8, 13: 8}.get(self.suite, 16)
        iv, body, icv = datagram[8:8 + iv_size], datagram[8 + iv_size:-self.icv], datagram[-self.icv:]
        try:
            if self.suite in (12, 13):
                opener = self._gcm(iv, icv).decryptor()
                opener.authenticate_additional_data(struct.pack(">III", spi, high, low))
                plain = opener.update(body) + opener.finalize()
            else:
                expected = hmac.new(self.mac_key, datagram[:-16] + struct.pack(">I", high), hashlib.sha256)
                if not hmac.compare_digest(expected.digest()[:16], icv):
                    raise Refused("ESP ICV")
                plain = body
                if self.suite != 7:
                    decryptor = Cipher(algorithms.AES(self.key), modes.CBC(iv)).decryptor()
                    plain = decryptor.update(body) + decryptor.finalize()
        except (InvalidTag, ValueError) as error:
            raise Refused("ESP ICV") from error
        self._mark(sequence)
        pad, next_header = plain[-2], plain[-1]
        if pad + 2 > len(plain):
            raise Refused("ESP padding")
        return next_header, plain[:-2 - pad]

    def _is_seen(self, sequence):
        behind = self.sequence - sequence
        return behind >= self.WINDOW or (behind >= 0 and self.seen >> behind & 1)

    def _mark(self, sequence):
        if sequence > self.sequence:
            self.seen = (self.seen << (sequence - self.sequence) | 1) & ((1 << self.WINDOW) - 1)
            self.sequence = sequence
        else:
            self.seen |= 1 << (self.sequence - sequence)
