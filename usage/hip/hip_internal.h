/* SPDX-License-Identifier: MIT */
/* The usage as its own files see it: the host, an association, and who calls whom.
 *
 *   hip_host (inputs, effects, views) > hip_input (whose packet is it)
 *     > hip_exchange (I1, R1, I2, R2, NOTIFY, CLOSE: the state machine of RFC 7401 4.4)
 *       > hip_race (by which channels an I1 goes)
 *     > hip_update (UPDATE: rekeying and mobility)
 *     > hip_payload (ESP in and out) > esp
 *     > hip_edge (packets of other hosts: registrar, RVS, relay, transparent) > hip_limit
 *   hip_carrier (HIP_CARRY over the ring) and hip_locate (HIP-RVS records) serve hip_output, hip_race and hip_edge. */
#ifndef USAGE_HIP_HIP_INTERNAL_H
#define USAGE_HIP_HIP_INTERNAL_H

#include "overlay/base/map.h"
#include "overlay/base/prng.h"
#include "overlay/base/timer.h"
#include "overlay/counter.h"
#include "overlay/wire/hip_parameter.h"
#include "overlay/wire/hip_record.h"
#include "usage/hip/esp.h"
#include "usage/hip/hip_host.h"
#include "usage/hip/hip_known.h"

#define HIP_I1_RETRIES_MAX 5   /* 4.4.3 leaves the number open */
#define HIP_I2_RETRIES_MAX 5
#define HIP_RETRY_FIRST_MS 1000 /* doubled at each retry (4.4.1: from the worst round trip expected) */
#define HIP_KEYMAT_MAX 1024    /* bytes drawn at most */
#define HIP_WAITING_MAX 32     /* payloads of one association that wait for its keys */
#define HIP_EXCHANGE_COMPLETE_S 10 /* R2-SENT to ESTABLISHED without a packet */
#define HIP_FAILED_S 10        /* E-FAILED to UNASSOCIATED */
#define HIP_CLOSED_S 60        /* CLOSED and CLOSING are kept: less than UAL + 2 MSL, so that tables stay small */
#define HIP_I1_PADDED 1024     /* bytes that our own I1 has at least, and an R1 at most (hip_exchange.h) */

struct hip_association;
struct hip_carrier;
struct hip_edge;
struct hip_registrants;
struct hip_limits;
struct hip_locator_cache;
struct hip_r1_pool;

/* An effect that owns its bytes. */
struct hip_output {
	struct hip_output *next;
	struct hip_effect effect;
	size_t len;
	uint8_t bytes[];
};

struct hip_host {
	struct hip_host_options options;
	struct host_security security;
	const struct log *log;
	struct counters *counters;
	struct counters own_counters; /* used when nobody gave any */
	struct peer *peer; /* or NULL */
	struct timer_heap timers;
	struct prng prng;  /* jitter only */
	struct slice identity; /* own Host Identity, with its algorithm */
	struct hit hit;
	enum hit_suite suite;
	bool joined, stopping;

	struct hip_output *first, *last; /* effects waiting to be drained */
	struct hip_output *drained;      /* lent out */

	struct map *associations; /* by the peer's HIT (16 bytes) */
	struct hip_waiter *telling; /* who is about to be told what became of an association */
	struct map *spis;         /* by inbound SPI (4 bytes, network order) */
	struct hip_r1_pool *r1s;
	struct hip_pool *known;
	struct hip_limits *limits;
	struct hip_edge *edge;    /* NULL unless options.edge */
	struct hip_registrants *registrants; /* NULL: registered nowhere; hip_registrant.h */
	struct hip_carrier *carrier; /* NULL without a peer */
	struct hip_locator_cache *records; /* NULL without a peer */

	hip_payload_fn *payload; void *payload_ctx;
	hip_capture_fn *capture; void *capture_ctx;
	struct hip_ping *pings;   /* list, hip_ping.c */
};

