# SPDX-License-Identifier: MIT
"""Keys first seen: kept over a restart, shown, and a changed one taken or forgotten only when the operator says so."""
import stat

from ring import Ring, wait_until

OLD, NEW = "2001:22:1:2:3:4:5:6", "2001:22:1:2:3:4:5:7"
USER, OTHER = "carol@elsewhere.example", "dave@elsewhere.example"


def uses(peer):
    """User to (HIT, changed HIT)."""
    _, lines = peer.ctl("identity", "known")
    return {i["item"]["user"]: (i["item"]["hit"], i["item"]["changed"]) for i in lines
            if i.get("item", {}).get("what") == "first-use"}


def restart(ring, peer):
    assert peer.stop() == 0
    peer.start().wait_joined()


def check_wrong_file(peer):
    """A line that cannot be read would let a changed key pass as a first one."""
    peer.stop()
    path = peer.folder / "known-identities"
    good = path.read_text()
    path.write_text(good + "nonsense\n")
    (peer.folder / "output").write_text("")
    peer.start()
    wait_until(lambda: peer.process.poll() is not None, 10, "the node ends")
    output = (peer.folder / "output").read_text()
    assert peer.process.returncode == 1 and f"known-identities:{good.count(chr(10)) + 1}: " in output, output
    path.write_text(good)


def test(build, folder):
    ring = Ring(folder, build)
    try:
        ring.create(["operator", "alice"])
        ring.add("operator", role="bootstrap").wait_joined()
        peer = ring.add("alice").wait_joined()
        assert uses(peer) == {}
        peer.stop()
        path = peer.folder / "known-identities"
        path.write_text(f"1700000000000 {OLD} {NEW} {USER}\n1700000000001 {OLD} - {OTHER}\n")
        path.chmod(0o600)
        peer.start().wait_joined()
        assert {user: changed is not None for user, (_, changed) in uses(peer).items()} == {USER: True, OTHER: False}
        before = uses(peer)
        peer.ctl("identity", "trust", USER)
        assert uses(peer)[USER] == (before[USER][1], None), uses(peer)
        code, lines = peer.ctl("identity", "trust", USER, check=False)
        assert code == 1 and lines[-1]["error"]["name"] == "NOT_FOUND", lines
        peer.ctl("identity", "forget", OTHER)
        assert set(uses(peer)) == {USER}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and OTHER not in path.read_text()
        restart(ring, peer)
        assert uses(peer)[USER] == (before[USER][1], None)
        check_wrong_file(peer)
    finally:
        ring.stop()
