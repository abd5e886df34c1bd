# SPDX-License-Identifier: MIT
"""A HIP host that knows nothing of rendezvous or relays and can only send to an address: an edge in transparent mode
stands there for everybody else. It and a host that cannot be reached from its network make an association through the
ring, both ways, with what they send left as it is."""
import random

import hip_cryptography as crypto
import hip_packets as hip
from hip_daemon import RENDEZVOUS, Daemon
from hip_foreign import check, hit_of_peer, registrations, show_hip_logs
from namespaces import NamespaceRing, Namespaces, available
from ring import RingError, wait_until


def control(here, there):
    """UPDATE with its answer, and CLOSE, along the way of the base exchange."""
    mark = len(here.events)
    here.update(there.hit)
    here.wait_for("acknowledged", since=mark)
    here.close(there.hit)
    here.wait_for("closed", since=mark)
    there.wait_for("closed", peer=hip.hit_text(here.hit))


def same_bytes(here, there, names):
    """What one sent is what the other got, byte for byte, but for what a rendezvous server appends to an I1."""
    for name in names:
        got = [e for e in there.events if e["event"] == "received" and e["packet"] == name]
        check(got and not {hip.FROM, hip.RELAY_FROM, hip.RELAY_TO} & set(got[-1]["types"]), f"{name}: {got}")
        sent = [e for e in here.events if e["event"] == "sent" and e["packet"] == name]
        check(sent[-1]["types"] == got[-1]["types"] and sent[-1]["length"] == got[-1]["length"],
              f"{name} was changed: {sent[-1]} {got[-1]}")


def quiet_host(quiet, served, edge, locator):
    """It never spoke, and is served because the settings of its edge say so."""
    served.connect(quiet.hit, edge.address)
    served.wait_for("established", peer=hip.hit_text(quiet.hit))
    i1 = quiet.wait_for("received", packet="I1")
    check(i1["source"] == locator, f"{locator} stands for who began: {i1['source']}")
    quiet.wait_for("established", peer=hip.hit_text(served.hit))
    control(served, quiet)
    print("a host that only answers was reached through the ring")


def both_ways(plain, served, synthetic, edge):
    plain.connect(served.hit, synthetic)
    plain.wait_for("established")
    served.wait_for("established", peer=hip.hit_text(plain.hit))
    r1 = plain.wait_for("received", packet="R1")
    check(r1["source"] == synthetic, f"the answer comes from where the I1 went: {r1['source']}")
    same_bytes(served, plain, ["R2"])
    same_bytes(plain, served, ["I2"])
    control(plain, served)
    print(f"a plain host of suite {plain.key.suite} reached one of suite {served.key.suite} through the ring")
    marks = len(plain.events), len(served.events)
    # It said more than I1, so for a while the ring knows where it is.
    served.connect(plain.hit, edge.address)
    served.wait_for("established", since=marks[1])
    i1 = plain.wait_for("received", since=marks[0], packet="I1")
    check(i1["types"] == [hip.DH_GROUP_LIST], f"an I1 as it was sent: {i1['types']}")
    check(i1["source"].startswith(synthetic.rsplit(".", 2)[0]), f"from a synthetic locator: {i1['source']}")
    control(served, plain)
    print("and was reached through it")


def test(build, folder):
    if not available():
        print("skipped: network namespaces need root")
        return
    with Namespaces() as namespaces:
        ring = NamespaceRing(folder, build, namespaces)
        # The whole range of 65,536: which address stands for a HIT is drawn from all of it.
        synthetic = f"172.{16 + namespaces.number % 16}.{{}}.{{}}"
        namespaces.ip("a", "route", "add", "local", synthetic.format(0, 0) + "/16", "dev", "lo")
        try:
            ring.create(["operator", "user2", "alice"])
            edge = ring.add_at("operator", "core", namespaces.address(0, 1), role="bootstrap",
                               options={"hip-edge": "true"})
            edge.wait_joined()
            ring.add_at("user2", "core", namespaces.address(0, 2)).wait_joined()
            quiet_key = crypto.HostKey.generate(2)
            alice = ring.add_at("alice", "a", namespaces.address(1, 2), role="client", options={
                "hip-edge": "true", "hip-listen": '{"0.0.0.0:10500"}',
                "hip-transparent": f'"{synthetic.format(0, 0)}:10500"',
                "hip-serve": f'{{"{hip.hit_text(quiet_key.hit)} {namespaces.address(1, 2)}:10502"}}'}).wait_joined()
            for suites in ((2, 1), (1, 2)):
                key, other = (crypto.HostKey.generate(suite) for suite in suites)
                with namespaces.inside("a"):
                    plain = Daemon(key, namespaces.address(1, 2), port=10501)
                with namespaces.inside("b"):
                    served = Daemon(other, namespaces.address(2, 2))
                with plain, served:
                    served.connect(hit_of_peer(edge), edge.address, register=[RENDEZVOUS])
                    served.wait_for("registered")
                    wait_until(lambda hit=other.hit: registrations(edge, hit), 5, "the edge shows the registration")
                    both_ways(plain, served, synthetic.format(128, random.randrange(1, 255)), edge)
                    if suites == (2, 1):
                        locator = alice.request("hip_locator", target=hip.hit_text(other.hit))[1]["locator"]
                        check(locator == alice.ctl("hip", "locator", hip.hit_text(other.hit))[1][-1]["result"]["locator"]
                              and locator.endswith(":10500"), f"the same each time: {locator}")
                        with namespaces.inside("a"):
                            quiet = Daemon(quiet_key, namespaces.address(1, 2), port=10502)
                        with quiet:
                            quiet_host(quiet, served, edge, locator.split(":")[0])
        except (RingError, AssertionError, TimeoutError):
            show_hip_logs(ring)
            raise
        finally:
            ring.stop()
