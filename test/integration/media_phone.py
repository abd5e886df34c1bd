# SPDX-License-Identifier: MIT
"""A phone with media for tests that count packets: SIP by sip_client, G.711 packets of 20 ms that carry a number."""
import select
import socket
import struct
import time

from sip_client import Client

PACKET_S = 0.02


class MediaPhone(Client):
    def __init__(self, user, domain, proxy):
        super().__init__(user, domain, proxy)
        self.rtp = socket.socket(type=socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.to = None
        self.sent = 0
        self.received = []  # (when, number)

    def close(self):
        super().close()
        self.rtp.close()

    def description(self):
        return (f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=audio {self.rtp.getsockname()[1]} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n").encode()

    def invite(self, callee):
        return self.request("INVITE", callee, ["Content-Type: application/sdp"], self.description())

    def learn(self, message):
        """Where the description in `message` wants its media."""
        lines = message.body.decode().split("\r\n")
        address = next(line for line in lines if line.startswith("c=")).split()[2]
        port = int(next(line for line in lines if line.startswith("m=audio")).split()[1])
        self.to = (address, port)

    def answer(self, invite):
        self.learn(invite)
        body = self.description()
        self.send(["SIP/2.0 200 OK", *[f"Via: {v}" for v in invite.all("Via")],
                   *[f"Record-Route: {r}" for r in invite.all("Record-Route")], f"From: {invite.get('From')}",
                   f"To: {invite.get('To')};tag={self.tag}", f"Call-ID: {invite.get('Call-ID')}",
                   f"CSeq: {invite.get('CSeq')}", f"Contact: {self.contact}", "Content-Type: application/sdp"], body)

    def packet(self):
        header = struct.pack("!BBHII", 0x80, 0, self.sent & 0xffff, self.sent * 160, 7)
        self.rtp.sendto(header + struct.pack("!I", self.sent).ljust(160, b"\xff"), self.to)
        self.sent += 1

    def take(self):
        data = self.rtp.recv(2048)
        self.received.append((time.monotonic(), struct.unpack("!I", data[12:16])[0]))


def call(caller, callee):
    """Sets up a call; both know then where their media goes. Returns the answer the caller got."""
    caller.invite(callee.aor)
    invite = callee.expect("INVITE")
    callee.answer(invite)
    answer = caller.expect("SIP/2.0 200", method="INVITE")
    caller.learn(answer)
    caller.in_dialog("ACK", answer, is_caller=True)
    return answer


def pump(phones, seconds, until=None):
    """Media both ways for so long, or until `until()` holds. Returns whether it held."""
    end = due = time.monotonic()
    end += seconds
    by_socket = {phone.rtp: phone for phone in phones}
    while time.monotonic() < end:
        if time.monotonic() >= due:
            for phone in phones:
                phone.packet()
            due += PACKET_S
        ready, _, _ = select.select(list(by_socket), [], [], max(0, due - time.monotonic()))
        for rtp in ready:
            by_socket[rtp].take()
        if until is not None and until():
            return True
    return False


def longest_gap(phone, since):
    """Seconds between two packets that came one after the other, at most."""
    times = [when for when, _ in phone.received if when >= since]
    return max((b - a for a, b in zip(times, times[1:])), default=float("inf"))
