# SPDX-License-Identifier: MIT
"""kill -9 under write load: a peer that owns its whole ring is killed at random points while many clients of its
control socket store, and started again: every acknowledged Store is found, with its value or a later one.

PEAL_CRASH_KILLS (default 40) is the number of kills, PEAL_CRASH_SEED what decides when they come."""
import json
import os
import random
import socket
import threading
import time

from ring import Ring, wait_until

KIND = "CERTIFICATE_BY_USER"
FIRST_ENTRY = 100  # far from where the peer keeps its own certificate
CLIENTS = 12  # a control socket takes 16


class Client(threading.Thread):
    """Stores rising numbers in one entry of an array until the peer is gone."""

    def __init__(self, path, target, entry, before):
        super().__init__(daemon=True)
        self.path = path
        self.target = target
        self.entry = entry
        self.sent, self.acknowledged = before
        self.stores = 0
        self.refused = []

    def store(self, connection, answers):
        self.sent += 1
        command = {"command": "store", "target": self.target, "kind": KIND, "value": f"{self.sent:08d}",
                   "entry": str(self.entry), "lifetime": 86400}
        connection.sendall(json.dumps(command).encode() + b"\n")
        while True:
            line = answers.readline()
            if not line.endswith(b"\n"):
                return False  # perhaps stored, perhaps not
            answer = json.loads(line)
            if "result" in answer:
                self.acknowledged = self.sent
                self.stores += 1
                return True
            if "error" in answer:
                self.refused.append(answer["error"])
                return True

    def run(self):
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self.path))
                with connection.makefile("rb") as answers:
                    while self.store(connection, answers):
                        pass
        except OSError:
            pass


def found(peer, target):
    """Entry -> number, of what the peer serves."""
    items, _ = peer.request("fetch", target=target, kind=KIND)
    values = {item["entry"]: item for item in items if item["exists"] and item["entry"] >= FIRST_ENTRY}
    assert all(item["verified"] for item in values.values()), values
    return {entry: int(item["value"]) for entry, item in values.items()}


def round_of(peer, target, numbers, seconds):
    """Load for so long, the kill, the restart; returns the clients."""
    clients = [Client(peer.folder / "control", target, entry, before) for entry, before in numbers.items()]
    for client in clients:
        client.start()
    time.sleep(seconds)
    peer.kill()
    for client in clients:
        client.join(10)
        assert not client.is_alive(), "a client does not notice that the peer is gone"
    peer.start()
    wait_until(lambda: peer.state() == "joined", 30, "the peer joins again", interval=0.01)
    return clients


def judge(clients, values, kill):
    lost = []
    for client in clients:
        number = values.get(client.entry, 0)
        assert number <= client.sent, f"entry {client.entry} holds {number}, never stored"
        if number < client.acknowledged:
            lost.append(f"kill {kill}: entry {client.entry} holds {number}, acknowledged {client.acknowledged}")
        client.acknowledged = max(client.acknowledged, number)  # it was seen: it must not go back either
    return lost


def test(build, folder):
    kills = int(os.environ.get("PEAL_CRASH_KILLS", "40"))
    draw = random.Random(int(os.environ.get("PEAL_CRASH_SEED", "1")))
    ring = Ring(folder, build, create_options=["--set", f"{KIND}.max-count=1000"])
    acknowledged, loaded, lost, refused, began = 0, 0.0, [], [], time.monotonic()
    try:
        ring.create(["alice"])
        peer = ring.add("alice", role="bootstrap").wait_joined()
        target = f"alice@{ring.overlay}"
        numbers = {FIRST_ENTRY + i: (0, 0) for i in range(CLIENTS)}
        for kill in range(1, kills + 1):
            seconds = draw.uniform(0.03, 0.2)
            clients = round_of(peer, target, numbers, seconds)
            lost += judge(clients, found(peer, target), kill)
            numbers = {client.entry: (client.sent, client.acknowledged) for client in clients}
            acknowledged += sum(client.stores for client in clients)
            refused += [error for client in clients for error in client.refused]
            loaded += seconds
            if kill % 100 == 0:
                print(f"{kill} kills, {acknowledged} acknowledged Stores, {len(lost)} lost", flush=True)
        assert peer.stop() == 0, "the peer did not end cleanly"
    finally:
        ring.stop()
    print(f"{kills} kills, {acknowledged} acknowledged Stores ({acknowledged / loaded:.0f}/s), {len(lost)} lost, "
          f"{len(refused)} refused, {time.monotonic() - began:.0f} s", flush=True)
    assert not lost, lost[:10]
    assert not refused, refused[:3]
    assert acknowledged > 5 * kills, "too little load to prove anything"