/* Keys of HIP packets, by direction. */
struct hip_keys {
	enum host_cipher cipher;
	enum hit_suite rhash;          /* the Responder's suite, for the whole association */
	uint8_t cipher_out[32], cipher_in[32], mac_out[HOST_DIGEST_MAX], mac_in[HOST_DIGEST_MAX];
	size_t cipher_len, mac_len;
	uint8_t keymat[HIP_KEYMAT_MAX]; /* all that was derived from Kij, and how much of it is used */
	size_t keymat_len, keymat_used;
	uint8_t salt[2 * HIP_RHASH_MAX]; /* I and J: for the KEYMAT of new Diffie-Hellman values (RFC 7402 6.10) */
	size_t salt_len;
};

/* A packet to be sent until it is answered. */
struct hip_retry {
	struct timer timer;
	uint8_t *packet; /* owned; NULL: nothing is being retried */
	size_t len;
	unsigned tries, tries_max;
	struct hip_path path;
	void (*gave_up)(struct hip_association *a, struct now now);
};

struct hip_waiter {
	struct hip_waiter *next;
	hip_connect_fn *done;
	void *ctx;
	struct hit hit; /* once it is about to be told */
	int err;
};

struct hip_update_state; /* hip_update.c */
struct hip_race;         /* hip_race.c */
struct hip_exchange;     /* hip_exchange.c: what is needed only until R2; freed then */

struct hip_association {
	struct hip_host *host;
	struct hit peer;
	enum hip_state state;
	bool initiator;
	struct hip_path control;  /* by what the last verified control packet came */
	struct hip_path data;     /* where ESP goes; channel NONE: no verified address yet */
	uint8_t peer_identity[HOST_IDENTITY_MAX]; /* verified; algorithm and Host Identity */
	size_t peer_identity_len;
	struct hip_keys keys;
	uint8_t dh_group, esp_suite;
	uint32_t services;        /* registration types in the peer's REG_INFO, a bit each (hip_registrant.c) */
	/* The Diffie-Hellman values behind the present KEYMAT, for a rekeying in which only one end has a new one
	 * (RFC 7402 6.10). dh: owned, freed by hip_update_free; NULL: not kept, then our own new one is always sent. */
	struct host_dh *dh;
	uint8_t peer_dh[HOST_DH_PUBLIC_MAX];
	size_t peer_dh_len;
	struct hip_locator_set peer_locators; /* as told in R1, I2 or UPDATE; not verified by that */
	struct hip_retry retry;   /* I2, UPDATE or CLOSE; the race does I1 by itself */
	struct hip_exchange *exchange;
	struct hip_race *race;    /* kept after the exchange, for the view */
	struct hip_update_state *update;
	struct timer timer;       /* of the state: exchange complete, failed, closed, unused */
	struct instant last_used; /* a verified packet of either direction */

	struct esp_sa in, in_old, out; /* key NULL: not there. in_old: until the peer uses the new one (7402 6.10) */
	uint32_t rekeys;
	struct hip_output *waiting_first, *waiting_last; /* payloads */
	size_t waiting_count;
	struct hip_waiter *waiters;

	struct instant began;
	struct duration i1, r1, i2, r2; /* since began; UINT64_MAX us: not */
};

/* ---- hip_host.c ---- */

/* Finds, or makes in state UNASSOCIATED. NULL: options.associations_max is reached (counted, logged). */
struct hip_association *hip_association_find(const struct hip_host *h, const struct hit *peer);
struct hip_association *hip_association_make(struct hip_host *h, struct now now, const struct hit *peer);
/* Takes it out of all tables and frees it; waiters are told `err`. */
void hip_association_end(struct hip_association *a, struct now now, int err);
/* Changes the state, logs "hip.state", queues HIP_EFFECT_STATE; on ESTABLISHED and R2-SENT tells waiters and sends
 * waiting payloads; on E-FAILED tells waiters ERR_REQUEST_TIMEOUT. */
void hip_association_become(struct hip_association *a, struct now now, enum hip_state state);
/* Our HIT is the greater one (6.5). */
bool hip_is_greater(const struct hip_association *a);
/* Sends `packet` (copied) until hip_retry_stop, at most tries_max times, with doubled intervals; gave_up may be
 * NULL. */
void hip_retry_start(struct hip_association *a, struct now now, const struct hip_path *path, struct slice packet,
		     unsigned tries_max, void (*gave_up)(struct hip_association *a, struct now now));
void hip_retry_stop(struct hip_association *a);

/* ---- hip_output.c ---- */

