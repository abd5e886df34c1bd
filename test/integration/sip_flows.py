# SPDX-License-Identifier: MIT
"""Phones on a ring of four peers, seen from the wire: what is refused and how, what passes untouched, and calls that
live on while peers die."""
import os

from ring import OVERLAY, Ring, wait_until
from sip_client import Client

ALICE, BOB, CAROL = (f"{user}@{OVERLAY}" for user in ("alice", "bob", "carol"))


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def phone(ring, index, user, transport="udp"):
    return Client(user, OVERLAY, (ring.address(index), 5060), transport)


def registered(client):
    client.register()
    client.expect("SIP/2.0 200", method="REGISTER")
    return client


def counters(peer):
    return peer.request("counters")[1]


def refusals(alice):
    """What a proxy answers by itself."""
    alice.request("MESSAGE", f"nobody@{OVERLAY}")
    alice.expect("SIP/2.0 404", method="MESSAGE")
    alice.request("MESSAGE", BOB, hops=0)
    alice.expect("SIP/2.0 483", method="MESSAGE")
    alice.request("OPTIONS", OVERLAY)
    check("INVITE" in alice.expect("SIP/2.0 200", method="OPTIONS").get("Allow"), "OPTIONS without Allow")
    alice.register(aor=BOB)
    alice.expect("SIP/2.0 403", method="REGISTER")
    alice.register(expires=5)
    brief = alice.expect("SIP/2.0 423", method="REGISTER")
    check(int(brief.get("Min-Expires")) > 5, f"Min-Expires: {brief.get('Min-Expires')}")


def removal(alice, carol):
    """A user who has phones, and then has none."""
    registered(carol)
    alice.request("MESSAGE", CAROL)
    carol.respond(carol.expect("MESSAGE"), 200)
    alice.expect("SIP/2.0 200", method="MESSAGE")
    carol.register(expires=0, contact="*")
    check(not carol.expect("SIP/2.0 200", method="REGISTER").all("Contact"), "contacts are left after *")
    alice.request("MESSAGE", CAROL)
    alice.expect("SIP/2.0 480", method="MESSAGE")


def messages(alice, bob):
    """Bodies and headers that no proxy knows pass byte for byte."""
    body = bytes(range(256)) + b"\r\n\r\nSIP/2.0 200 OK\r\n" + os.urandom(600)
    strange = ["X-Peal-Test:   two  blanks ;p=\"a,b\"", "P-Unknown: one", "P-Unknown: two", "x-lower: \t tab",
               "Content-Type: application/octet-stream"]
    for sender, receiver in ((alice, bob), (bob, alice)):
        sender.request("MESSAGE", receiver.aor, extra=strange, body=body)
        arrived = receiver.expect("MESSAGE")
        check(arrived.body == body, "a body changed on its way")
        for line in strange:
            check(line in arrived.lines, f"a header changed on its way: {line!r}")
        check(arrived.get("To") == f"<sip:{receiver.aor}>", "To changed on its way")
        receiver.respond(arrived, 202, body=body[::-1])
        check(sender.expect("SIP/2.0 202").body == body[::-1], "a response's body changed on its way")


def cancelled_call(alice, bob):
    call_id = alice.request("INVITE", BOB, body=b"v=0\r\n")
    via = alice.last_via
    invite = bob.expect("INVITE")
    bob.respond(invite, 180)
    alice.expect("SIP/2.0 180")
    alice.in_invite("CANCEL", via, call_id, f"<sip:{BOB}>")
    alice.expect("SIP/2.0 200", method="CANCEL")
    cancel = bob.expect("CANCEL")
    check(cancel.get("Via") == invite.get("Via"), "the CANCEL is not in the INVITE's transaction")
    bob.respond(cancel, 200)
    bob.respond(invite, 487)
    bob.expect("ACK")
    final = alice.expect("SIP/2.0 487", method="INVITE")
    alice.in_invite("ACK", via, call_id, final.get("To"))


