# SPDX-License-Identifier: MIT
"""Enrollment: peal-enroll serve on loopback, asked by curl and by pealctl identity. One line per check."""
import json
import os
import signal
import socket
import subprocess
import time

from ring import RingError, wait_until

OVERLAY = "enroll.example"
PASSWORD = "open sesame"
ALICE = f"alice@{OVERLAY}"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Enrollment:
    """One peal-enroll and the calls to it."""

    def __init__(self, build, folder):
        self.folder = folder
        self.peal_enroll = build / "tools" / "peal-enroll"
        self.pealctl = build / "tools" / "pealctl"
        self.server = folder / "enroll"
        self.ca = self.server / "tls-certificate.pem"
        self.url = f"https://127.0.0.1:{free_port()}"
        self.process = None
        self.held = 0
        (folder / "password").write_text(PASSWORD + "\n")
        (folder / "wrong").write_text("open barley\n")

    def check(self, what, held, seen=""):
        if not held:
            raise RingError(f"{what}: does not hold {seen}")
        self.held += 1
        print(f"  {what}")

    def run(self, *command, code=0, **options):
        out = subprocess.run([str(c) for c in command], text=True, capture_output=True, timeout=30,
                             stdin=subprocess.DEVNULL, check=False, **options)
        if code is not None and out.returncode != code:
            raise RingError(f"{' '.join(map(str, command))} ended with {out.returncode}: {out.stdout}{out.stderr}")
        return out

    def admin(self, *command, code=0):
        return self.run(self.peal_enroll, *command, "--folder", self.server, code=code)

    def serve(self):
        log = open(self.folder / "enroll.log", "ab")
        self.process = subprocess.Popen(
            [self.peal_enroll, "serve", "--folder", self.server, "--listen", self.url.removeprefix("https://")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()

        def answers():
            if self.process.poll() is not None:
                raise RingError(f"peal-enroll ended: {self.log()}")
            return self.get("/.well-known/reload-config")[0] == 200
        wait_until(answers, 15, "the enrollment server answers")

    def log(self):
        return (self.folder / "enroll.log").read_text(errors="replace")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(15)
        return self.process.returncode if self.process else None

    def curl(self, path, *options):
        """(status, content type, body as bytes)"""
        body = self.folder / "body"
        body.unlink(missing_ok=True)
        out = subprocess.run(["curl", "-s", "--cacert", str(self.ca), "-o", str(body), "-w",
                              "%{http_code} %{content_type}", *options, self.url + path],
                             text=True, capture_output=True, timeout=30, check=False)
        status, _, kind = out.stdout.partition(" ")
        return int(status or 0), kind, body.read_bytes() if body.exists() else b""

    def get(self, path):
        return self.curl(path)

    def post(self, csr, user=ALICE, password=PASSWORD, kind="application/pkcs10",
             accept="application/pkix-cert", **more):
        form = ["-H", f"Accept: {accept}"]
        for name, value in {"username": user, "password": password, **more}.items():
            form += ["-F", f"{name}={value}"]
        if csr is not None:
            form += ["-F", f"csr=@{csr}" + (f";type={kind}" if kind else "")]
        return self.curl("/enroll", *form)

    def csr(self, name):
        key, csr = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        self.run("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key)
        self.run("openssl", "req", "-new", "-key", key, "-subj", "/", "-outform", "DER", "-out", csr)
        return csr

    def uris(self, der):
        """The names in a certificate."""
        (self.folder / "certificate.der").write_bytes(der)
        text = self.run("openssl", "x509", "-inform", "DER", "-in", self.folder / "certificate.der", "-noout",
                        "-ext", "subjectAltName", "-subject").stdout
        return sorted(part.strip() for part in text.replace("\n", ",").split(",") if "URI:" in part), text

    def identity(self, *arguments, name="node", password="password", code=0):
        return self.run(self.pealctl, "identity", *arguments, "--folder", self.folder / name, *(
            ["--url", self.url, "--ca", self.ca, "--user", ALICE, "--password-file", self.folder / password]
            if arguments[0] == "enroll" else []), code=code)


def overlay(e):
    out = e.run(e.peal_enroll, "create", "--overlay", OVERLAY, "--folder", e.server, "--url", e.url,
                "--bootstrap", "127.0.0.1:6084", "--slots", "2")
    e.check("create makes an overlay and says what to do next", "Next:" in out.stdout)
    modes = {p.relative_to(e.server).as_posix(): p.stat().st_mode & 0o777 for p in e.server.rglob("*")}
    e.check("everything it made is its owner's alone",
            all(mode == (0o700 if name in ("authority", "signer") else 0o600) for name, mode in modes.items()), modes)
    e.check("create does not overwrite", "nothing is overwritten" in e.run(
        e.peal_enroll, "create", "--overlay", OVERLAY, "--folder", e.server, code=1).stderr)
    e.admin("user", "add", "alice", "--password-file", e.folder / "password", "--node-ids", "3")
    e.check("a user is added once", "exists already" in e.admin(
        "user", "add", "alice", "--password-file", e.folder / "password", code=1).stderr)
    e.check("serve --check finds everything in order", "in order" in e.admin("serve", "--check").stdout)
    os.chmod(e.server, 0o755)
    e.check("a folder that others can read is refused", e.admin("serve", "--check", code=1).stderr != "")
    os.chmod(e.server, 0o700)


def document(e):
    status, kind, body = e.get("/.well-known/reload-config")
    e.check("GET gives the configuration document", status == 200 and kind == "application/p2p-overlay+xml" and
            b'sequence="1"' in body and b"</signature>" in body)
    e.check("an unknown path is 404", e.get("/frob")[0] == 404)
    e.check("GET of the enrollment URL is 405", e.get("/enroll")[0] == 405)
    e.check("POST to the document is 405", e.curl("/.well-known/reload-config", "-d", "x")[0] == 405)
    plain = subprocess.run(["curl", "-s", "--cacert", "/dev/null", e.url], capture_output=True, check=False)
    e.check("the server's certificate is not trusted without --cacert", plain.returncode != 0)


def enrollment(e):
    csr = e.csr("alice")
    status, kind, body = e.post(csr)
    first, text = e.uris(body)
    e.check("a certificate comes as application/pkix-cert", status == 200 and kind == "application/pkix-cert")
    e.check("it names the user once, one Node-ID, and has no subject",
            f"email:{ALICE}" in text and len(first) == 1 and first[0].startswith("URI:reload://0110") and
            first[0].endswith(f"@{OVERLAY}/") and "subject=\n" in text + "\n", text)
    e.check("the same key gets the same Node-ID", e.uris(e.post(csr)[2])[0] == first)
    both = e.uris(e.post(csr, nodeids=2)[2])[0]
    e.check("nodeids=2 adds one", len(both) == 2 and first[0] in both, both)
    e.check("the next certificate holds both", e.uris(e.post(csr)[2])[0] == both)
    other = e.csr("other")
    second = e.uris(e.post(other)[2])[0]
    e.check("another key is another device with another Node-ID", len(second) == 1 and second[0] not in both)
    e.check("a third device passes the quota",
            e.post(e.csr("third"))[::2] == (403, b"Node-IDs_not_available"))
    e.check("a new key takes over a device and its Node-ID",
            e.uris(e.post(e.csr("fourth"), device=2)[2])[0] == second)
    return csr


def refusals(e, csr):
    e.check("a wrong password is failed_authentication",
            e.post(csr, password="wrong") == (403, "text/plain", b"failed_authentication"))
    e.check("so is an unknown user",
            e.post(csr, user=f"nobody@{OVERLAY}") == (403, "text/plain", b"failed_authentication"))
    junk = e.folder / "junk"
    junk.write_bytes(b"\x30\x82\x01\x00junk")
    e.check("what is no PKCS#10 is bad_CSR", e.post(junk)[::2] == (403, b"bad_CSR"))
    damaged = e.folder / "damaged"
    damaged.write_bytes(csr.read_bytes()[:-1] + bytes([csr.read_bytes()[-1] ^ 1]))
    e.check("a request with a wrong signature is bad_CSR", e.post(damaged)[::2] == (403, b"bad_CSR"))
    named = e.folder / "named.csr"
    e.run("openssl", "req", "-new", "-key", e.folder / "alice.key", "-subj", "/", "-outform", "DER", "-out", named,
          "-addext", f"subjectAltName=email:bob@{OVERLAY}")
    e.check("a request for another user name is username_not_available",
            e.post(named)[::2] == (403, b"username_not_available"))
    e.check("a form without csr is 400", e.post(None)[0] == 400)
    e.check("nodeids that is no number is 400", e.post(csr, nodeids="two")[0] == 400)
    e.check("a csr of another type is 415", e.post(csr, kind="text/plain")[0] == 415)
    e.check("a urlencoded form is 415",
            e.curl("/enroll", "-H", "Accept: application/pkix-cert", "-d", "username=x")[0] == 415)
    e.check("an Accept without application/pkix-cert is 406", e.post(csr, accept="text/html")[0] == 406)
    big = e.folder / "big"
    big.write_bytes(bytes(60000))
    e.check("a body that is too long is 413", e.post(big)[0] == 413)
    for _ in range(6):
        status, _, body = e.post(csr, user=f"mallory@{OVERLAY}", password="guess")
    start = time.monotonic()
    status, _, body = e.post(csr, user=f"mallory@{OVERLAY}", password="guess")
    e.check("many failures are refused without hashing, by the same token",
            (status, body) == (403, b"failed_authentication") and "throttled for" in e.log() and
            time.monotonic() - start < 5)
    e.check("another user is not held up by it", e.post(csr)[0] == 200)


def pealctl(e):
    e.check("pealctl does not trust a server it does not know", "--ca" in e.run(
        e.pealctl, "identity", "enroll", "--folder", e.folder / "node", "--url", e.url, "--user", ALICE,
        "--password-file", e.folder / "password", code=1).stderr)
    e.admin("user", "forget", "alice", "--device", "2")
    e.check("pealctl tells of a wrong password",
            "password is wrong" in e.identity("enroll", password="wrong", code=1).stderr)
    shown = json.loads(e.identity("enroll", "--json").stdout)["result"]
    e.check("pealctl enrolls", shown["user"] == ALICE and shown["valid"] and len(shown["node_ids"]) == 1, shown)
    files = {p.name: p.stat().st_mode & 0o777 for p in (e.folder / "node").iterdir()}
    e.check("its folder holds key, certificate and document, private",
            files == {"key.pem": 0o600, "certificate.pem": 0o600, "overlay.xml": 0o600}, files)
    again = json.loads(e.identity("enroll", "--json").stdout)["result"]
    e.check("again: a new certificate, the same Node-ID",
            again["node_ids"] == shown["node_ids"] and again["fingerprint"] != shown["fingerprint"])
    e.check("identity show agrees", json.loads(e.identity("show", "--json").stdout)["result"] == again)
    e.check("another folder passes the quota, and is told what to do",
            "--device" in e.identity("enroll", name="node2", code=1).stderr)
    file = e.folder / "identity.p12"
    e.run(e.pealctl, "--folder", e.folder / "node", "identity", "export", file, "--password-file",
          e.folder / "password")
    e.check("an import with a wrong passphrase is refused", e.run(
        e.pealctl, "--folder", e.folder / "copy", "identity", "import", file, "--password-file",
        e.folder / "wrong", code=1).stderr != "")
    out = e.run(e.pealctl, "--json", "--folder", e.folder / "copy", "identity", "import", file, "--password-file",
                e.folder / "password", "--document", e.folder / "node" / "overlay.xml")
    e.check("export and import keep the identity", json.loads(out.stdout)["result"] == again)
    e.check("an import does not overwrite", e.run(
        e.pealctl, "--folder", e.folder / "copy", "identity", "import", file, "--password-file",
        e.folder / "password", code=1).stderr != "")


def operator(e):
    e.admin("document", "--add-bootstrap", "192.0.2.7:6084", "--set", "max-message-size=30000")
    body = e.get("/.well-known/reload-config")[2]
    e.check("a changed document is served at once, sequence 2",
            b'sequence="2"' in body and b"192.0.2.7" in body and b">30000<" in body)
    e.identity("enroll")
    kept = (e.folder / "node" / "overlay.xml").read_bytes()
    e.check("pealctl takes the newer document, signed by the older one's signer", kept == body)
    e.check("a setting out of range is refused",
            "from" in e.admin("document", "--set", "initial-ttl=1000", code=1).stderr)
    e.check("a document that its own messages cannot carry is refused",
            "must be at least" in e.admin("document", "--set", "max-message-size=6000", code=1).stderr)
    csr = e.csr("offline")
    e.admin("user", "quota", "alice", "--node-ids", "8")
    e.admin("issue", "--user", ALICE, "--csr", csr, "--out", e.folder / "offline.der")
    e.check("issue certifies without the network",
            len(e.uris((e.folder / "offline.der").read_bytes())[0]) == 1)
    rows = [json.loads(line) for line in e.admin("user", "list", "--json").stdout.splitlines()]
    e.check("user list counts devices and Node-IDs",
            {r["user"]: (r["devices"], r["node_ids"]) for r in rows}[ALICE] == (3, 4), rows)
    out = e.admin("user", "remove", "alice")
    e.check("user remove says which certificates are still valid", "--bad-node" in out.stdout)
    e.check("a removed user is failed_authentication", e.post(csr)[::2] == (403, b"failed_authentication"))
    before = e.log()
    e.check("no password is in the log", PASSWORD not in before and "guess" not in before)
    e.check("SIGTERM ends it cleanly", e.stop() == 0 and "serve.stopped" in e.log())


def test(build, folder):
    e = Enrollment(build, folder)
    try:
        overlay(e)
        e.serve()
        document(e)
        csr = enrollment(e)
        refusals(e, csr)
        pealctl(e)
        operator(e)
    finally:
        e.stop()
    print(f"{e.held} checks held")
