#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs peal-decode as its users do: arguments, standard input, files, and what it says when it fails.

usage: test_decode.py PEAL_DECODE CORPUS_FOLDER
"""
import pathlib
import subprocess
import sys
import unittest

PROGRAM = ""
CORPUS = pathlib.Path()


def decode(*arguments, stdin=b""):
    return subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, check=False)


class Decode(unittest.TestCase):
    def test_decode_prints_hex_of_arguments(self):
        done = decode("81", "00000005", "0000:0003")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout,
                         b"FramedMessage at byte 0: ack, ack_sequence 5, received 0x00000003\n")

    def test_decode_prints_hex_of_standard_input(self):
        message = (CORPUS / "message" / "ping_ans").read_bytes()
        done = decode(stdin=message.hex(" ", 4).upper().encode() + b"\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"message_code: 0x18 ping_ans\n", done.stdout)

    def test_decode_prints_every_message_of_the_corpus(self):
        for path in sorted((CORPUS / "message").iterdir()):
            done = decode("--message", path)
            self.assertEqual(done.returncode, 0, (path, done.stderr))
            self.assertEqual(done.stderr, b"")
            self.assertIn(f" {path.name}\n".encode(), done.stdout)

    def test_decode_prints_frames_of_a_file_and_of_standard_input(self):
        path = CORPUS / "frame" / "data_and_ack"
        done = decode("--frames", path)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.count(b"FramedMessage at byte "), 2)
        self.assertEqual(decode("-f", "-", stdin=path.read_bytes()).stdout, done.stdout)

    def test_decode_names_the_byte_where_it_stopped(self):
        message = (CORPUS / "message" / "ping_ans").read_bytes()
        done = decode("--message", "-", stdin=message[:30])
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"peal-decode: stopped in ForwardingHeader at byte 0 of 30: "
                                      b"the bytes end too early\n")
        done = decode("zz")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"character 0 (byte 0): not a hex digit: 0x7a", done.stderr)
        done = decode("d2454")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"byte 2: only one hex digit", done.stderr)
        self.assertEqual(decode().returncode, 1)

    def test_decode_refuses_wrong_use(self):
        for arguments in (["--nonsense"], ["--message"], ["--message", "/nonexistent"],
                          ["--message", "-", "--frames", "-"], ["--message", "-", "00"]):
            done = decode(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertNotEqual(done.stderr, b"")

    def test_decode_tells_help_and_version(self):
        self.assertIn(b"usage: peal-decode", decode("--help").stdout)
        self.assertRegex(decode("--version").stdout, rb"^peal-decode \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    PROGRAM, CORPUS = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
