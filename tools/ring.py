# SPDX-License-Identifier: MIT
"""An overlay of real processes on loopback: one peal-enroll and any number of peald.

Each peer is a host of its own: 127.X.Y.N with X and Y drawn for this run, N counted from 1, and the default ports.
Used by tools/quickstart and the integration tests.
"""
import json
import os
import pathlib
import random
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

OVERLAY = "peal.example"
PASSWORD = "correct horse battery staple"


class RingError(Exception):
    """A step that did not hold; its text says which and what to look at."""


def wait_until(condition, seconds, what, interval=0.02):
    """Polls until `condition()` is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise RingError(f"{what}: not within {seconds} s")
        time.sleep(interval)


def free_subnet():
    """X, Y such that nothing listens on 127.X.Y.1."""
    for _ in range(100):
        subnet = (random.randrange(1, 255), random.randrange(0, 255))
        try:
            with socket.socket() as s:
                s.bind((f"127.{subnet[0]}.{subnet[1]}.1", 6084))
            return subnet
        except OSError:
            continue
    raise RingError("no free loopback subnet")


class Peer:
    """One peald. `index` is the last byte of its address."""

    def __init__(self, ring, index, user, role, options, environment):
        self.ring = ring
        self.index = index
        self.user = user
        self.role = role
        self.options = options
        self.environment = environment
        self.address = ring.address(index)
        self.folder = ring.folder / f"peer{index}"
        self.sip = f"{self.address}:5060"
        self.process = None
        self.program = ring.program("node/peald")
        self.prefix = []  # of the command line, to run it elsewhere

    def configure(self):
        settings = {
            "overlay": f'"{self.ring.overlay}"',
            "state-folder": f'"{self.folder}"',
            "listen": f'{{"{self.address}:6084"}}',
            "app-listen": f'"{self.address}:6085"',
            "sip-listen": f'{{"{self.address}:5060"}}',
            "hip-listen": f'{{"{self.address}:10500"}}',
            "log-file": f'"{self.folder}/log"',
            "link-protocols": f'{{{", ".join(json.dumps(p) for p in self.ring.links)}}}',
            **self.options,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        (self.folder / "peald.conf").write_text("\n".join(lines) + "\n")

    def start(self):
        self.configure()
        command = self.prefix + [str(self.program), "-c", str(self.folder / "peald.conf")]
        if self.role == "bootstrap":
            command.append("--bootstrap")
        if self.role == "client":
            command.append("--client")
        command += self.ring.peald_options
        output = open(self.folder / "output", "ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                        env={**os.environ, **self.environment}, start_new_session=True)
        output.close()
        return self

    def ctl(self, *arguments, check=True, seconds=30):
        """One pealctl command; returns (exit code, list of JSON objects)."""
        command = [str(self.ring.program("tools/pealctl")), "--folder", str(self.folder), "--json", *arguments]
        out = subprocess.run(command, text=True, capture_output=True, timeout=seconds, check=False)
        try:
            lines = [json.loads(line) for line in out.stdout.splitlines() if line.strip()]
        except json.JSONDecodeError as error:
            raise RingError(f"{' '.join(arguments)}: not JSON: {out.stdout[:200]!r}") from error
        if check and out.returncode != 0:
            raise RingError(f"pealctl {' '.join(arguments)} on peer {self.index}: {out.stdout}{out.stderr}")
        return out.returncode, lines

    def request(self, command, seconds=30, **arguments):
        """One command straight on the control socket; returns (items, result). An error answer raises."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(seconds)
            s.connect(str(self.folder / "control"))
            s.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            items = []
            with s.makefile("r", encoding="utf-8") as answers:
                for line in answers:
                    answer = json.loads(line)
                    if "item" in answer:
                        items.append(answer["item"])
                    if "result" in answer:
                        return items, answer["result"]
                    if "error" in answer:
                        raise RingError(f"{command} on peer {self.index}: {answer['error']}")
        raise RingError(f"{command} on peer {self.index}: the control connection ended")

    def status(self):
        """The status object, or None while the control socket does not answer."""
        try:
            return self.request("status", seconds=5)[1]
        except (OSError, RingError, ValueError):
            return None

    def state(self):
        status = self.status()
        return status["state"] if status else None

    def wait_joined(self, seconds=30):
        def joined():
            if self.process.poll() is not None:
                raise RingError(f"peer {self.index} ended with {self.process.returncode}; "
                                f"see {self.folder}/output and {self.folder}/log")
            return self.state() == "joined"
        wait_until(joined, seconds, f"peer {self.index} joins (see {self.folder}/log)")
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=15):
        """SIGTERM and wait; returns the exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


class Ring:
    """`links` is the order of link protocols peers offer: ("tls",), ("dtls",) or both. Without `hip` peers speak no HIP;
    one peer alone does not with the option {"hip": "false"}."""

    def __init__(self, folder, build, overlay=OVERLAY, links=("tls",), keylog=None, create_options=(), hip=True):
        self.folder = pathlib.Path(folder).resolve()
        self.build = pathlib.Path(build).resolve()
        self.overlay = overlay
        self.links = links
        self.subnet = free_subnet()
        self.peers = []
        self.last_index = 0
        self.enroll_process = None
        self.hip = hip
        self.peald_options = ["--insecure-keylog"] if keylog else []
        if not hip:
            self.peald_options.append("--no-hip")
        self.environment = {"SSLKEYLOGFILE": str(keylog)} if keylog else {}
        self.create_options = list(create_options)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.password_file = self.folder / "password"

    def address(self, index):
        return f"127.{self.subnet[0]}.{self.subnet[1]}.{index}"

    def program(self, name):
        path = self.build / name
        if not path.exists():
            raise RingError(f"{path} has not been built")
        return path

    def run(self, *command, seconds=30, check=True):
        out = subprocess.run([str(c) for c in command], text=True, capture_output=True, timeout=seconds,
                             check=False)
        if check and out.returncode != 0:
            raise RingError(f"{' '.join(map(str, command))}: {out.stderr or out.stdout}")
        return out

    @property
    def url(self):
        return f"https://{self.address(250)}:8443"

    @property
    def bootstrap_address(self):
        return f"{self.address(1)}:6084"

    @property
    def ca(self):
        return self.folder / "enroll" / "tls-certificate.pem"

    def create(self, users, node_ids=8):
        """Creates the overlay, its users (without domain), and starts the enrollment server."""
        self.password_file.write_text(PASSWORD + "\n")
        self.password_file.chmod(0o600)
        enroll = self.program("tools/peal-enroll")
        folder = self.folder / "enroll"
        self.run(enroll, "create", "--overlay", self.overlay, "--folder", folder, "--url", self.url,
                 "--bootstrap", self.bootstrap_address, *self.create_options)
        for user in users:
            self.run(enroll, "user", "add", f"{user}@{self.overlay}", "--folder", folder,
                     "--password-file", self.password_file, "--node-ids", str(node_ids))
        output = open(self.folder / "enroll.log", "ab")
        self.enroll_process = subprocess.Popen(
            [str(enroll), "serve", "--folder", str(folder), "--listen", f"{self.address(250)}:8443"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        output.close()
        context = ssl.create_default_context(cafile=str(self.ca))

        def serving():
            if self.enroll_process.poll() is not None:
                raise RingError(f"peal-enroll ended; see {self.folder}/enroll.log")
            try:
                with urllib.request.urlopen(f"{self.url}/.well-known/reload-config", context=context,
                                            timeout=2) as answer:
                    return answer.status == 200
            except OSError:
                return False
        wait_until(serving, 10, "the enrollment server answers")
        return self

    def enroll(self, user, folder):
        return self.run(self.program("tools/pealctl"), "identity", "enroll", "--folder", folder,
                        "--url", self.url, "--ca", self.ca, "--overlay", self.overlay,
                        "--user", f"{user}@{self.overlay}", "--password-file", self.password_file)

    def add(self, user, role="peer", index=None, options=None):
        """Enrols and starts one more peer; does not wait for it to join."""
        self.last_index = index = index or self.last_index + 1
        peer = Peer(self, index, f"{user}@{self.overlay}", role, options or {}, self.environment)
        if not (peer.folder / "certificate.pem").exists():
            self.enroll(user, peer.folder)
        self.peers.append(peer)
        return peer.start()

    def wait_joined(self, seconds=60):
        for peer in self.peers:
            if peer.process.poll() is None:
                peer.wait_joined(seconds)

    def wait_consistent(self, count, seconds=30):
        """Until `pealctl ring` from the first living peer shows `count` peers and nothing wrong."""
        living = [p for p in self.peers if p.process.poll() is None]

        def consistent():
            try:
                items, result = living[0].request("ring")
            except (OSError, RingError):
                return False
            return len(items) == count and result.get("consistent") and items
        return wait_until(consistent, seconds, f"a consistent ring of {count}", interval=0.1)

    def stop(self):
        for peer in reversed(self.peers):
            if peer.process is not None and peer.process.poll() is None:
                peer.process.send_signal(signal.SIGTERM)
        for peer in self.peers:
            peer.stop()
        if self.enroll_process is not None and self.enroll_process.poll() is None:
            self.enroll_process.send_signal(signal.SIGTERM)
            try:
                self.enroll_process.wait(5)
            except subprocess.TimeoutExpired:
                self.enroll_process.kill()
                self.enroll_process.wait()
