/* SPDX-License-Identifier: MIT */
/* The HIP usage: this node's Host Identity and its associations (RFC 7401), ESP between hosts (RFC 7402), the edge for
 * other hosts (RFC 8003, 8004, 9028), and HIP packets carried through the ring. Bytes and time in, effects and a
 * deadline out, like the peer: sockets belong to node/. Nothing here knows SIP; usage/media puts calls on top. */
#ifndef USAGE_HIP_HIP_HOST_H
#define USAGE_HIP_HIP_HOST_H

#include "overlay/host_security.h"
#include "overlay/peer.h"
#include "overlay/usage.h"

struct hip_host;

#define HIP_LISTEN_MAX 4

/* By what a HIP packet came or goes. */
enum hip_channel {
	HIP_CHANNEL_NONE,
	HIP_CHANNEL_UDP,        /* UDP port 10500: HIP behind four zero bytes, or ESP (RFC 9028 5.1, 5.11) */
	HIP_CHANNEL_RAW,        /* IP protocol 139; ESP as IP protocol 50 */
	HIP_CHANNEL_OVERLAY,    /* HIP_CARRY to another edge */
	HIP_CHANNEL_COUNT
};
const char *hip_channel_name(enum hip_channel channel); /* "udp", "raw", "overlay" */

struct hip_path {
	enum hip_channel channel;
	struct address local, remote; /* UDP, RAW (ports 0) */
	struct node_id node;          /* OVERLAY: the other edge */
};
bool hip_path_equal(const struct hip_path *a, const struct hip_path *b);
/* "udp 192.0.2.1:10500", "overlay 0123..". */
#define HIP_PATH_TEXT_SIZE 96
const char *hip_path_text(const struct hip_path *path, char text[HIP_PATH_TEXT_SIZE]);

/* What an initiator that is not in the pool of known HITs meets. */
enum hip_unknown_policy { HIP_UNKNOWN_HARDER, HIP_UNKNOWN_REFUSE, HIP_UNKNOWN_ADMIT };

struct hip_host_options {
	struct host_security security;
	const struct log *log;       /* borrowed; may be NULL */
	struct peer *peer;           /* the overlay; NULL: none (tests, tools). Outlives the host */
	struct counters *counters;   /* used when there is no peer */
	uint64_t seed;
	struct address listen[HIP_LISTEN_MAX];    /* UDP sockets of the node, in order of preference */
	size_t listen_count;
	struct address locators[HIP_LISTEN_MAX];  /* where others reach them; told in LOCATOR_SET and records */
	size_t locator_count;
	bool raw;                    /* protocol 139 can be sent too */
	bool tun;                    /* host mode: payloads become effects, the kernel answers echoes */
	bool publish;                /* an own HIP-RVS record is kept in the overlay */
	bool edge;                   /* the role hip-edge: registrations of other hosts are taken */
	bool edge_lenient;           /* relay clients need no NAT_TRAVERSAL_MODE (no daemon measured sends one) */
	bool edge_transparent;       /* hosts that only send to an address are carried without registration */
	struct address transparent_first; /* first of 65,536 synthetic locators, one for a remote HIT each */
	enum hip_unknown_policy unknown;
	uint8_t puzzle_k, puzzle_k_unknown, puzzle_k_max; /* given; to the unknown; solved at most. 0: 8, 14, 20 */
	bool allow_null_cipher;      /* HIP_CIPHER 1 and ESP 7: for debugging only */
	uint8_t dh_groups[6];        /* in order of preference, zero-ended; none: 7, 8, 9, 4, 3, 10 */
	uint32_t associations_max;   /* 0: 1,024 */
	uint32_t registrations_max;  /* 0: 1,024 */
	uint32_t unused_s;           /* UAL (4.4.3): closed after so long without a packet; 0: 900 */
};

/* Owned by the caller, freed before the peer. With a peer: takes the handler of exp_a. ERR_KEY, ERR_UNSUPPORTED: no
 * Host Identity can be made of the key. */
int MUST_CHECK hip_host_new(struct hip_host **out, const struct hip_host_options *options);
void hip_host_free(struct hip_host *h);
struct usage hip_host_port(struct hip_host *h);
const struct hit *hip_host_hit(const struct hip_host *h);
/* The port to the cryptography, for usages on top. */
const struct host_security *hip_host_security(const struct hip_host *h);
/* Where others reach this host now. Returns how many. */
size_t hip_host_locators(const struct hip_host *h, struct address out[HIP_LISTEN_MAX]);

/* ---- Inputs ---- */

/* One datagram's payload (UDP), or one IP payload of protocol 139 or 50 (RAW, which `is_esp` tells apart). Hostile
 * bytes are counted, logged and dropped. */
void hip_host_datagram(struct hip_host *h, struct now now, const struct hip_path *path, bool is_esp,
		       struct slice bytes);
/* The node's addresses changed: told to all peers by UPDATE (RFC 8046). `listen` and `locators` as in the options. */
void hip_host_readdress(struct hip_host *h, struct now now, const struct address *listen, size_t listen_count,
			const struct address *locators, size_t locator_count);

/* ---- Associations ---- */

/* What is known of where a HIT is, besides the overlay's record. */
struct hip_hint {
	struct address locators[HIP_LISTEN_MAX]; /* direct, UDP */
	size_t locator_count;
	struct address rendezvous;               /* a known RVS or relay, UDP; ADDRESS_NONE: none */
	struct node_id edge;                     /* the serving edge; zero: looked up */
};

/* err: 0, ERR_REQUEST_TIMEOUT (E-FAILED), ERR_FORBIDDEN (policy, changed key), ERR_NOT_FOUND (no channel),
 * ERR_CANCELLED. */
