# SPDX-License-Identifier: MIT
"""The same over DTLS links."""
from quickstart_tls import quickstart


def test(build, _folder):
    quickstart(build, "dtls")
