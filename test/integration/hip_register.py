# SPDX-License-Identifier: MIT
"""A node that registers itself at another one as at a rendezvous server: its record tells callers of the server, and a
caller that cannot use its locators reaches it through there. Control connections that close while a command waits do
no harm."""
import json
import socket

from hip_foreign import check, show_hip_logs
from phone import Phone
from ring import Ring, RingError, wait_until


def items(peer, what):
    return [item for item in peer.request("hip")[0] if item.get("what") == what]


def check_registered(node, edge, service):
    server = wait_until(lambda: [i for i in items(node, "server") if i["state"] == "registered"], 15,
                        "the node is registered")[0]
    check(server["hit"] == edge.status()["hit"] and server["service"] == service and
          server["address"] == f"{edge.address}:10500" and 0 < server["remaining_s"] <= 600, server)
    client = [i for i in items(edge, "registration") if i["hit"] == node.status()["hit"]]
    check(len(client) == 1 and client[0]["service"] == service, client)
    print(f"registered for {service}: {server['remaining_s']} s left; the server says {client[0]['path']}")


def check_race(caller, callee, edge):
    """By the locator nothing came; the server passed the I1 on, and the R1 is timed at its channel."""
    found = [i for i in items(caller, "association") if i["hit"] == callee.status()["hit"]]
    check(len(found) == 1 and found[0]["state"] == "ESTABLISHED", found)
    race = {channel["path"]: channel for channel in found[0]["race"]}
    rendezvous = race[f"udp {edge.address}:10500"]
    check(rendezvous["r1_ms"] is not None and rendezvous["won"], race)
    bogus = race[f"udp {callee.ring.address(240)}:10500"]
    check(bogus["sent_ms"] == 0 and bogus["r1_ms"] is None, race)
    print(f"a call by the rendezvous server: I1 at {rendezvous['sent_ms']:.1f} ms, R1 at {rendezvous['r1_ms']:.1f} ms; "
          f"control {found[0]['control']}, data {found[0]['data']}")


def call(folder, caller, callee, edge):
    phones = []
    try:
        # With an answer its node would begin as well, by the ring, which is faster here.
        for peer, hz in ((caller, 440), (callee, 880)):
            phones.append(Phone(folder / f"phone{peer.index}", peer.user, peer.sip, hz, answer=peer is caller).start())
        for phone in phones:
            phone.wait_registered()
        record = wait_until(lambda: caller.request("fetch", target=callee.user, kind="SIP-REGISTRATION")[0], 10,
                            "the callee's record")
        check("peal.rendezvous" in json.dumps(record), record)
        phones[0].dial(phones[1].aor)
        phones[1].wait("CALL_INCOMING", 10)
        hit = callee.status()["hit"]
        wait_until(lambda: [i for i in items(caller, "association") if i["hit"] == hit and i["state"] == "ESTABLISHED"],
                   10, "the association of the call")
        check_race(caller, callee, edge)
    finally:
        for phone in phones:
            phone.stop()


def hang_up_on(peer, hit):
    """Connections that go away while their ping waits for a host that does not answer."""
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(peer.folder / "control"))
            s.sendall(json.dumps({"command": "hip_ping", "target": hit}).encode() + b"\n")
    check(peer.status() is not None, "the node still answers")


def check_hang_ups(caller, callee):
    """The pings end with nobody to tell; and the node ends while some wait."""
    hit = callee.status()["hit"]
    callee.kill()
    hang_up_on(caller, hit)
    try:
        caller.request("hip_ping", target=hit, seconds=60)
        raise AssertionError("a host that is gone answered")
    except RingError as error:
        print(f"as it should be: {error}")
    hang_up_on(caller, hit)
    hang_up_on(caller, "2001:22::1")
    caller.stop()
    check(caller.process.returncode == 0, f"the node ended with {caller.process.returncode}")


def test(build, folder):
    ring = Ring(folder, build)
    try:
        ring.create(["operator", "user2", "alice", "bob"])
        ring.add("operator", role="bootstrap").wait_joined()
        edge = ring.add("user2", options={"hip-edge": "true"}).wait_joined()
        server = f"{edge.status()['hit']} {edge.address}"
        callee = ring.add("alice", options={"hip-register": f'{{"{server}"}}',
                                            "hip-advertise": f'{{"{ring.address(240)}:10500"}}'})
        caller = ring.add("bob", role="client", options={"hip-register": f'{{"{server} relay"}}'})
        ring.wait_joined()
        check_registered(callee, edge, "rendezvous")
        check_registered(caller, edge, "relay")
        call(folder, caller, callee, edge)
        check_hang_ups(caller, callee)
    except (RingError, AssertionError, TimeoutError):
        show_hip_logs(ring)
        raise
    finally:
        ring.stop()
