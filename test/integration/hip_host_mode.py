# SPDX-License-Identifier: MIT
"""Host mode: programs that know nothing of HIP reach another host through a TUN device, by its HIT as an IPv6 address and by
an IPv4 address that stands for the HIT; the wire carries ESP."""
import os
import socket
import struct
import threading

from namespaces import Namespaces, NamespaceRing, available
from ring import wait_until

PORT = 7777


def serve(namespaces, side, family, address, kind):
    """An echo server in that namespace: one datagram, or one connection."""
    with namespaces.inside(side):
        server = socket.socket(family, kind)
    server.settimeout(20)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, PORT))
    if kind == socket.SOCK_STREAM:
        server.listen(1)

    def stream():
        connection, peer = server.accept()
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)
        return peer

    def datagram():
        data, peer = server.recvfrom(65536)
        server.sendto(data, peer)
    thread = threading.Thread(target=stream if kind == socket.SOCK_STREAM else datagram, daemon=True)
    thread.start()
    return server, thread


def exchange(namespaces, side, family, address, kind, data):
    """Sends from that namespace and reads the echo."""
    with namespaces.inside(side):
        client = socket.socket(family, kind)
    with client:
        client.settimeout(20)
        client.connect((address, PORT))
        client.sendall(data)
        if kind == socket.SOCK_STREAM:
            client.shutdown(socket.SHUT_WR)
        got = b""
        while len(got) < len(data):
            part = client.recv(65536)
            if not part:
                break
            got += part
    assert got == data, f"{len(got)} of {len(data)} bytes came back from {address}"


def check_echo(namespaces, family, target, listen):
    for kind, data in ((socket.SOCK_DGRAM, os.urandom(1000)), (socket.SOCK_STREAM, os.urandom(300000))):
        server, thread = serve(namespaces, "b", socket.AF_INET6, listen, kind)
        exchange(namespaces, "a", family, target, kind, data)
        thread.join(10)
        server.close()


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def ping(namespaces, side, address):
    """Three echoes, made here: ICMPv6 to a HIT, ICMP to an IPv4 address."""
    is_ipv6 = ":" in address
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if is_ipv6 else (socket.AF_INET, socket.IPPROTO_ICMP)
    with namespaces.inside(side):
        raw = socket.socket(family, socket.SOCK_RAW, protocol)
    with raw:
        raw.settimeout(10)
        for number in range(3):
            body = struct.pack("!HH", os.getpid() & 0xffff, number) + b"peal" * 14
            request = struct.pack("!BBH", 128 if is_ipv6 else 8, 0, 0) + body
            if not is_ipv6:  # of ICMPv6 the kernel makes it
                request = request[:2] + struct.pack("!H", checksum(request)) + body
            raw.sendto(request, (address, 0))
            while True:
                answer = raw.recv(2000)[0 if is_ipv6 else 20:]
                if answer[0] == (129 if is_ipv6 else 0) and answer[4:] == body:
                    break
            assert is_ipv6 or checksum(answer) == 0, answer


def name_of(peer, hit):
    """The IPv4 address that stands for a HIT at this peer."""
    items, _ = peer.request("hip")
    return next(i["ipv4"] for i in items if i["what"] == "association" and i["hit"] == hit)


def check_refusal(ring):
    """A device that cannot be made is an error that says so; the name is too long for the rest to begin."""
    peer = ring.peers[-1]
    lines = (peer.folder / "peald.conf").read_text() + 'hip-tun = "no/name"\n'
    (peer.folder / "wrong.conf").write_text(lines)
    out = ring.run(ring.program("node/peald"), "-c", peer.folder / "wrong.conf", "--check-config", check=False)
    assert out.returncode == 1 and "hip-tun" in out.stderr, out.stderr


def test(build, folder):
    if not available() or not os.path.exists("/dev/net/tun"):
        print("skipped: network namespaces and TUN devices need root")
        return
    with Namespaces() as namespaces:
        ring = NamespaceRing(folder, build, namespaces)
        try:
            ring.create(["operator", "alice", "bob"])
            namespaces.open_way()
            ring.add_at("operator", "core", namespaces.address(0, 1), role="bootstrap").wait_joined()
            options = {"hip-tun": '"hip0"'}
            a = ring.add_at("alice", "a", namespaces.address(1, 2), options=options)
            b = ring.add_at("bob", "b", namespaces.address(2, 2), options=options)
            ring.wait_joined()
            ring.wait_consistent(3)
            hit = b.status()["hit"]
            ping(namespaces, "a", hit)
            print(f"ping {hit}: answered by the other kernel")
            check_echo(namespaces, socket.AF_INET6, hit, "::")
            name = name_of(a, hit)
            ping(namespaces, "a", name)
            check_echo(namespaces, socket.AF_INET, name, "::")
            print(f"UDP and TCP to {hit} and to {name}")
            counters = a.request("counters")[1]
            assert counters["esp_out"] > 400 and counters["esp_refused"] == 0, counters
            wait_until(lambda: b.request("counters")[1]["esp_in"] >= counters["esp_out"], 5, "what was sent is there")
            check_refusal(ring)
        finally:
            ring.stop()