/* Sends one control packet along a path: marker and zero checksum on UDP, the checksum on RAW, HIP_CARRY on
 * OVERLAY. The bytes are copied; their checksum field is ignored. Losses are counted and logged. */
void hip_output_packet(struct hip_host *h, struct now now, const struct hip_path *path, struct slice packet);
/* One ESP packet. */
void hip_output_esp(struct hip_host *h, const struct hip_path *path, struct slice packet);
/* Room for an effect with `len` bytes, queued; the caller fills bytes. */
struct hip_output *hip_output_new(struct hip_host *h, enum hip_effect_type type, size_t len);
/* The own UDP address from which `remote` is reached: same family, loopback only for loopback. NULL: none. */
const struct address *hip_listen_for(const struct hip_host *h, const struct address *remote);

/* ---- hip_input.c ---- */

/* One control packet, HIP header on, by whatever channel; `source` (may be NULL) is what a carry claimed. Own HIT
 * or the NULL HIT: to the state machine; else to the edge. Returns enum hip_carry_outcome, for a carry's answer. */
int hip_input_packet(struct hip_host *h, struct now now, const struct hip_path *path, struct slice packet,
		     const struct hip_carry *carry);

/* ---- hip_seal.c: MACs and signatures of packets (RFC 7401 6.4) ---- */

/* Each appends its parameter to the packet being built, over what is there so far, and ends the packet. HIP_MAC_2 also
 * covers `host_id`, the whole HOST_ID parameter as it was in R1. SIGNATURE_2 zeroes receiver HIT, puzzle I and
 * opaque. */
void hip_seal_mac(const struct hip_association *a, struct writer *w);
void hip_seal_mac_2(const struct hip_association *a, struct writer *w, struct slice host_id);
int MUST_CHECK hip_seal_signature(struct hip_host *h, struct writer *w);
int MUST_CHECK hip_seal_signature_2(struct hip_host *h, struct writer *w);
/* RVS_HMAC, RELAY_HMAC: by `key` over all before it. */
void hip_seal_hmac(struct hip_host *h, struct writer *w, uint16_t type, enum hit_suite rhash, struct slice key);
/* ERR_SIGNATURE (counted), ERR_NOT_FOUND when the parameter is missing. */
int MUST_CHECK hip_check_mac(const struct hip_association *a, const struct hip_packet *p);
int MUST_CHECK hip_check_mac_2(const struct hip_association *a, const struct hip_packet *p, struct slice host_id);
int MUST_CHECK hip_check_signature(struct hip_host *h, const struct hip_packet *p, struct slice identity);
int MUST_CHECK hip_check_signature_2(struct hip_host *h, const struct hip_packet *p, struct slice identity);
int MUST_CHECK hip_check_hmac(struct hip_host *h, const struct hip_packet *p, uint16_t type, enum hit_suite rhash,
			      struct slice key);
/* Puts our HOST_ID. */
void hip_put_host_id(struct hip_host *h, struct writer *w);

/* ---- hip_keymat.c (6.5, RFC 7402 7) ---- */

/* Derives KEYMAT from Kij and draws the HIP keys. The Responder's HIT says RHASH. */
int MUST_CHECK hip_keymat_init(struct hip_association *a, enum hit_suite rhash, enum host_cipher cipher,
			       struct slice i, struct slice j, struct slice kij);
/* The next `len` bytes of KEYMAT. ERR_LIMIT: used up. */
int MUST_CHECK hip_keymat_draw(struct hip_association *a, size_t len, uint8_t *out);

/* ---- hip_exchange.c, hip_initiator.c, hip_responder.c, hip_close.c ---- */

/* Begins a base exchange: I1-SENT, channels by hip_race. `hint` may be NULL. */
int MUST_CHECK hip_exchange_begin(struct hip_association *a, struct now now, const struct hip_hint *hint);
/* The I1 to `a`'s peer, padded when `padded`. */
void hip_exchange_put_i1(const struct hip_association *a, bool padded, struct writer *w);
/* A control packet for this host. */
void hip_exchange_receive(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p,
			  const struct hip_carry *carry);