def surviving_call(alice, bob, bystander):
    """The call goes on though another peer dies; its dialog is renegotiated from both sides, and ends."""
    alice.request("INVITE", BOB, body=b"v=0\r\n")
    invite = bob.expect("INVITE")
    check(len(invite.all("Record-Route")) == 4, "two proxies, two sides each")
    bob.respond(invite, 200, b"v=0\r\n")
    answer = alice.expect("SIP/2.0 200", method="INVITE")
    alice.in_dialog("ACK", answer, True)
    bob.expect("ACK")
    bystander.kill()
    alice.in_dialog("INVITE", answer, True, b"v=0 again\r\n")
    again = bob.expect("INVITE", seconds=30)
    check(again.body == b"v=0 again\r\n" and not again.all("Route"), "the re-INVITE came out otherwise")
    bob.respond(again, 200)
    alice.expect("SIP/2.0 200", method="INVITE")
    alice.in_dialog("ACK", answer, True)
    bob.expect("ACK")
    bob.in_dialog("INVITE", invite, False, b"v=0 back\r\n")
    back = alice.expect("INVITE")
    alice.respond(back, 200)
    bob.expect("SIP/2.0 200", method="INVITE")
    bob.in_dialog("ACK", invite, False)
    alice.expect("ACK")
    alice.in_dialog("BYE", answer, True)
    bob.respond(bob.expect("BYE"), 200)
    alice.expect("SIP/2.0 200", method="BYE")


def lost_connection(ring, bob):
    """A response whose TCP connection is gone comes on a new one, at the port that the Via names."""
    other = phone(ring, 1, "alice", "tcp")
    other.request("MESSAGE", BOB)
    arrived = bob.expect("MESSAGE")
    other.socket.close()
    # The proxy has read the end of the connection once it answers what came after it.
    probe = phone(ring, 1, "alice")
    probe.request("OPTIONS", OVERLAY)
    probe.expect("SIP/2.0 200")
    bob.respond(arrived, 202)
    other.accept()
    other.expect("SIP/2.0 202")
    other.close()
    probe.close()


def oversize(ring, alice):
    alice.request("MESSAGE", BOB, body=b"x" * 63600)
    alice.expect("SIP/2.0 513", method="MESSAGE")
    alice.request("MESSAGE", BOB, extra=[f"X-{i}: x" for i in range(125)])
    alice.expect("SIP/2.0 513", method="MESSAGE")
    stream = phone(ring, 1, "alice", "tcp")
    stream.send_raw((f"MESSAGE sip:{BOB} SIP/2.0\r\nVia: {stream.via()}\r\nMax-Forwards: 70\r\n"
                     f"From: <sip:{ALICE}>;tag=1\r\nTo: <sip:{BOB}>\r\nCall-ID: large\r\nCSeq: 1 MESSAGE\r\n"
                     "Content-Length: 1000000\r\n\r\n").encode() + b"x" * 1000)
    answer = stream.expect("SIP/2.0 ")
    check(answer.start.split()[1] in ("413", "513"), f"a million bytes: {answer.start}")
    try:
        stream.expect("never", seconds=5)
    except ConnectionError:
        pass  # where the next message would begin is not known
    stream.close()


def garbage(alice, peer):
    before = counters(peer)
    junk = [b"complete junk\r\n\r\n", b"INVITE", b"\xff" * 700, b"INVITE sip:a@b SIP/2.0\r\n\r\n",
            b"SIP/2.0 200 OK\r\nVia: \r\n\r\n", b"INVITE sip:a@b SIP/2.0\r\nVia:" + b"," * 5000 + b"\r\n\r\n",
            b"\x00" * 40 + b"x", b"MESSAGE sip:%00@b SIP/3.0\r\nContent-Length: -1\r\n\r\n"]
    for data in junk:
        alice.send_raw(data)
    alice.request("OPTIONS", OVERLAY)
    alice.expect("SIP/2.0 200", method="OPTIONS")
    risen = counters(peer)["sip_malformed"] - before["sip_malformed"]
    check(risen == len(junk), f"{len(junk)} malformed datagrams, {risen} counted")
    check(peer.process.poll() is None, "the node died")


def test(build, folder):
    ring = Ring(folder, build)
    try:
        ring.create(["alice", "bob", "carol", "dave"])
        ring.add("alice", role="bootstrap").wait_joined()
        for user in ("bob", "carol", "dave"):
            ring.add(user)
        ring.wait_joined()
        ring.wait_consistent(4)
        alice = registered(phone(ring, 1, "alice"))
        bob = registered(phone(ring, 2, "bob", "tcp"))
        carol = phone(ring, 3, "carol")
        refusals(alice)
        removal(alice, carol)
        messages(alice, bob)
        cancelled_call(alice, bob)
        oversize(ring, alice)
        garbage(alice, ring.peers[0])
        lost_connection(ring, bob)
        surviving_call(alice, bob, ring.peers[3])
        wait_until(lambda: [c["state"] for c in ring.peers[0].request("calls")[0]].count("ended") >= 1, 5,
                   "the call is shown as ended")
        for client in (alice, bob, carol):
            client.close()
    finally:
        ring.stop()
