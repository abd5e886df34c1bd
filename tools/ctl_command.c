/* SPDX-License-Identifier: MIT */
/* The commands of pealctl, one row each. Fields are those of peald's control protocol. */
#include "tools/ctl_hip.h"
#include "tools/ctl_identity.h"
#include "tools/ctl_show.h"

#define TARGET(text)                                                                               \
	{ .name = "TARGET", .field = "target", .required = true, .help = text }
#define KIND                                                                                       \
	{ .name = "--kind", .field = "kind", .placeholder = "KIND", .value = "SIP-REGISTRATION",   \
	  .help = "name or number of the Kind" }

static const char TARGET_HELP[] = "a user name, a Node-ID or Resource-ID in hex, or any Resource Name";
static const char NODE_HELP[] = "a Node-ID in hex, or the name of a user that is reached through the ring";

const struct ctl_command ctl_commands[] = {
	{ "status", "Who this node is, its state, its place on the ring", NULL, { { 0 } }, show_run },
	{ "ring", "Walk the whole ring and check it",
	  "Peers in ring order; @ is this one. Flags gaps (nobody answers for a range), overlaps (two do)\n"
	  "and neighbors that disagree. Exit code 1 when the ring is not consistent.",
	  { { .name = "--circle", .field = "circle", .type = CTL_FLAG,
	      .help = "draw the circle even if this is no terminal" },
	    { .name = "--no-circle", .field = "no_circle", .type = CTL_FLAG,
	      .help = "do not draw the circle" } },
	  show_ring_run },
	{ "peers", "The Connection Table: nodes this one has links with", NULL, { { 0 } }, show_run },
	{ "fingers", "The Finger Table and the Neighbor Table", NULL, { { 0 } }, show_run },
	{ "route", "The peers a message to TARGET passes, each with its time",
	  "Asks hop by hop (RouteQuery), so it shows the way without sending anything to the target.",
	  { TARGET(TARGET_HELP) }, show_run },
	{ "ping", "Ping a node, or whoever is responsible for TARGET", NULL, { TARGET(NODE_HELP) },
	  show_run },
	{ "fetch", "Fetch values and verify their signatures", NULL, { TARGET(TARGET_HELP), KIND },
	  show_run },
	{ "store", "Store a value, signed by this node", NULL,
	  { TARGET(TARGET_HELP), KIND,
	    { .name = "--value", .field = "value", .placeholder = "TEXT",
	      .help = "the value; of SIP-REGISTRATION a SIP URI (default: this node), else text" },
	    { .name = "--value-hex", .field = "value_hex", .placeholder = "HEX",
	      .help = "the value as bytes in hex, instead" },
	    { .name = "--entry", .field = "entry", .placeholder = "ENTRY",
	      .help = "array index, or dictionary key in hex (default this node's own)" },
	    { .name = "--lifetime", .field = "lifetime", .type = CTL_NUMBER, .placeholder = "S",
	      .value = "3600", .help = "seconds" },
	    { .name = "--remove", .field = "remove", .type = CTL_FLAG,
	      .help = "store that there is no value any more" } },
	  show_run },
	{ "stat", "What is stored, without the values", NULL, { TARGET(TARGET_HELP), KIND }, show_run },
	{ "find", "The nearest Resource-ID at TARGET that holds a Kind", NULL,
	  { TARGET(TARGET_HELP), KIND }, show_run },
	{ "probe", "Ask a peer for uptime, responsibility and number of records", NULL,
	  { TARGET(NODE_HELP) }, show_run },
	{ "records", "What this peer stores for the overlay", NULL, { { 0 } }, show_run },
	{ "registrations", "Phones registered here and what is stored for them", NULL, { { 0 } }, show_run },
	{ "calls", "SIP dialogs that pass through this node, and how their media is protected",
	  "MEDIA is hip when it crosses as ESP between this node and the one with the HIT shown. VOUCHED says\n"
	  "who tells that the HIT is the other party's: certificate, record (both signed), link, first-use,\n"
	  "sdp (anybody on the way could have written it).", { { 0 } }, show_calls_run },
	{ "hip ping", "Echo through ESP to another host, by its HIT",
	  "Makes the association when there is none, and then tells when each packet of the base exchange came.",
	  { { .name = "HIT", .field = "target", .required = true,
	      .help = "Host Identity Tag, as an IPv6 address or in hex" },
	    { .name = "--count", .field = "count", .type = CTL_NUMBER, .placeholder = "N", .value = "4",
	      .help = "how often, a second apart" } },
	  show_hip_ping_run },
	{ "hip", "This node's HIT, its associations, the race of their channels, hosts registered here", NULL,
	  { { 0 } }, show_hip_run },
	{ "config", "The node's settings and the overlay's configuration", NULL, { { 0 } }, show_run },
	{ "counters", "What this node has counted since it started", NULL,
	  { { .name = "--all", .field = "all", .type = CTL_FLAG, .help = "also those at zero" } },
	  show_counters_run },
	{ "log", "Follow the node's log until interrupted", NULL,
	  { { .name = "--level", .field = "level", .placeholder = "LEVEL", .value = "info",
	      .help = "error, warning, info or debug" } },
	  show_log_run },
	{ "leave", "Hand over the records and leave the ring", NULL, { { 0 } }, show_run },
	{ "shutdown", "Leave the ring and end peald", NULL, { { 0 } }, show_run },
	{ "identity enroll", "Get a certificate from the overlay's enrollment server",
	  "Makes a key in the state folder unless there is one, fetches and checks the configuration\n"
	  "document, and keeps both with the certificate. Again with the same key renews the certificate\n"
	  "and keeps the Node-IDs.",
	  { { .name = "--url", .field = "url", .placeholder = "https://HOST[:PORT]",
	      .help = "the server (default https://OVERLAY)" },
	    { .name = "--overlay", .field = "overlay", .placeholder = "NAME",
	      .help = "the overlay's name (default the user name's domain)" },
	    { .name = "--user", .field = "user", .placeholder = "NAME", .required = true,
	      .help = "user name, such as alice@example.org" },
	    { .name = "--password-file", .field = "password_file", .placeholder = "FILE",
	      .help = "first line is the password; - for standard input (default: asks)" },
	    { .name = "--ca", .field = "ca", .placeholder = "FILE",
	      .help = "certificates (PEM) that vouch for the server (default: the system's)" },
	    { .name = "--nodeids", .field = "nodeids", .type = CTL_NUMBER, .placeholder = "N",
	      .help = "Node-IDs in the certificate" },
	    { .name = "--device", .field = "device", .type = CTL_NUMBER, .placeholder = "N",
	      .help = "take over this device's Node-IDs with a new key" } },
	  identity_enroll_run },
	{ "identity show", "Node-ID, user, validity and fingerprint of the folder's certificate", NULL,
	  { { 0 } }, identity_show_run },
	{ "identity known", "Which HITs are known, whose they are, and who says so",
	  "CHANGED TO is another key that claimed to be the user's and was refused.", { { 0 } },
	  show_identity_known_run },
	{ "identity trust", "Take a changed key as the user's from now on", NULL,
	  { { .name = "AOR", .field = "user", .required = true, .help = "user name, such as bob@example.org" },
	    { .name = "HIT", .field = "hit", .help = "the key to trust (default: the changed one that waits)" } },
	  show_identity_change_run },
	{ "identity forget", "Forget the key first seen of a user", NULL,
	  { { .name = "AOR", .field = "user", .required = true, .help = "user name, such as bob@example.org" } },
	  show_identity_change_run },
	{ "identity export", "Key and certificate as one PKCS#12 file", NULL,
	  { { .name = "FILE", .field = "file", .required = true, .help = "the file to write" },
	    { .name = "--password-file", .field = "password_file", .placeholder = "FILE",
	      .help = "first line is the passphrase; - for standard input (default: asks)" } },
	  identity_export_run },
	{ "identity import", "Key and certificate from a PKCS#12 file into an empty folder", NULL,
	  { { .name = "FILE", .field = "file", .required = true, .help = "the file to read" },
	    { .name = "--document", .field = "document", .placeholder = "FILE",
	      .help = "also keep this configuration document" },
	    { .name = "--password-file", .field = "password_file", .placeholder = "FILE",
	      .help = "first line is the passphrase; - for standard input (default: asks)" } },
	  identity_import_run },
};

const size_t ctl_command_count = sizeof(ctl_commands) / sizeof(ctl_commands[0]);