typedef void hip_connect_fn(void *ctx, struct now now, const struct hit *hit, int err);
/* Sees to an association with `hit`: at once when there is one, else by a base exchange over all channels raced. `hint`
 * and `done` may be NULL. ERR_LIMIT, ERR_MALFORMED (no HIT to speak to): `done` is not called. */
int MUST_CHECK hip_host_connect(struct hip_host *h, struct now now, const struct hit *hit, const struct hip_hint *hint,
				hip_connect_fn *done, void *ctx);
/* The callbacks of calls made with `ctx`, pings too, are not called any more. */
void hip_host_forget(struct hip_host *h, void *ctx);
/* Ends it with CLOSE. */
void hip_host_close(struct hip_host *h, struct now now, const struct hit *hit);
bool hip_host_is_established(const struct hip_host *h, const struct hit *hit);

/* ---- Payload: what ESP carries (BEET: the inner addresses are the HITs, unsent) ---- */

/* Sends one inner IP payload (`next_header` 17: UDP header and data, checksum over the HITs or 0). The parts are
 * copied. Without an association one is begun and up to 32 payloads wait. ERR_LIMIT, ERR_NOT_JOINED (nowhere to go). */
int MUST_CHECK hip_host_send(struct hip_host *h, struct now now, const struct hit *to, uint8_t next_header,
			     const struct slice *parts, size_t count);
/* Who takes received payloads first; false: not mine (then it becomes an effect). `from` is verified. The bytes may be
 * changed in place and are borrowed until the call returns. */
typedef bool hip_payload_fn(void *ctx, struct now now, const struct hit *from, uint8_t next_header, uint8_t *bytes,
			    size_t len);
void hip_host_take_payloads(struct hip_host *h, hip_payload_fn *fn, void *ctx);

/* ---- Effects, drained after each input to the host and to the peer ---- */

enum hip_effect_type {
	HIP_EFFECT_SEND,    /* `bytes` as one datagram (UDP) or one IP payload (RAW) along `path` */
	HIP_EFFECT_PAYLOAD, /* a payload nobody took: for the TUN device */
	HIP_EFFECT_STATE    /* `hit`'s association became `state` */
};
struct hip_effect {
	enum hip_effect_type type;
	struct hip_path path;
	bool is_esp;         /* SEND on RAW: protocol 50 instead of 139 */
	struct hit hit;      /* PAYLOAD: from; STATE */
	uint8_t next_header; /* PAYLOAD */
	int state;           /* STATE: enum hip_state */
	struct slice bytes;  /* borrowed until the next input */
};
const struct hip_effect *hip_host_next_effect(struct hip_host *h);

/* Every control packet sent or received by whatever channel, HIP header on, as it crossed: for captures. */
typedef void hip_capture_fn(void *ctx, struct now now, const struct hip_path *path, bool sent, struct slice packet);
void hip_host_capture(struct hip_host *h, hip_capture_fn *fn, void *ctx);

/* ---- Views, for pealctl ---- */

enum hip_state {
	HIP_UNASSOCIATED, HIP_I1_SENT, HIP_I2_SENT, HIP_R2_SENT, HIP_ESTABLISHED, HIP_CLOSING, HIP_CLOSED, HIP_E_FAILED
};
const char *hip_state_name(enum hip_state state); /* "I1-SENT" as in 4.4.2 */

/* One channel of a race: when tried, when its R1 came. Times since the race began; UINT64_MAX us: not. */
struct hip_race_info {
	struct hip_path path;      /* of an overlay channel before it is known: node zero */
	struct duration sent, r1;
	bool won;
};
#define HIP_RACE_CHANNELS_MAX 4 /* up to two direct, a rendezvous, the overlay */

struct hip_association_info {
	struct hit hit;
	enum hip_state state;
	bool initiator;
	struct hip_path control;          /* where control packets go now */
	struct hip_path data;             /* where ESP goes now; channel NONE: nowhere yet */
	uint32_t spi_in, spi_out;
	uint8_t esp_suite, hip_cipher, dh_group;
	uint64_t packets_in, packets_out, bytes_in, bytes_out, replayed, refused;
	uint32_t age_s, rekeys;
	/* The base exchange, since it began: I1 sent (or received), R1, I2, R2. UINT64_MAX us: not yet. */
	struct duration i1, r1, i2, r2;
	struct hip_race_info race[HIP_RACE_CHANNELS_MAX];
	size_t race_count;
	char user[USER_NAME_MAX + 1];     /* whom the pool knows behind the HIT; "" */
	char vouched[24];                 /* hip_vouched_name of it */
};
bool hip_host_next_association(const struct hip_host *h, struct now now, size_t *cursor,
			       struct hip_association_info *out);

struct hip_registration_info {
	struct hit hit;
	struct hip_path path;
	uint8_t type;        /* 1 RENDEZVOUS, 2 RELAY_UDP_HIP; 0: transparent */
	uint32_t remaining_s;
	bool stored;         /* its HIP-RVS record is acknowledged by the overlay */
	uint64_t carried_in, carried_out;
};
bool hip_host_next_registration(const struct hip_host *h, struct now now, size_t *cursor,
				struct hip_registration_info *out);

/* An ICMPv6 echo between the HITs, for pealctl hip ping; other hosts' echoes are answered here unless a TUN device
 * takes payloads. The association is made when there is none: `exchange` is the time of its base exchange (0: it
 * was there). */
typedef void hip_ping_fn(void *ctx, struct now now, int err, struct duration round_trip, struct duration exchange);
int MUST_CHECK hip_host_ping(struct hip_host *h, struct now now, const struct hit *hit, hip_ping_fn *done, void *ctx);

#endif
