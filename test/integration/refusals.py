# SPDX-License-Identifier: MIT
"""What a stranger can do to a running peer: nothing, and it is counted and logged."""
import socket
import ssl
import subprocess

from ring import Ring, wait_until


def counter(peer, name):
    return peer.request("counters")[1][name]


def refused(peer, name, act):
    before = counter(peer, name)
    act()
    wait_until(lambda: counter(peer, name) > before, 5, f"the counter {name} rises")


def tls_context(certificate=None, key=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def shake_hands(peer, context):
    """True when the peer took the certificate: only then does it keep the connection open for more."""
    with socket.create_connection((peer.address, 6084), timeout=5) as raw:
        try:
            with context.wrap_socket(raw) as tls:
                tls.settimeout(5)
                tls.sendall(b"x")
                return tls.recv(1) != b""
        except (ssl.SSLError, ConnectionError):
            return False


def stranger_certificates(folder):
    """A self-signed certificate of nobody's overlay."""
    key, certificate = folder / "stranger.key", folder / "stranger.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/",
                    "-addext", "subjectAltName=email:alice@peal.example"], check=True, capture_output=True)
    return certificate, key


def test(build, folder):
    ring = Ring(folder, build)
    other = Ring(folder / "other", build)
    try:
        ring.create(["alice", "bob"])
        other.create(["mallory"])
        peer = ring.add("alice", role="bootstrap").wait_joined()
        other.enroll("mallory", folder / "mallory")

        assert not shake_hands(peer, tls_context()), "taken without a certificate"
        certificate, key = stranger_certificates(folder)
        refused(peer, "links_refused", lambda: shake_hands(peer, tls_context(certificate, key)))
        refused(peer, "links_refused", lambda: shake_hands(
            peer, tls_context(folder / "mallory" / "certificate.pem", folder / "mallory" / "key.pem")))
        assert "link.refused" in peer.log(), "a refused link is logged"

        # A member may connect, but what is not a RELOAD frame ends the link and is counted.
        ring.enroll("bob", folder / "bob")
        member = tls_context(folder / "bob" / "certificate.pem", folder / "bob" / "key.pem")
        refused(peer, "dropped_malformed", lambda: shake_hands(peer, member))

        with socket.create_connection((peer.address, 6084), timeout=5) as raw:
            raw.sendall(b"\x16\x03\x01\xff\xff" + bytes(range(256)) * 16)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
            raw.sendto(b"\x16\xfe\xfd" + bytes(64), (peer.address, 5060))
        assert peer.state() == "joined", "the peer still serves"
    finally:
        ring.stop()
        other.stop()
