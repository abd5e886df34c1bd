# SPDX-License-Identifier: MIT
"""A SIP phone made of templates, for tests that look at what is on the wire. It knows no transactions: what it is
told to send it sends once, and what comes in waits in order of arrival until it is asked for."""
import itertools
import secrets
import socket
import time

BRANCHES = itertools.count(1)


class Message:
    """One SIP message as received; `raw` are its bytes."""

    def __init__(self, raw):
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        self.start = self.lines[0]

    def all(self, name):
        start = name.lower() + ":"
        return [line[len(start):].strip() for line in self.lines[1:] if line.lower().startswith(start)]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    def uri(self, name):
        """What stands between angle brackets."""
        return self.get(name).split("<")[1].split(">")[0]


class Client:
    """`proxy` is (address, port). A TCP client listens too, for connections that the proxy makes."""

    def __init__(self, user, domain, proxy, transport="udp"):
        self.user, self.domain, self.proxy, self.transport = user, domain, proxy, transport
        self.tag = secrets.token_hex(4)
        self.cseq = 0
        self.inbox = []
        self.buffer = b""
        self.last_via = None
        self.listening = None
        if transport == "udp":
            self.socket = socket.socket(type=socket.SOCK_DGRAM)
            self.socket.bind(("127.0.0.1", 0))
            self.port = self.socket.getsockname()[1]
        else:
            self.listening = socket.create_server(("127.0.0.1", 0))
            self.port = self.listening.getsockname()[1]
            self.connect()

    def connect(self):
        self.socket = socket.create_connection(self.proxy, timeout=5)
        self.buffer = b""

    def accept(self, seconds=10):
        """Takes the connection that the proxy makes to us in place of the one there was."""
        self.listening.settimeout(seconds)
        self.socket.close()
        self.socket, _ = self.listening.accept()
        self.buffer = b""

    def close(self):
        self.socket.close()
        if self.listening:
            self.listening.close()

    @property
    def aor(self):
        return f"{self.user}@{self.domain}"

    @property
    def contact(self):
        return f"<sip:{self.user}@127.0.0.1:{self.port}{';transport=tcp' if self.transport == 'tcp' else ''}>"

    def via(self):
        self.last_via = (f"SIP/2.0/{self.transport.upper()} 127.0.0.1:{self.port}"
                         f";branch=z9hG4bKtest{next(BRANCHES)};rport")
        return self.last_via

    def send_raw(self, data):
        if self.transport == "udp":
            self.socket.sendto(data, self.proxy)
        else:
            self.socket.sendall(data)

    def send(self, lines, body=b""):
        """`lines` without Content-Length; "$V" is a new Via."""
        text = "\r\n".join(line.replace("$V", self.via()) if "$V" in line else line for line in lines)
        self.send_raw(text.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def request(self, method, to, extra=(), body=b"", uri=None, hops=70, via="$V", call_id=None):
        """Outside of a dialog. Returns its Call-ID."""
        call_id = call_id or secrets.token_hex(8)
        self.cseq += 1
        self.send([f"{method} {uri or 'sip:' + to} SIP/2.0", f"Via: {via}", f"Max-Forwards: {hops}",
                   f"From: <sip:{self.aor}>;tag={self.tag}", f"To: <sip:{to}>", f"Call-ID: {call_id}",
                   f"CSeq: {self.cseq} {method}", f"Contact: {self.contact}", *extra], body)
        return call_id

    def register(self, expires=600, aor=None, contact=None):
        self.cseq += 1
        aor = aor or self.aor
        self.send([f"REGISTER sip:{self.domain} SIP/2.0", "Via: $V", "Max-Forwards: 70",
                   f"From: <sip:{aor}>;tag={self.tag}", f"To: <sip:{aor}>", f"Call-ID: register-{self.tag}",
                   f"CSeq: {self.cseq} REGISTER", f"Contact: {contact or self.contact}",
                   f"Expires: {expires}"])

    def respond(self, request, status, body=b""):
        to = request.get("To")
        if ";tag=" not in to and status > 100:
            to += f";tag={self.tag}"
        self.send([f"SIP/2.0 {status} Phone says", *[f"Via: {v}" for v in request.all("Via")],
                   *[f"Record-Route: {r}" for r in request.all("Record-Route")],
                   f"From: {request.get('From')}", f"To: {to}", f"Call-ID: {request.get('Call-ID')}",
                   f"CSeq: {request.get('CSeq')}", f"Contact: {self.contact}"], body)

    def in_dialog(self, method, message, is_caller, body=b""):
        """`message` began the dialog: the 2xx to the caller's INVITE, or the callee's INVITE. An ACK is for the
        INVITE sent last."""
        routes = message.all("Record-Route")
        remote = message.get("To" if is_caller else "From")
        self.cseq += method != "ACK"
        self.send([f"{method} {message.uri('Contact')} SIP/2.0", "Via: $V", "Max-Forwards: 70",
                   *[f"Route: {r}" for r in (reversed(routes) if is_caller else routes)],
                   f"From: <sip:{self.aor}>;tag={self.tag}", f"To: {remote}",
                   f"Call-ID: {message.get('Call-ID')}", f"CSeq: {self.cseq} {method}",
                   f"Contact: {self.contact}"], body)

    def in_invite(self, method, invite_via, call_id, to):
        """A CANCEL, or the ACK for a failure: in the INVITE's own transaction."""
        self.send([f"{method} sip:{self.domain} SIP/2.0", f"Via: {invite_via}", "Max-Forwards: 70",
                   f"From: <sip:{self.aor}>;tag={self.tag}", f"To: {to}", f"Call-ID: {call_id}",
                   f"CSeq: {self.cseq} {method}"])

    def _read(self, seconds):
        self.socket.settimeout(max(seconds, 0.01))
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, socket.timeout):
            return
        if self.transport == "udp":
            self.inbox.append(Message(data))
            return
        if not data:
            raise ConnectionError(f"{self.aor}: the proxy closed the connection")
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head = self.buffer.index(b"\r\n\r\n") + 4
            size = head + int(Message(self.buffer[:head]).get("Content-Length") or 0)
            if len(self.buffer) < size:
                return
            self.inbox.append(Message(self.buffer[:size]))
            self.buffer = self.buffer[size:]

    def expect(self, start, seconds=15, method=None):
        """The first message that begins so (and, of responses, answers `method`), taken out of the inbox."""
        deadline = time.monotonic() + seconds
        while True:
            for i, message in enumerate(self.inbox):
                if message.start.startswith(start) and (method is None or
                                                        message.get("CSeq").split()[1] == method):
                    return self.inbox.pop(i)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.aor}: no {start!r} within {seconds} s; "
                                   f"there is {[m.start for m in self.inbox]}")
            self._read(deadline - time.monotonic())
