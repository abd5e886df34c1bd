/* SPDX-License-Identifier: MIT */
/* The media relay as its own files see it.
 *
 *   media_relay (port of the proxy, ports, effects, views) > media_call (what a session description does to a call)
 *     > media_identity (HITs: read, checked, learnt) > media_prefs (feature tags of registration records)
 *     > media_stream (datagrams in and out) */
#ifndef USAGE_MEDIA_MEDIA_INTERNAL_H
#define USAGE_MEDIA_MEDIA_INTERNAL_H

#include "overlay/base/map.h"
#include "overlay/base/timer.h"
#include "overlay/counter.h"
#include "usage/media/media_relay.h"
#include "usage/media/sdp.h"

#define MEDIA_PAIRS (65536 / 2)
#define MEDIA_TAGS_MAX 8        /* dialogs of one call that are told apart */
#define MEDIA_TAG_SIZE 64
#define MEDIA_RINGING_MAX 32    /* streams that one other node may hold with calls that nobody has answered yet */
#define MEDIA_NEXT_HEADER_UDP 17
#define MEDIA_LINGER_MS 1000    /* after a BYE, whose signalling may overtake the last packets */

enum media_mode {
	MEDIA_UNDECIDED,
	MEDIA_HIP,   /* crosses as ESP between the nodes */
	MEDIA_PLAIN, /* goes as the phones do */
	MEDIA_PHONES /* the phones know HIP themselves */
};

enum media_half { MEDIA_RTP, MEDIA_RTCP };

/* One m= line, and its pair of ports. */
struct media_stream {
	struct media_call *call;
	uint16_t port;                 /* ours, even: for the phone and on our HIT */
	char kind[16];
	struct address phone[2];       /* where the phone takes RTP and RTCP; ADDRESS_NONE: nowhere */
	struct address offered[2];     /* what it offered and is not answered yet */
	bool has_offered;
	uint16_t remote[2];            /* the other end's ports on its HIT; 0: not known, refused */
	uint64_t packets_in, packets_out, dropped;
};

/* A dialog of the call: one phone at the other node. */
struct media_dialog {
	char tag[MEDIA_TAG_SIZE];
	bool is_confirmed; /* a 2xx, or a request within it */
	uint16_t remote[SDP_MEDIA_MAX][2];
};

/* A call between one phone here and one other node. */
struct media_call {
	struct media_relay *relay;
	struct sip_text key;      /* of relay->calls */
	struct sip_text call_id, phone;
	struct node_id node;
	enum media_mode mode;
	struct hit hit;           /* the other end's; zero: not told yet */
	struct hit record_hit;    /* the one expected: what its registration record says, or its certificate */
	bool record_is_vouched;   /* the record's signer may speak for its name: then `user` is it */
	enum hip_vouched vouched;
	char user[USER_NAME_MAX + 1];
	struct address phone_side, phone_at; /* our address for the phone; where its signalling comes from (ports 0) */
	bool has_offer;
	enum sip_media_direction offer; /* which way the last offer went */
	struct media_stream *streams[SDP_MEDIA_MAX];
	struct media_dialog dialogs[MEDIA_TAGS_MAX];
	size_t dialog_count;
	bool is_theirs;           /* the other node called, */
	bool is_answered;         /* and the phone took the call */
	bool is_connecting;       /* hip_host_connect holds a pointer to this */
	struct instant last;      /* a packet or a word of SIP */
	bool is_over;             /* a BYE ended it: what is still on its way passes until `linger` fires */
	struct timer linger;
};

/* An effect that owns its bytes. */
struct media_output {
	struct media_output *next;
	struct media_effect effect;
	uint8_t bytes[];
};

struct media_relay {
	struct hip_host *host;
	const struct log *log;
	struct counters *counters;
	struct media_relay_options options;
	struct timer_heap timers;
	struct timer idle;
	struct map *calls;
	struct hit hit;              /* own */
	struct media_stream **streams; /* by port / 2 */
	bool *lent;                  /* by port / 2 */
	uint16_t *spare;             /* a stack of lent ports without a stream */
	size_t spare_count, used_count;
	bool is_wanting;             /* a WANT waits to be drained */
	struct media_output *first, *last, *drained;
};

/* ---- media_relay.c ---- */

/* Queues an effect; `bytes` are copied. */
void media_output_add(struct media_relay *r, const struct media_effect *effect);
/* A lent port, even; 0: there is none. And back to the node. */
uint16_t media_port_take(struct media_relay *r);
void media_port_give_back(struct media_relay *r, uint16_t port);

/* ---- media_call.c ---- */

int media_call_rewrite(struct media_relay *r, struct now now, const struct sip_media_message *m, struct sip_text *out,
		       char *reason, size_t reason_size);
void media_call_ended(struct media_relay *r, struct now now, const struct sip_media_end *end);
void media_call_free(struct media_call *call, const char *why);
void media_call_answered(struct media_relay *r, const struct sip_media_end *call);
/* A call of that Call-ID that HIP protects, else NULL. */
const struct media_call *media_call_protected(const struct media_relay *r, struct slice call_id);

/* ---- media_identity.c ---- */

/* What a description from another node says of Host Identities. */
struct media_claim {
	bool is_hip;    /* it names a HIT as address */
	struct hit hit; /* that one, or the first one told; zero: none */
	size_t active;  /* m= lines that want media at an address that is no HIT */
};
/* ERR_FORBIDDEN: it contradicts itself, or a Host Identity does not give its HIT. */
int MUST_CHECK media_identity_read(struct media_relay *r, const struct sdp *s, struct media_claim *out, char *reason,
				   size_t reason_size);
/* Puts the HIT into the pool, and into the call. ERR_FORBIDDEN: a changed key. */
int MUST_CHECK media_identity_learn(struct media_call *call, struct now now, const struct sip_media_message *m,
				    const struct hit *hit, char *reason, size_t reason_size);
/* The other node's certificate says whose its HIT is: known before its answer comes. */
void media_identity_learn_node(struct media_relay *r, struct now now, const struct sip_media_message *m);
/* HITs told by phones that know HIP themselves: a leap of faith. ERR_FORBIDDEN. */
int MUST_CHECK media_identity_learn_phones(struct media_relay *r, struct now now, const struct sip_media_message *m,
					   const struct sdp *s, char *reason, size_t reason_size);
bool media_identity_is_told(const struct sdp *s);

/* ---- media_prefs.c ---- */

const char *media_prefs_put(const struct media_relay *r, char *text, size_t size);
/* The n-th value of (peal.<name>="value"). */
bool media_prefs_get(struct slice prefs, const char *name, size_t n, struct slice *value);
/* The first peal.hit; false: none. */
bool media_prefs_hit(struct slice prefs, struct hit *hit);
void media_prefs_hint(struct slice prefs, struct hip_hint *hint);

/* ---- media_stream.c ---- */

struct media_stream *media_stream_new(struct media_call *call, struct slice kind);
void media_stream_free(struct media_stream *stream);
/* Where the phone says it takes media; `pending`: only once that is answered. */
void media_stream_set_phone(struct media_stream *stream, const struct sdp_media *m, bool pending);
void media_stream_settle(struct media_stream *stream);
void media_stream_from_phone(struct media_relay *r, struct now now, uint16_t port, const struct address *from,
			     struct slice bytes);
bool media_stream_from_host(void *ctx, struct now now, const struct hit *from, uint8_t next_header, uint8_t *bytes,
			    size_t len);

#endif
