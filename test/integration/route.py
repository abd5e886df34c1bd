# SPDX-License-Identifier: MIT
"""What `pealctl route` says is the way that messages take; and a client uses the overlay without being part of its
ring."""
import re

from ring import OVERLAY, Ring, wait_until
from sip_client import Client

PEERS = 12
SENT = re.compile(r" request\.sent transaction=([0-9a-f]{16}) method=fetch reason=OK")
PASS = re.compile(r" forward\.pass transaction=([0-9a-f]{16}) next=([0-9a-f]{32}) previous=([0-9a-f]{32}) ")


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def way_of_route(peer, target):
    return [hop["node_id"] for hop in peer.request("route", target=target)[0]]


def far_target(ring):
    """A peer and an AOR with as many hops between them as this ring has to offer, and the Node-IDs on the way."""
    best = ()
    for peer in ring.peers:
        for n in range(24):
            target = f"far{n}@{OVERLAY}"
            hops, result = peer.request("route", target=target)
            way = [hop["node_id"] for hop in hops]
            check(hops[0]["node_id"] == peer.status()["node_id"], "the way begins at the node asked")
            check(way[-1] == result["responsible"] and hops[-1]["responsible"], f"the way ends elsewhere: {hops}")
            if len(way) > len(best[2] if best else ()):
                best = (peer, target, way)
    check(len(best[2]) > 2, "no way in this ring passes a peer")
    return best


def way_of_fetch(ring, origin, target):
    """The Node-IDs that a Fetch really passed, from what each peer logged."""
    marks = {peer.index: len(peer.log()) for peer in ring.peers}
    origin.request("fetch", target=target, kind="SIP-REGISTRATION")

    def fresh(peer):
        return peer.log()[marks[peer.index]:]
    sent = wait_until(lambda: SENT.findall(fresh(origin)), 5, "the origin logs its Fetch")
    # What follows the first are second opinions: nothing is stored there.
    passed = {}  # by the peer before it
    for peer in ring.peers:
        mine = [m for m in PASS.findall(fresh(peer)) if m[0] == sent[0]]
        if mine:
            # The answer comes back the same way; the request was first.
            check(len(mine) == 2 and mine[0][1:] == mine[1][:0:-1], f"peer {peer.index} passed {mine}")
            passed[mine[0][2]] = (peer.status()["node_id"], mine[0][1])
    way = [origin.status()["node_id"]]
    while way[-1] in passed:
        node, following = passed.pop(way[-1])
        way.append(node)
        if node not in passed:
            way.append(following)
    check(not passed, f"peers beside the way passed it too: {passed}")
    return way


def routes(ring):
    """Fingers are still being found in a young ring: a way that changed while it was taken says nothing."""
    for _ in range(20):
        origin, target, _ = far_target(ring)
        before = way_of_route(origin, target)
        taken = way_of_fetch(ring, origin, target)
        if len(before) > 2 and way_of_route(origin, target) == before:
            check(taken == before, f"route says {before}, the Fetch took {taken}")
            print(f"{len(before) - 1} hops, as foretold")
            return
    raise AssertionError("the ways of this ring do not settle")


def client(ring):
    node = ring.add("client", role="client").wait_joined()
    status = node.status()
    check(status["role"] == "client", f"role {status['role']}")
    ring.wait_consistent(PEERS)
    own = status["node_id"]
    check(own not in [peer["node_id"] for peer in ring.peers[1].request("ring")[0]], "a client is in the ring")
    phone = Client("client", OVERLAY, (ring.address(node.index), 5060))
    other = Client("user2", OVERLAY, (ring.address(2), 5060))
    for each in (phone, other):
        each.register()
        each.expect("SIP/2.0 200", method="REGISTER")
    for reader in (ring.peers[4], node):
        items, _ = reader.request("fetch", target=node.user, kind="SIP-REGISTRATION")
        check([i["signer"] for i in items] == [own], f"the client's registration is {items}")
    for sender, receiver in ((phone, other), (other, phone)):
        sender.request("MESSAGE", receiver.aor, body=b"\x00\xff from a client")
        arrived = receiver.expect("MESSAGE")
        check(arrived.body == b"\x00\xff from a client", "a body changed on its way")
        receiver.respond(arrived, 200)
        sender.expect("SIP/2.0 200", method="MESSAGE")
    node.request("leave")
    wait_until(lambda: node.process.poll() is not None or node.state() == "left", 15, "the client leaves")
    node.stop()
    check(node.process.returncode == 0, f"the client ended with {node.process.returncode}")
    phone.close()
    other.request("MESSAGE", f"client@{OVERLAY}")
    other.expect("SIP/2.0 480", method="MESSAGE")
    other.close()
    ring.wait_consistent(PEERS)


def test(build, folder):
    ring = Ring(folder, build)
    users = [f"user{n}" for n in range(1, PEERS + 1)]
    options = {"log-level": "debug"}
    try:
        ring.create([*users, "client"])
        ring.add(users[0], role="bootstrap", options=options).wait_joined()
        for user in users[1:]:
            ring.add(user, options=options)
        ring.wait_joined()
        ring.wait_consistent(PEERS)
        routes(ring)
        client(ring)
    finally:
        ring.stop()