void hip_exchange_free(struct hip_association *a);
/* NOTIFY: signed when there is an association, rate-limited. `data` may be empty. */
void hip_notify(struct hip_host *h, struct now now, const struct hip_path *path, const struct hit *to, uint16_t type,
		struct slice data);
void hip_close_start(struct hip_association *a, struct now now);

/* ---- hip_r1_pool.c ---- */

struct hip_r1_pool *hip_r1_pool_new(struct hip_host *h);
void hip_r1_pool_free(struct hip_r1_pool *pool);

/* ---- hip_race.c ---- */

int MUST_CHECK hip_race_begin(struct hip_association *a, struct now now, const struct hip_hint *hint);
/* An R1 that verified came by `path`. True: it wins (or won before, and this is its repetition): answer it there. */
bool hip_race_r1(struct hip_association *a, struct now now, const struct hip_path *path);
/* The R1 that won had no R2 in the end: one that came by `path` is answered instead. */
void hip_race_turn(struct hip_association *a, const struct hip_path *path);
/* The exchange is over or gives up: no I1 is sent any more; what was seen stays for the view. */
void hip_race_end(struct hip_association *a);
void hip_race_free(struct hip_association *a);
size_t hip_race_info(const struct hip_association *a, struct hip_race_info out[HIP_RACE_CHANNELS_MAX]);

/* ---- hip_payload.c ---- */

/* Draws ESP keys and makes both SAs; 0 as SPI: not known yet. The inbound SPI is made by hip_payload_spi. */
uint32_t hip_payload_spi(struct hip_host *h);
int MUST_CHECK hip_payload_establish(struct hip_association *a, uint32_t spi_in, uint32_t spi_out);
void hip_payload_receive(struct hip_host *h, struct now now, const struct hip_path *path, uint8_t *bytes, size_t len);
/* Sends those that waited. */
void hip_payload_flush(struct hip_association *a, struct now now);
void hip_payload_free(struct hip_association *a);
/* Its SAs only; what waits goes on waiting. */
void hip_payload_drop_sas(struct hip_association *a);

/* ---- hip_ping.c; of hip_host.c what it needs ---- */

void hip_pings_forget(struct hip_host *h, const void *ctx);
void hip_pings_free(struct hip_host *h);
/* As hip_host_forget, of calls of hip_host_connect only. */
void hip_waiters_forget(struct hip_host *h, const void *ctx);

/* ---- hip_update.c, hip_mobility.c, hip_rekey.c ---- */

void hip_update_receive(struct hip_association *a, struct now now, const struct hip_path *path,
			const struct hip_packet *p);
/* After the exchange, by both sides: when control packets do not go directly, the peer's locators are tried (UPDATE
 * with ECHO_REQUEST_SIGNED to each), and data begins once one answers. */
void hip_update_established(struct hip_association *a, struct now now);
void hip_update_readdress(struct hip_association *a, struct now now);
void hip_update_rekey(struct hip_association *a, struct now now);
void hip_update_free(struct hip_association *a);
/* Our LOCATOR_SET, for R1, I2 and UPDATE; nothing when there is none. */
void hip_put_locators(struct hip_host *h, struct writer *w);

/* ---- hip_edge.c, hip_registrar.c, hip_rendezvous.c, hip_relay.c, hip_transparent.c ---- */

struct hip_edge *hip_edge_new(struct hip_host *h);
void hip_edge_free(struct hip_edge *e);
/* A packet from a wire for a HIT that is not ours: of a registered or transparent host, or towards one. Returns enum
 * hip_carry_outcome. `carry`: it came through the ring from path->node. */
int hip_edge_packet(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p,
		    const struct hip_carry *carry);
/* REG_INFO for R1 (nothing unless we are an edge). */
void hip_edge_put_reg_info(struct hip_host *h, struct writer *w);
/* The REG_REQUEST in a verified I2 or UPDATE, if there is one: takes or refuses it, and puts REG_RESPONSE,
 * REG_FAILED and REG_FROM into the R2 or UPDATE being built. `p` is kept as proof. */
void hip_edge_register(struct hip_association *a, struct now now, const struct hip_path *path,
		       const struct hip_packet *p, struct writer *w);
