# SPDX-License-Identifier: MIT
"""A call between two unmodified baresip phones. With HIP the wire between the two nodes carries ESP and no RTP, and nothing
is lost; without it the phones' RTP is there for anybody to hear."""
import os
import pathlib
import subprocess
import time

from capture import start_capture, stop_capture
from phone import Phone
from ring import Ring, wait_until

ALICE_HZ, BOB_HZ = 440, 880
MEDIA_SECONDS = 3
HIP_PORT = 10500


def fields(path, display, *names):
    out = subprocess.run(["tshark", "-r", str(path), "-d", f"udp.port=={HIP_PORT},udpencap",
                          "--enable-heuristic", "rtp_udp", "-Y", display, "-T", "fields", *[x for name in names for x in ("-e", name)]], text=True,
                         capture_output=True, timeout=60, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def counters(peer):
    return peer.request("counters")[1]


def check_pitch(phones):
    def heard():
        values = [p.heard_hz() for p in phones]
        return None not in values and all(abs(v - hz) < hz * 0.1 for v, hz in zip(values, (BOB_HZ, ALICE_HZ))) and values
    print(f"alice and bob heard {wait_until(heard, 5, 'each phone hears the tone of the other')} Hz")


def check_call(peers):
    """While it is up: protected, by whom, vouched how. Returns what the nodes said."""
    hits = [peer.status()["hit"] for peer in peers]
    for peer, other in zip(peers, reversed(hits)):
        calls = [c for c in peer.request("calls")[0] if c["state"] == "established"]
        assert len(calls) == 1, calls
        media = calls[0]["media"]
        assert (media["protection"], media["hit"], media["vouched"]) == ("hip", other, "certificate"), media
        assert len(media["streams"]) == 1 and media["streams"][0]["kind"] == "audio", media
        found = [i for i in peer.request("hip")[0] if i["what"] == "association" and i["hit"] == other]
        assert len(found) == 1 and found[0]["data"].startswith("udp "), found


def check_no_loss(peers):
    """What one node sent, the other has; what it has, its phone was sent."""
    def agree():
        a, b = counters(peers[0]), counters(peers[1])
        return a["esp_out"] == b["esp_in"] and b["esp_out"] == a["esp_in"] and \
            a["media_out"] == b["media_in"] and b["media_out"] == a["media_in"] and (a, b)
    a, b = wait_until(agree, 5, "the counters of both nodes agree")
    for c in (a, b):
        assert c["media_lost"] == c["hip_lost"] == c["esp_refused"] == 0, c
        assert c["media_out"] >= MEDIA_SECONDS * 45 and c["media_in"] >= MEDIA_SECONDS * 45, c
    print(f"no loss: {a['esp_out']} ESP packets one way, {b['esp_out']} the other; of {a['media_out']} and "
          f"{b['media_out']} datagrams of the phones all arrived")


def check_wire(path, peers):
    """Between the nodes: UDP port 10500 only, in it a few HIP packets and ESP of one SPI each way, numbered in order; what
    the phones said is nowhere in it."""
    a, b = (peer.address for peer in peers)
    between = f"((ip.src=={a} && ip.dst=={b}) || (ip.src=={b} && ip.dst=={a})) && udp"
    rows = fields(path, between, "udp.srcport", "udp.dstport", "udp.payload")
    others = [row[:2] for row in rows if row[:2] != [str(HIP_PORT), str(HIP_PORT)]]
    assert not others, f"not port {HIP_PORT}: {others[:10]}"
    esp = {}
    for source, spi, number in fields(path, between + " && esp", "ip.src", "esp.spi", "esp.sequence"):
        esp.setdefault((source, spi), []).append(int(number))
    assert len(esp) == 2, f"SPIs: {[(key, len(n)) for key, n in esp.items()]}"
    for key, numbers in esp.items():
        assert numbers == list(range(1, len(numbers) + 1)), f"{key}: not in order, or not all"
        assert len(numbers) >= MEDIA_SECONDS * 45, f"{key}: {len(numbers)}"
    hip = len([row for row in rows if row[2].startswith("00000000")])
    assert hip + sum(len(n) for n in esp.values()) == len(rows), "neither HIP nor ESP"
    rtp = [row[0] for row in fields(path, f"ip.src==127.0.0.1 && ip.dst=={a} && rtp", "rtp.payload") if row[0]]
    assert len(rtp) >= MEDIA_SECONDS * 45, f"{len(rtp)} RTP packets of alice's phone to its node"
    wire = " ".join(row[2] for row in rows)
    assert not any(payload.replace(":", "")[:48] in wire for payload in rtp), "a phone's sound is on the wire"
    print(f"between the nodes: {hip} HIP packets, {' and '.join(str(len(n)) for n in esp.values())} of ESP, no RTP")


def media_ports(path, peer):
    """RTP ports that the phone of this node told it, in an offer or an answer."""
    rows = fields(path, f"sdp && ip.src==127.0.0.1 && ip.dst=={peer.address}", "sdp.media.port")
    return {port for row in rows for port in row[0].split(",")}


def check_plain_wire(path, peers):
    """RTP from phone to phone, each with the codec in the clear; no ESP."""
    alice, bob = (media_ports(path, peer) for peer in peers)
    assert alice and bob, (alice, bob)
    counts = []
    for source, target in ((alice, bob), (bob, alice)):
        rows = fields(path, "rtp && ip.src==127.0.0.1 && ip.dst==127.0.0.1 && rtp.p_type==0", "udp.srcport",
                      "udp.dstport")
        counts.append(len([r for r in rows if r[0] in source and r[1] in target]))
    assert min(counts) >= MEDIA_SECONDS * 45, f"{counts} RTP packets"
    hip = fields(path, f"udp.port=={HIP_PORT} && udp.srcport=={HIP_PORT} && "
                 f"(ip.addr=={peers[0].address} || ip.addr=={peers[1].address})", "frame.number")
    assert not hip, f"{len(hip)} datagrams of HIP or ESP"
    print(f"with --no-hip: {counts} RTP packets of G.711, readable by anybody on the way")


def run_call(build, folder, hip):
    os.makedirs(folder, exist_ok=True)
    ring = Ring(folder, build, hip=hip)
    path = pathlib.Path(folder) / "call.pcapng"
    phones, capture = [], None
    try:
        ring.create(["operator", "alice", "bob"])
        ring.add("operator", role="bootstrap").wait_joined()
        peers = [ring.add("alice"), ring.add("bob")]
        ring.wait_joined()
        ring.wait_consistent(3)
        for peer, hz in zip(peers, (ALICE_HZ, BOB_HZ)):
            phones.append(Phone(folder / f"phone{peer.index}", peer.user, peer.sip, hz))
            phones[-1].start()
        for phone in phones:
            phone.wait_registered()
        # All UDP on loopback: RTP between phones does not pass the nodes when there is no HIP.
        capture = start_capture(path, "udp")
        phones[0].dial(phones[1].aor)
        phones[0].wait("CALL_ESTABLISHED", 10)
        time.sleep(MEDIA_SECONDS)  # the media itself takes this long
        if hip:
            check_call(peers)
        phones[0].hang_up()
        phones[1].wait("CALL_CLOSED", 10)
        check_pitch(phones)
        if hip:
            check_no_loss(peers)
        stop_capture(ring, capture, path, HIP_PORT)
        capture = None
        if hip:
            check_wire(path, peers)
        else:
            check_plain_wire(path, peers)
    finally:
        if capture is not None:
            capture.kill()
            capture.wait()
        for phone in phones:
            phone.stop()
        ring.stop()


def test(build, folder):
    run_call(build, folder / "hip", True)
    run_call(build, folder / "plain", False)
