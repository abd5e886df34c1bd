-- SPDX-License-Identifier: MIT
-- Wireshark 4.0 knows RELOAD inside TCP, UDP and DTLS, but not inside TLS: this names the port.
-- tshark -X lua_script:packaging/wireshark/reload-over-tls.lua -r ring.pcapng -o tls.keylog_file:keys \
--        -d tcp.port==6084,tls -d udp.port==6084,dtls -Y reload
DissectorTable.get("tls.port"):add(6084, Dissector.get("reload-framing"))