/* The association ended: so did its registrations. */
void hip_edge_forget(struct hip_host *h, struct now now, const struct hit *peer);
/* The host has a registration here, so its HIT and address are verified; one served transparently is not. */
bool hip_edge_is_registered(const struct hip_host *h, struct now now, const struct hit *hit);
bool hip_edge_next(const struct hip_host *h, struct now now, size_t *cursor, struct hip_registration_info *out);

/* ---- hip_limit.c: token buckets; no state for a source beyond its bucket, the tables bounded ---- */

struct hip_limits *hip_limits_new(uint64_t seed);
void hip_limits_free(struct hip_limits *l);
enum hip_limit { HIP_LIMIT_I1_SOURCE, HIP_LIMIT_I1_HIT, HIP_LIMIT_I2_SOURCE, HIP_LIMIT_CARRY_SOURCE, HIP_LIMIT_NOTIFY };
/* Takes one token of what the path's source (address by /32 or /64, or Node-ID) or the HIT has. False: none left;
 * counted as hip_limit and logged (at most once a second for each kind). */
bool hip_limit_take(struct hip_host *h, struct now now, enum hip_limit limit, const struct hip_path *path,
		    const struct hit *hit);

/* ---- hip_carrier.c ---- */

struct hip_carrier *hip_carrier_new(struct hip_host *h);
void hip_carrier_free(struct hip_carrier *c);
/* err: of the request; outcome: enum hip_carry_outcome when err == 0. */
typedef void hip_carry_fn(void *ctx, struct now now, int err, int outcome);
/* Sends the packet to an edge. `source` and `protocol` as observed (NULL and 0: our own host). `done` may be NULL.
 * ERR_NO_ROUTE, ERR_LIMIT: `done` is not called. */
int MUST_CHECK hip_carry_send(struct hip_host *h, struct now now, const struct node_id *edge, uint8_t protocol,
			      const struct address *source, struct slice packet, hip_carry_fn *done, void *ctx);
void hip_carry_cancel(struct hip_host *h, void *ctx);

/* ---- hip_locate.c: HIP-RVS records ---- */

struct hip_locator_cache *hip_locate_new(struct hip_host *h);
void hip_locate_free(struct hip_locator_cache *c);
/* One verified record of a HIT. */
struct hip_located {
	struct node_id edge;
	uint8_t flags, proof;
	struct address locators[HIP_RECORD_LOCATORS_MAX];
	size_t locator_count;
	char user[USER_NAME_MAX + 1]; /* of the signer's certificate */
	bool is_own;          /* the signer's certificate holds the HIT's key */
	bool user_is_vouched;
};
#define HIP_LOCATED_MAX 8
/* count == 0 and err == 0: nobody serves it. Proven records come before edge-vouched ones. */
typedef void hip_located_fn(void *ctx, struct now now, int err, const struct hip_located *found, size_t count);
/* From the cache at once (`done` is called before this returns), or by one Fetch a HIT however many ask. Found:
 * cached for 30 s; not found: 5 s. ERR_LIMIT, ERR_NOT_JOINED: `done` is not called. */
int MUST_CHECK hip_locate(struct hip_host *h, struct now now, const struct hit *hit, hip_located_fn *done, void *ctx);
void hip_locate_cancel(struct hip_host *h, void *ctx);
/* What the cache has of this HIT is wrong (the edge does not serve it). */
void hip_locate_forget(struct hip_host *h, const struct hit *hit);
/* Keeps a record of `hit` in the overlay, refreshed until hip_unpublish. Proof parts are copied; empty for our own
 * HIT and for HIP_RECORD_PLAIN. ERR_LIMIT. */
int MUST_CHECK hip_publish(struct hip_host *h, struct now now, const struct hit *hit, uint8_t flags,
			   uint32_t lifetime_s, const struct address *locators, size_t locator_count,
			   struct slice proof_host_id, struct slice proof_packet);
void hip_unpublish(struct hip_host *h, struct now now, const struct hit *hit);
bool hip_is_published(const struct hip_host *h, const struct hit *hit);
/* The peer joined (again), or the usage stops: all are stored anew, or removed; `done` after that or 3 s. */
void hip_locate_joined(struct hip_host *h, struct now now);
void hip_locate_stop(struct hip_host *h, struct now now, void (*done)(void *ctx, struct now now), void *ctx);

#endif
