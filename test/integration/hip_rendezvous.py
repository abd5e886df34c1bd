# SPDX-License-Identifier: MIT
"""Two nodes that cannot reach each other, and a ring between them: the base exchange completes through the overlay;
tshark finds every checksum right; the time of each packet is shown. When a way opens, ESP takes it."""
import re
import subprocess

from namespaces import Namespaces, NamespaceRing, available
from ring import RingError, wait_until

TYPES = {1: "I1", 2: "R1", 3: "I2", 4: "R2"}


def hip(peer):
    """(associations, result) of `pealctl hip`."""
    items, result = peer.request("hip")
    return [i for i in items if i.get("what") == "association"], result


def association(peer, hit):
    for item in hip(peer)[0]:
        if item["hit"] == hit:
            return item
    return None


def check_capture(path):
    out = subprocess.run(["tshark", "-r", str(path), "-O", "hip", "-o", "ip.check_checksum:TRUE"], text=True,
                         capture_output=True, timeout=60, check=True).stdout
    seen = [int(n) for n in re.findall(r"Packet Type: (?:\w+ \()?(\d+)", out)]
    assert {1, 2, 3, 4} <= set(seen), f"tshark saw {seen}\n{out[:2000]}"
    wrong = re.findall(r"Checksum: .*", out)
    assert wrong and all("correct" in line and "incorrect" not in line for line in wrong), wrong
    print(f"tshark -O hip: {', '.join(TYPES.get(n, str(n)) for n in seen)}; {len(wrong)} checksums, all correct")


def check_exchange(a, b, a_hit, b_hit):
    # Nothing can answer the ping yet: what it begins is the exchange.
    try:
        a.request("hip_ping", target=b_hit, seconds=20)
    except RingError as error:
        print(f"as it should be, no ESP between them: {error}")
    wait_until(lambda: (association(a, b_hit) or {}).get("state") == "ESTABLISHED", 20, "the association at a")
    wait_until(lambda: (association(b, a_hit) or {}).get("state") in ("ESTABLISHED", "R2-SENT"), 5,
               "the association at b")
    item = association(a, b_hit)
    times = {name: item[f"{name}_ms"] for name in ("i1", "r1", "i2", "r2")}
    assert all(value is not None for value in times.values()), item
    assert item["control"].startswith("overlay"), item
    print("through the overlay: " + ", ".join(f"{name.upper()} {value:.1f} ms" for name, value in times.items()))


def check_way_opens(namespaces, a, b_hit):
    """UPDATE with an address check, from the peer's locators."""
    namespaces.open_way()

    def answered():
        try:
            return a.request("hip_ping", target=b_hit)[1]
        except RingError:
            return None
    result = wait_until(answered, 60, "a ping once there is a way", interval=0.5)
    item = association(a, b_hit)
    assert item["data"].startswith("udp"), item
    print(f"with a way open: ping {result['rtt_ms']} ms over {item['data']}")


def test(build, folder):
    if not available():
        print("skipped: network namespaces need root")
        return
    with Namespaces() as namespaces:
        ring = NamespaceRing(folder, build, namespaces)
        try:
            ring.create(["operator", "user2", "user3", "alice", "bob"])
            ring.add_at("operator", "core", namespaces.address(0, 1), role="bootstrap").wait_joined()
            ring.add_at("user2", "core", namespaces.address(0, 2))
            ring.add_at("user3", "core", namespaces.address(0, 3))
            ring.wait_joined()
            capture = folder / "hip.pcap"
            a = ring.add_at("alice", "a", namespaces.address(1, 2), role="client",
                            options={"hip-capture": f'"{capture}"'})
            b = ring.add_at("bob", "b", namespaces.address(2, 2), role="client")
            a.wait_joined()
            b.wait_joined()
            a_hit, b_hit = hip(a)[1]["hit"], hip(b)[1]["hit"]
            check_exchange(a, b, a_hit, b_hit)
            check_capture(capture)
            check_way_opens(namespaces, a, b_hit)
        finally:
            ring.stop()
