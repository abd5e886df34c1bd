/* SPDX-License-Identifier: MIT */
/* Session descriptions (RFC 4566), read and edited in place line by line: what is not ours to change stays as it is.
 * Only what media needs is understood: connection addresses, media ports, RTCP's place, ICE, and the Host Identities of
 * draft-tschofenig-hiprg-host-identities (k=host-identity..., a=key-mgmt:host-identity...). */
#ifndef USAGE_MEDIA_SDP_H
#define USAGE_MEDIA_SDP_H

#include "overlay/wire/address.h"
#include "overlay/wire/hip_packet.h"
#include "usage/sip/sip_text.h"

#define SDP_MEDIA_MAX 16   /* m= lines */
#define SDP_HITS_MAX 8     /* Host Identities at session level, and at each m= line */
#define SDP_BYTES_MAX 16384
#define SDP_IDENTITY_MAX 1200 /* base64 of a Host Identity */

struct sdp_host_identity {
	struct hit hit;          /* of host-identity-tag */
	struct slice identity;   /* of host-identity: its base64, borrowed; empty: a tag only */
	bool is_key_line;        /* k= instead of a=key-mgmt: */
};

struct sdp_media {
	struct slice kind;       /* "audio" */
	struct slice protocol;   /* "RTP/AVP" */
	uint16_t port;           /* 0: refused or disabled */
	uint16_t port_count;     /* "/n" behind the port; 1 */
	struct address connection; /* its own c= or the session's; ADDRESS_NONE: none or a name. Port: the m= port */
	bool has_connection;     /* a c= line of its own */
	uint16_t rtcp_port;      /* a=rtcp:, or port + 1 */
	struct address rtcp;     /* a=rtcp: with an address, or the connection's */
	bool rtcp_mux;
	struct sdp_host_identity hits[SDP_HITS_MAX];
	size_t hit_count;
};

struct sdp {
	struct slice bytes;
	struct address connection; /* session level */
	bool has_connection;       /* a c= line at session level */
	struct sdp_media media[SDP_MEDIA_MAX];
	size_t media_count;
	struct sdp_host_identity hits[SDP_HITS_MAX];
	size_t hit_count;
};

/* ERR_MALFORMED (does not begin with v=0, a broken m= or c= line), ERR_LIMIT. `line` (may be NULL) is the 1-based line
 * of the fault. HITs that are no ORCHIDv2 are left out and counted in *strange_hits (may be NULL). */
int MUST_CHECK sdp_parse(struct slice bytes, struct sdp *out, unsigned *line, unsigned *strange_hits);

/* What one m= line shall become. */
struct sdp_media_edit {
	bool take;               /* false: this m= line and its attributes stay as they are */
	uint16_t port;           /* new RTP port; a=rtcp: becomes the same when it was so under rtcp-mux, else + 1 */
};
struct sdp_edit {
	struct address connection;  /* goes into every c= line when any media is taken, but not where it says 0.0.0.0 or
				     * :: (hold); o= stays. Taken media without any c= gets one */
	struct sdp_media_edit media[SDP_MEDIA_MAX];
	bool strip_host_identities; /* towards plain phones */
	const struct hit *insert;   /* a=key-mgmt:host-identity-tag at session level; NULL: none */
	bool strip_ice;             /* a=candidate, a=ice-*, a=remote-candidates, a=end-of-candidates of taken media */
};
/* Writes the edited description; line ends stay as they were. ERR_LIMIT. */
int MUST_CHECK sdp_write(const struct sdp *s, const struct sdp_edit *edit, struct sip_text *out);

#endif
