/* SPDX-License-Identifier: MIT */
/* Two nodes with a phone each, and media ports that mark what passes and keep what they were told. */
#ifndef TEST_UNIT_SIP_MARKING_PORT_H
#define TEST_UNIT_SIP_MARKING_PORT_H

#include "test/unit/sip/world.h"
#include "usage/sip/sip_media.h"

#define ALICE "alice@example.org"
#define BOB "bob@example.org"
#define SDP "Content-Type: application/sdp\n"
#define OFFER "v=0\r\ns=offer\r\nm=audio 4 RTP/AVP 0\r\n"
#define ANSWER "v=0\r\ns=answer of some length\r\n"
#define SEEN_MAX 64

/* A media port that marks what passes. */
struct marking_port {
	struct sip_media media;
	size_t node;
	const char *prefs;
	bool is_hip;
	/* What it was shown. */
	struct seen {
		struct sip_media_message m; /* slices: only those below are kept */
		char call_id[64], leg[64], user[64], aor[64], tag[64], prefs[256], body[512];
	} seen[SEEN_MAX];
	size_t seen_count;
	size_t ended, answered;
	char ended_call[64], ended_tag[64], answered_leg[64];
	/* Refuses what holds this text (NULL: nothing) with that error. */
	const char *refuse;
	int err;
};

extern struct marking_port ports[2]; /* by node */

/* Both phones are registered. */
struct world *two_nodes(struct phone **alice, struct phone **bob, bool tcp);

#endif
