/* SPDX-License-Identifier: MIT */
/* The options of peald.conf. */
#include "node/settings_schema.h"

#include <stddef.h>

#define FIELD(name) offsetof(struct settings, name)

const struct setting settings_schema[] = {
	{ .name = "overlay", .type = SETTING_TEXT, .offset = FIELD(overlay), .value = "", .max = 253,
	  .help = "Name of the overlay. Empty: the first one in the configuration document." },
	{ .name = "state-folder", .type = SETTING_TEXT, .offset = FIELD(state_folder),
	  .value = "/var/lib/peal", .max = SETTING_TEXT_MAX - 40,
	  .help = "Folder of this node's key.pem, certificate.pem, overlay.xml, records.db and control "
		  "socket. It must belong to the node's account and be closed to others (mode 0700)." },
	{ .name = "configuration-document", .type = SETTING_TEXT, .offset = FIELD(configuration_document),
	  .value = "", .max = SETTING_TEXT_MAX,
	  .help = "The overlay's signed configuration document (RFC 6940 11.1). Newer ones that arrive "
		  "through the overlay replace it. Empty: overlay.xml in the state folder." },
	{ .name = "control-socket", .type = SETTING_TEXT, .offset = FIELD(control_socket), .value = "",
	  .max = 107, .help = "Unix socket that pealctl(1) talks to. Empty: control in the state folder." },
	{ .name = "role", .type = SETTING_CHOICE, .offset = FIELD(role), .value = "peer",
	  .choices = { "peer", "bootstrap", "client" },
	  .help = "A peer joins the ring. A bootstrap peer forms a new ring when no other node answers within "
		  "two seconds. A client uses the ring without being part of it. The options --bootstrap and "
		  "--client of peald(8) set the same." },
	{ .name = "listen", .type = SETTING_ADDRESSES, .offset = FIELD(listen),
	  .value = "0.0.0.0:6084 [::]:6084", .port = 6084,
	  .help = "Where overlay links are accepted: TCP for TLS, UDP for DTLS." },
	{ .name = "advertise", .type = SETTING_ADDRESSES, .offset = FIELD(advertise), .value = "",
	  .port = 6084,
	  .help = "Addresses at which other nodes reach this one. Empty: those of listen; where listen is "
		  "0.0.0.0 or [::], the addresses of this machine's interfaces." },
	{ .name = "link-protocols", .type = SETTING_CHOICES, .offset = FIELD(link_protocols),
	  .value = "tls dtls", .choices = { "tls", "dtls" },
	  .help = "Link protocols offered to other nodes, the preferred one first." },
	{ .name = "app-listen", .type = SETTING_ADDRESS, .offset = FIELD(app_listen),
	  .value = "0.0.0.0:6085", .port = 6085,
	  .help = "Where application links (AppAttach, SIP between nodes) are accepted. Empty: nowhere." },
	{ .name = "bootstrap", .type = SETTING_ADDRESSES, .offset = FIELD(bootstrap), .value = "",
	  .port = 6084,
	  .help = "Bootstrap nodes to try besides those of the configuration document." },
	{ .name = "links-max", .type = SETTING_NUMBER, .offset = FIELD(links_max), .value = "256", .min = 8,
	  .max = 4096, .unit = "links", .help = "Overlay links held at most." },
	{ .name = "handshakes-max", .type = SETTING_NUMBER, .offset = FIELD(handshakes_max), .value = "64",
	  .min = 1, .max = 1024, .unit = "handshakes",
	  .help = "Incoming TLS and DTLS handshakes under way at most." },
	{ .name = "handshakes-per-minute", .type = SETTING_NUMBER, .offset = FIELD(handshakes_per_minute),
	  .value = "50", .min = 1, .max = 100000, .unit = "handshakes",
	  .help = "Incoming handshakes accepted in a minute from one source: an IPv4 /24 or an IPv6 /64. "
		  "Loopback addresses are not limited." },
	{ .name = "datagram-mtu", .type = SETTING_NUMBER, .offset = FIELD(datagram_mtu), .value = "1200",
	  .min = 548, .max = 16000, .unit = "bytes", .help = "Payload of one UDP datagram on DTLS links." },
	{ .name = "storage", .type = SETTING_CHOICE, .offset = FIELD(storage), .value = "sqlite",
	  .choices = { "sqlite", "memory" },
	  .help = "Where records are kept: in records.db in the state folder, or in memory only." },
	{ .name = "sip-listen", .type = SETTING_ADDRESSES, .offset = FIELD(sip_listen),
	  .value = "127.0.0.1:5060", .port = 5060,
	  .help = "Where this user's phones reach the SIP registrar and proxy, UDP and TCP. At most four, "
		  "each one that phones can be told: not 0.0.0.0 or [::]. Empty: no SIP." },
	{ .name = "sip-digest", .type = SETTING_BOOLEAN, .offset = FIELD(sip_digest), .value = "false",
	  .help = "Whether phones must authenticate. Needed unless sip-listen has only loopback addresses." },
	{ .name = "sip-password-file", .type = SETTING_TEXT, .offset = FIELD(sip_password_file), .value = "",
	  .max = SETTING_TEXT_MAX,
	  .help = "File with one line \"user password\" for each phone account; mode 0600." },
	{ .name = "sip-registrations-max", .type = SETTING_NUMBER, .offset = FIELD(sip_registrations_max),
	  .value = "64", .min = 1, .max = 10000, .unit = "contacts",
	  .help = "Phones registered at this node at most." },
	{ .name = "hip", .type = SETTING_BOOLEAN, .offset = FIELD(hip), .value = "true",
	  .help = "Whether this node speaks the Host Identity Protocol (RFC 7401): with the key of its "
		  "certificate as Host Identity it protects calls' media. The option --no-hip of peald(8) sets "
		  "false." },
	{ .name = "hip-listen", .type = SETTING_ADDRESSES, .offset = FIELD(hip_listen),
	  .value = "0.0.0.0:10500 [::]:10500", .port = 10500,
	  .help = "UDP addresses for HIP and ESP (RFC 9028). At most four." },
	{ .name = "hip-advertise", .type = SETTING_ADDRESSES, .offset = FIELD(hip_advertise), .value = "",
	  .port = 10500,
	  .help = "Addresses at which others reach hip-listen. Empty: those of hip-listen; where hip-listen is "
		  "0.0.0.0 or [::], the hosts of advertise, or without them the addresses of this machine's "
		  "interfaces, followed as they change. The first four are told to others." },
	{ .name = "hip-media", .type = SETTING_CHOICE, .offset = FIELD(hip_media), .value = "prefer",
	  .choices = { "prefer", "require", "off" },
	  .help = "Calls' media: prefer protects it where the other node can; require refuses calls whose media "
		  "cannot be protected; off leaves it to the phones." },
	{ .name = "media-ports", .type = SETTING_TEXT, .offset = FIELD(media_ports), .value = "16384-32767",
	  .max = 11,
	  .help = "Range of UDP ports, first-last, for the phones' media on the addresses of sip-listen. Each "
		  "stream of a call takes two." },
	{ .name = "hip-edge", .type = SETTING_BOOLEAN, .offset = FIELD(hip_edge), .value = "false",
	  .help = "Whether HIP hosts outside the overlay may register here: as at a rendezvous server (RFC 8004) "
		  "or control relay (RFC 9028) that is the whole overlay." },
	{ .name = "hip-edge-lenient", .type = SETTING_BOOLEAN, .offset = FIELD(hip_edge_lenient),
	  .value = "true",
	  .help = "Whether hosts may use the control relay without the NAT_TRAVERSAL_MODE parameter, which no "
		  "HIP daemon known sends." },
	{ .name = "hip-transparent", .type = SETTING_ADDRESS, .offset = FIELD(hip_transparent), .value = "",
	  .port = 10500,
	  .help = "First of 65,536 addresses, each of which stands for one HIT of another host, for HIP daemons "
		  "that can only send to an address. They must lead to this machine. Needs hip-edge. Empty: "
		  "none." },
	{ .name = "hip-serve", .type = SETTING_TEXTS, .offset = FIELD(hip_serve), .value = "",
	  .help = "Hosts of hip-transparent that speak only when spoken to, each as \"HIT ADDRESS\" or \"HIT "
		  "ADDRESS:PORT\": what is for that HIT goes there. Others need not be named: they are served "
		  "once they have spoken." },
	{ .name = "hip-register", .type = SETTING_TEXTS, .offset = FIELD(hip_register), .value = "",
	  .help = "Rendezvous servers (RFC 8004) and control relays (RFC 9028) at which this node registers itself "
		  "and stays registered, each as \"HIT ADDRESS[:PORT] rendezvous\" or \"... relay\"; without the "
		  "last word it is rendezvous. At most eight. \"pealctl hip\" shows how they stand; callers learn "
		  "of them with the SIP registration." },
	{ .name = "hip-raw", .type = SETTING_BOOLEAN, .offset = FIELD(hip_raw), .value = "false",
	  .help = "Whether HIP and ESP are also spoken as IP protocols 139 and 50. Needs CAP_NET_RAW." },
	{ .name = "hip-unknown", .type = SETTING_CHOICE, .offset = FIELD(hip_unknown), .value = "harder",
	  .choices = { "harder", "refuse", "admit" },
	  .help = "What hosts meet whose HIT this node does not know of: a harder puzzle, refusal, or the same "
		  "as others." },
	{ .name = "hip-dh-groups", .type = SETTING_CHOICES, .offset = FIELD(hip_dh_groups),
	  .value = "p256 p384 p521 modp3072 modp1536 secp160r1",
	  .choices = { "p256", "p384", "p521", "modp3072", "modp1536", "secp160r1" },
	  .help = "Diffie-Hellman groups that base exchanges may use, the preferred one first." },
	{ .name = "hip-tun", .type = SETTING_TEXT, .offset = FIELD(hip_tun), .value = "", .max = 15,
	  .help = "Name of a TUN device to be made with this node's HIT and an IPv4 address of 1.0.0.0/8, through "
		  "which any program reaches other HITs. Needs CAP_NET_ADMIN and /dev/net/tun. Empty: none." },
	{ .name = "hip-capture", .type = SETTING_TEXT, .offset = FIELD(hip_capture), .value = "",
	  .max = SETTING_TEXT_MAX,
	  .help = "File (pcap, mode 0600, begun anew at each start) that gets every HIP control packet sent or "
		  "received, by whatever channel; \"tshark -O hip\" reads it. Empty: none." },
	{ .name = "issuer-names", .type = SETTING_TEXTS, .offset = FIELD(issuer_names), .value = "",
	  .help = "Which issuers of certificates are trusted for which domains of user names, each as "
		  "FINGERPRINT=DOMAIN,DOMAIN: the SHA-256 fingerprint of a root certificate in hex, or its path as "
		  "PEM; and domains such as example.org, *.example.org (what is below it) or *. Other names are "
		  "only remembered as first seen. Empty: every root certificate of the overlay is trusted for every "
		  "name." },
	{ .name = "log-level", .type = SETTING_CHOICE, .offset = FIELD(log_level), .value = "info",
	  .choices = { "error", "warning", "info", "debug" }, .help = "The least urgent events logged." },
	{ .name = "log-format", .type = SETTING_CHOICE, .offset = FIELD(log_format), .value = "text",
	  .choices = { "text", "json" }, .help = "One line of text or one JSON object an event." },
	{ .name = "log-file", .type = SETTING_TEXT, .offset = FIELD(log_file), .value = "",
	  .max = SETTING_TEXT_MAX,
	  .help = "File to log to, opened anew on SIGHUP. Empty: standard error." },
};

const size_t settings_schema_count = sizeof(settings_schema) / sizeof(settings_schema[0]);
