# SPDX-License-Identifier: MIT
"""Hosts that cannot reach each other: network namespaces, made and removed by the test.

    a (10.N.1.2) --- core (10.N.0.1 ... ring peers) --- b (10.N.2.2)

The core does not forward, so a and b reach the ring and not each other, until `open_way` lets it.
"""
import contextlib
import ctypes
import os
import random
import subprocess

from ring import Peer, Ring, RingError, wait_until


def run(*command, check=True):
    out = subprocess.run([str(c) for c in command], text=True, capture_output=True, check=False, timeout=20)
    if check and out.returncode != 0:
        raise RingError(f"{' '.join(map(str, command))}: {out.stderr.strip()}")
    return out


def available():
    """Whether this machine lets us make namespaces."""
    name = f"peal-try-{os.getpid()}"
    if os.geteuid() != 0:
        return False
    made = run("ip", "netns", "add", name, check=False).returncode == 0
    if made:
        run("ip", "netns", "del", name, check=False)
    return made


class Namespaces:
    def __init__(self, core_hosts=3):
        self.number = random.randrange(1, 255)
        self.prefix = f"peal{os.getpid()}"
        self.names = {side: f"{self.prefix}-{side}" for side in ("core", "a", "b")}
        self.core_hosts = core_hosts

    def address(self, net, host):
        return f"10.{self.number}.{net}.{host}"

    def ip(self, side, *arguments, check=True):
        return run("ip", "-n", self.names[side], *arguments, check=check)

    def forward(self, value):
        run("ip", "netns", "exec", self.names["core"], "sh", "-c", f"echo {value} >/proc/sys/net/ipv4/ip_forward")

    def make(self):
        for side, name in self.names.items():
            run("ip", "netns", "add", name)
            self.ip(side, "link", "set", "lo", "up")
        self.forward(0)
        for host in range(1, self.core_hosts + 1):
            self.ip("core", "addr", "add", self.address(0, host) + "/32", "dev", "lo")
        for net, side in ((1, "a"), (2, "b")):
            run("ip", "link", "add", f"to-{side}", "netns", self.names["core"], "type", "veth", "peer", "name",
                "eth0", "netns", self.names[side])
            self.ip("core", "addr", "add", self.address(net, 1) + "/24", "dev", f"to-{side}")
            self.ip(side, "addr", "add", self.address(net, 2) + "/24", "dev", "eth0")
            self.ip("core", "link", "set", f"to-{side}", "up")
            self.ip(side, "link", "set", "eth0", "up")
            self.ip(side, "route", "add", self.address(0, 0) + "/24", "via", self.address(net, 1))
        # A carrier takes its time; until then a node sees no address there but loopback's.
        for side in ("a", "b"):
            wait_until(lambda: "LOWER_UP" in self.ip(side, "link", "show", "dev", "eth0").stdout and
                       "state UP" in self.ip(side, "link", "show", "dev", "eth0").stdout, 10, f"eth0 of {side} is up")
        return self

    def open_way(self):
        """From now on a and b reach each other."""
        self.forward(1)
        self.ip("a", "route", "replace", "default", "via", self.address(1, 1))
        self.ip("b", "route", "replace", "default", "via", self.address(2, 1))

    def move(self, side, host):
        """`side` gets another address of its net, and loses the one it had."""
        net = {"a": 1, "b": 2}[side]
        old = self.ip(side, "-o", "-4", "addr", "show", "dev", "eth0").stdout.split()[3]
        # The old one first: the second address of a net goes with the first.
        self.ip(side, "addr", "del", old, "dev", "eth0")
        self.ip(side, "addr", "add", self.address(net, host) + "/24", "dev", "eth0")
        self.ip(side, "route", "replace", self.address(0, 0) + "/24", "via", self.address(net, 1))
        self.ip(side, "route", "replace", "default", "via", self.address(net, 1))

    @contextlib.contextmanager
    def inside(self, side):
        """Sockets made here belong to that namespace, and stay there."""
        libc = ctypes.CDLL(None, use_errno=True)
        clone_newnet = 0x40000000
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(f"/var/run/netns/{self.names[side]}", "rb") as there:
            if libc.setns(there.fileno(), clone_newnet) != 0:
                raise RingError(f"setns: {os.strerror(ctypes.get_errno())}")
            try:
                yield
            finally:
                libc.setns(home.fileno(), clone_newnet)

    def remove(self):
        for name in self.names.values():
            run("ip", "netns", "del", name, check=False)

    def __enter__(self):
        try:
            return self.make()
        except RingError:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()


class NamespacePeer(Peer):
    """A peer that runs in one of the namespaces."""

    def __init__(self, ring, index, user, role, options, environment, side, address):
        super().__init__(ring, index, user, role, options, environment)
        self.side, self.address = side, address
        self.prefix = ["ip", "netns", "exec", ring.namespaces.names[side]]


class NamespaceRing(Ring):
    """Ring peers in the core, on 10.N.0.1 and on; one client each in a and b, which have a host of their own."""

    def __init__(self, folder, build, namespaces, **options):
        super().__init__(folder, build, **options)
        self.namespaces = namespaces

    @property
    def bootstrap_address(self):
        return f"{self.namespaces.address(0, 1)}:6084"

    def add_at(self, user, side, address, role="peer", options=None):
        self.last_index += 1
        # Each of a and b has a loopback of its own; the peers in the core, which share one, have no phones.
        sip_listen = "{}" if side == "core" else '{"127.0.0.1:5060"}'
        peer = NamespacePeer(self, self.last_index, f"{user}@{self.overlay}", role,
                             {"sip-listen": sip_listen, **(options or {})}, self.environment, side, address)
        self.enroll(user, peer.folder)
        self.peers.append(peer)
        return peer.start()
