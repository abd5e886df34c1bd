# SPDX-License-Identifier: MIT
"""A real phone: one baresip process, driven through its ctrl_tcp module.

It plays a tone into its calls and records what it hears, so that media is proven by content.
"""
import json
import os
import pathlib
import socket
import subprocess
import time

MODULES = ["account.so", "contact.so", "menu.so", "ctrl_tcp.so", "g711.so", "ausine.so",
           "aubridge.so", "sndfile.so"]
SAMPLE_RATE = 48000  # what ausine can do


def module_folder():
    for folder in pathlib.Path("/usr/lib").glob("**/baresip/modules"):
        return folder
    raise FileNotFoundError("baresip's modules are not installed (package baresip-core)")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Phone:
    """`aor` is user@overlay, `proxy` the address:port of a peer's SIP listener."""

    def __init__(self, folder, aor, proxy, tone_hz, transport="udp", password="none", answer=True,
                 contacts=()):
        self.folder = pathlib.Path(folder)
        self.aor = aor
        self.proxy = proxy
        self.tone_hz = tone_hz
        self.transport = transport
        self.events = []
        self.buffer = b""
        self.control = None
        self.process = None
        self.control_port = free_port()
        self._write_config(password, answer, contacts)

    def _write_config(self, password, answer, contacts):
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f"module_path {module_folder()}"]
        lines += [f"module {m}" if not m.startswith(("account", "contact", "menu", "ctrl_tcp"))
                  else f"module_app {m}" for m in MODULES]
        lines += [
            "sip_listen 127.0.0.1:0", "net_interface 127.0.0.1", "sip_trans_bsize 128",
            f"audio_source ausine,{self.tone_hz}",
            "audio_player aubridge,sink", "audio_alert aubridge,alert", "audio_path /nonexistent",
            f"ausrc_srate {SAMPLE_RATE}", f"auplay_srate {SAMPLE_RATE}",
            "ausrc_channels 2", "auplay_channels 2", "audio_level no", "rtp_stats yes",
            f"snd_path {self.folder}", f"ctrl_tcp_listen 127.0.0.1:{self.control_port}",
        ]
        (self.folder / "config").write_text("\n".join(lines) + "\n")
        mode = "auto" if answer else "manual"
        (self.folder / "accounts").write_text(
            f"<sip:{self.aor};transport={self.transport}>;auth_user={self.aor.split('@')[0]};"
            f"auth_pass={password};outbound=\"sip:{self.proxy};transport={self.transport}\";"
            f"regint=60;answermode={mode};audio_codecs=PCMU/8000/1;mwi=no\n")
        (self.folder / "contacts").write_text("".join(f'"{c}" <sip:{c}>\n' for c in contacts))
        (self.folder / "current_contact").write_text(f"sip:{contacts[0]}" if contacts else "")

    def start(self):
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["baresip", "-f", str(self.folder)], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        log.close()
        deadline = time.monotonic() + 10
        while self.control is None:
            try:
                self.control = socket.create_connection(("127.0.0.1", self.control_port), timeout=1)
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise TimeoutError(f"baresip did not start; see {self.folder}/log") from None
                time.sleep(0.05)
        return self

    def command(self, name, params=""):
        text = json.dumps({"command": name, "params": params, "token": name}).encode()
        self.control.sendall(b"%d:%s," % (len(text), text))

    def _pump(self, seconds):
        self.control.settimeout(max(seconds, 0.01))
        try:
            data = self.control.recv(65536)
        except (TimeoutError, socket.timeout):
            return
        if not data:
            raise ConnectionError(f"baresip of {self.aor} ended; see {self.folder}/log")
        self.buffer += data
        while b":" in self.buffer:
            size, rest = self.buffer.split(b":", 1)
            if len(rest) < int(size) + 1:
                break
            self.events.append(json.loads(rest[:int(size)]))
            self.buffer = rest[int(size) + 1:]

    def wait(self, event_type, seconds=10, **fields):
        """The first event of this type (taken out, with what came before it), or TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            for i, event in enumerate(self.events):
                if event.get("type") == event_type and all(event.get(k) == v for k, v in fields.items()):
                    self.events = self.events[i + 1:]
                    return event
            if time.monotonic() > deadline:
                seen = [e.get("type") for e in self.events]
                raise TimeoutError(f"phone of {self.aor}: no {event_type} within {seconds} s (saw {seen})")
            self._pump(deadline - time.monotonic())

    def wait_registered(self, seconds=15):
        """Its event may have passed before we were connected, so the log tells."""
        deadline = time.monotonic() + seconds
        while "binding" not in self.log_text():
            if time.monotonic() > deadline:
                raise TimeoutError(f"phone of {self.aor}: not registered within {seconds} s; "
                                   f"see {self.folder}/log")
            self._pump(0.05)

    def dial(self, aor):
        self.command("dial", f"sip:{aor}")

    def hang_up(self):
        self.command("hangup")

    def message(self, text):
        """A MESSAGE to the first contact."""
        self.command("message", text)

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")

    def wait_message(self, count=1, seconds=10):
        """Until `count` MESSAGEs have come in. baresip tells it only by the sound it wants to play."""
        deadline = time.monotonic() + seconds
        while self.log_text().count("message.wav") < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"phone of {self.aor}: no MESSAGE within {seconds} s")
            self._pump(0.05)

    def heard_hz(self):
        """Pitch of what was heard in the last call (sox's rough frequency), or None."""
        recordings = sorted(self.folder.glob("dump-*-dec.wav"), key=os.path.getmtime)
        if not recordings:
            return None
        out = subprocess.run(["sox", str(recordings[-1]), "-n", "stat"], text=True, capture_output=True)
        for line in out.stderr.splitlines():
            if line.startswith("Rough") and line.split()[-1].lstrip("-").isdigit():
                return int(line.split()[-1])
        return None

    def stop(self):
        """Asks it to quit; baresip unregisters. Killed when it does not within 3 s."""
        if self.process is None:
            return
        if self.process.poll() is None:
            try:
                self.command("quit")
                self.process.wait(3)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        if self.control is not None:
            self.control.close()
            self.control = None
