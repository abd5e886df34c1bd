/* SPDX-License-Identifier: MIT */
/* What the files of an established association share: hip_update (SEQ and ACK), hip_mobility (where data goes),
 * hip_rekey (new SAs), hip_payload and hip_ping (what ESP carries). */
#ifndef USAGE_HIP_HIP_UPDATE_H
#define USAGE_HIP_HIP_UPDATE_H

#include "usage/hip/hip_internal.h"

#define HIP_UPDATE_TRIES_MAX 6   /* UPDATE_RETRY_MAX: 0.5 s, doubled: given up after 31 s */
#define HIP_UPDATE_FIRST_MS 500  /* unless a round trip is known: then twice that, within MIN and FIRST */
#define HIP_UPDATE_MIN_MS 150
#define HIP_CHECK_TRIES_MAX 5    /* of one address; nobody asked for more from who may be a bystander */
#define HIP_CHECKS_MAX (HIP_LOCATORS_MAX + 2)
#define HIP_UPDATE_WINDOW 64     /* Update IDs taken out of order */
#define HIP_UPDATE_AGAIN_MAX 8   /* repeated UPDATEs acknowledged in a second (RFC 7401 6.12.1) */
#define HIP_NONCE_LENGTH 16
#define HIP_KEEPALIVE_S 15       /* of silence on UDP (RFC 9028 5.3, Tr) */
#define HIP_OLD_SA_S 2           /* late packets of the old SA, once the new one is used */
#define HIP_REKEY_S 40           /* longer than the UPDATE's retries: 6.8 step 5 of RFC 7402 */
#define HIP_REKEY_ANSWERS_MAX 8  /* rekeyings that the other end asks for, in a row; then one in each ... */
#define HIP_REKEY_ANSWERS_S 10
#define HIP_REKEY_ANSWER_S 5     /* between the ACK and the other end's own ESP_INFO */
#define HIP_LOOK_S 15            /* between two rounds of checks while there is something to send and nowhere */
#define HIP_URGED_MS 500         /* between two checks that a packet of the other end brings on */
#define HIP_HEARD_S 1            /* between two checks of addresses that ESP came from unasked */
#define HIP_CREDIT_AGING_S 5     /* RFC 8046 5.6.2: 7/8 in each interval */
#define HIP_SPI_FIRST 256        /* below: reserved (RFC 4303 2.1) */
#define HIP_SILENCE_S 3          /* of ESP that nothing came back for, until the other end is asked */
#define HIP_IDLE_S 30            /* without a sign of life: who wants the association anew has it asked */
#define HIP_ASK_TRIES_MAX 8      /* of the question whether it is still there: given up after about 4 s */
#define HIP_ASK_FIRST_MS 500     /* between two of them at least; twice the round trip, FIRST to MAX, not doubled */
#define HIP_ASK_MAX_MS 1000
#define HIP_HINT_S 1             /* between two questions, and after a sign of life that no hint is heeded */

enum hip_update_kind {
	HIP_UPDATE_CHECK,     /* asks an address for an echo; several may be outstanding, they depend on nothing */
	HIP_UPDATE_READDRESS, /* our locators; one outstanding of this and the next kind */
	HIP_UPDATE_REKEY
};

/* An UPDATE that waits for its ACK, or an echo. */
struct hip_update_sent {
	struct hip_update_sent *next;
	struct hip_association *association;
	struct timer timer;
	enum hip_update_kind kind;
	uint32_t id;
	unsigned tries;
	struct instant began;
	struct hip_path path;            /* CHECK: the address asked */
	bool is_preferred, is_acked;     /* CHECK */
	bool asks_life;                  /* CHECK: unanswered, the association is over */
	uint8_t nonce[HIP_NONCE_LENGTH]; /* CHECK */
	size_t len;
	uint8_t packet[];
};

/* What an UPDATE that is being handled is owed. */
struct hip_update_owed {
	struct hip_path path;
	bool ack, registers;
	uint32_t id;
	struct slice echo;               /* ECHO_REQUEST_SIGNED's contents; data NULL: none */
	const struct hip_packet *packet;
};

struct hip_rekey {
	bool is_busy;      /* our ESP_INFO is out, the new outbound SA is not yet in use */
	bool is_acked, is_prepared, has_peer;
	bool with_dh;      /* asked for: with a new Diffie-Hellman value */
	bool must_renew;   /* the two ends' KEYMAT may differ: only a new one will do */
	struct hip_esp_info own, peer;
	struct host_dh *dh; /* owned; NULL: none of ours is new */
	uint8_t dh_public[HOST_DH_PUBLIC_MAX], peer_dh[HOST_DH_PUBLIC_MAX];
	size_t dh_public_len, peer_dh_len;
	struct esp_sa out; /* prepared */
	struct timer timer, old_timer;
};

struct hip_check_wanted {
	struct hip_path path;
	bool is_preferred;
};

struct hip_update_state {
	struct hip_association *association;
	uint32_t next_id;            /* ours */
	struct hip_update_sent *sent; /* in order of sending */
	bool wants_readdress, wants_rekey;
	uint32_t peer_next;          /* one above the highest Update ID seen */
	uint64_t peer_seen;          /* bit i: peer_next - 1 - i */
	struct instant again_since;
	unsigned again_count;
	struct duration round_trip;  /* 0: not known */
	struct hip_update_owed *owed; /* while an UPDATE is handled */
	uint8_t *answer;             /* owned: the last one without a SEQ of its own, for repetitions; NULL: none */
	size_t answer_len;
	uint32_t answer_id;
	struct hip_rekey rekey;
	unsigned rekeys_answered;    /* the other end's requests, as HIP_REKEY_ANSWERS_MAX counts them */
	struct instant rekeys_at;
	uint32_t out_spi_before;     /* of the outbound SA that the present one replaced */

	/* Mobility. a->data is the ACTIVE address (RFC 8046 5.1) unless it is stale: then there is none. */
	bool is_stale;
	struct hip_path candidate;   /* UNVERIFIED, used to the extent of its credit; channel NONE: none */
	uint64_t credit;             /* bytes of ESP that came from just there, aged, less those sent */
	struct instant credit_at;
	struct hip_check_wanted wanted[HIP_CHECKS_MAX];
	size_t wanted_count;
	struct instant heard_at, locators_at, looked_at;
	struct instant urged_at;
	bool has_heard, is_locating, was_urged;
	struct timer keepalive;
	struct instant sent_at;      /* to the data address, or control on UDP */

	/* Whether the other end still has this association (hip_liveness.c). */
	struct instant alive_at;     /* something verified and new came */
	struct instant spoke_at;     /* the first ESP sent after that, when has_spoken */
	struct instant payload_at;   /* the last one */
	struct instant asked_at;
	bool has_spoken, has_asked;
	bool is_wanted;              /* somebody asked for the association while the question was out */
};

/* ---- hip_update.c ---- */

struct hip_update_state *hip_update_of(struct hip_association *a);
/* The association takes and sends UPDATEs (4.4.4). */
bool hip_update_is_open(const struct hip_association *a);
/* Sends what waits, as far as what is outstanding allows. */
void hip_update_pump(struct hip_association *a, struct now now);
void hip_update_drop(struct hip_update_state *u, struct hip_update_sent *s);
/* The outstanding one of a kind; NULL. */
struct hip_update_sent *hip_update_outstanding(struct hip_update_state *u, enum hip_update_kind kind);
/* Sends again now, and goes on from the shortest interval. */
void hip_update_hurry(struct hip_update_sent *s, struct now now);

/* ---- hip_mobility.c ---- */

/* Where `len` bytes of ESP may go now. False: nowhere. What goes to an unverified address uses up its credit. */
bool hip_mobility_data_path(struct hip_association *a, struct now now, size_t len, struct hip_path *out);
/* A new packet with a good ICV came. */
void hip_mobility_heard(struct hip_association *a, struct now now, const struct hip_path *path, size_t len,
			bool is_newest);
/* A verified, new UPDATE came by `path`, straight from the other end when `is_direct`; `set` may be NULL. */
void hip_mobility_receive(struct hip_association *a, struct now now, const struct hip_path *path, bool is_direct,
			  const struct hip_locator_set *set);
/* An ECHO_RESPONSE_SIGNED came. */
void hip_mobility_answered(struct hip_association *a, struct now now, struct slice nonce);
/* The check that such an answer is waited for by; NULL. */
struct hip_update_sent *hip_mobility_awaits(struct hip_association *a, struct slice nonce);
/* No ECHO_RESPONSE_SIGNED came, however often it was asked for. */
void hip_mobility_unanswered(struct hip_association *a, const struct hip_path *path);
/* There is something to send and no address for it: the other end's locators are asked again, now and then. A way may
 * have opened since. */
void hip_mobility_look(struct hip_association *a, struct now now);
/* Sends along every path on which the other end may be heard from: for UPDATEs that found no answer. */
void hip_mobility_send_widely(struct hip_association *a, struct now now, struct slice packet);
/* The own end of a path as the host's addresses are now. False: it cannot be used any more. */
bool hip_mobility_refresh(const struct hip_host *h, struct hip_path *path);
void hip_mobility_begin(struct hip_association *a, struct now now);
void hip_mobility_free(struct hip_association *a);
/* `spi` 0: not known. */
void hip_mobility_put_locators(struct hip_host *h, uint32_t spi, struct writer *w);

/* Asks this address for an echo, beside what is asked already. NULL: not now. */
struct hip_update_sent *hip_mobility_ask(struct hip_association *a, struct now now, const struct hip_path *path);

/* ---- hip_liveness.c ---- */

/* Something verified that is no repetition came, or the association is new. */
void hip_liveness_heard(struct hip_association *a, struct now now);
/* ESP went out. */
void hip_liveness_spoke(struct hip_association *a, struct now now);
/* Whether the other end is being asked if it is there; begins that unless it was asked just now. `is_wanted`: when it
 * does not answer, a new exchange is to begin even if no payload waits. */
bool hip_liveness_ask(struct hip_association *a, struct now now, bool is_wanted);
bool hip_liveness_is_asking(const struct hip_association *a);
/* The ESP came by this path for an SPI that is not ours: its sender is told, with fewer bytes than came. */
void hip_liveness_stray(struct hip_host *h, struct now now, const struct hip_path *path, uint32_t spi, size_t len);
/* Somebody says that the other end does not know our outbound SPI. Nobody has to have verified that. */
void hip_liveness_hint(struct hip_association *a, struct now now, uint32_t spi);
/* The question found no answer. The association may be gone afterwards. */
void hip_liveness_unanswered(struct hip_association *a, struct now now, struct instant began);

/* ---- hip_rekey.c ---- */

/* Asks for new SAs; with or without a new Diffie-Hellman value. */
void hip_rekey_begin(struct hip_association *a, struct now now, bool with_dh);
/* Whether ESP_INFO (and DIFFIE_HELLMAN, may be NULL) can be what they claim (7402 6.9, 8046 5.3). */
bool hip_rekey_is_valid(const struct hip_association *a, const struct hip_esp_info *info,
			const struct hip_diffie_hellman *dh);
void hip_rekey_receive(struct hip_association *a, struct now now, const struct hip_esp_info *info,
		       const struct hip_diffie_hellman *dh);
/* Chooses SPI, KEYMAT index and value before the UPDATE is built. ERR_*: cannot be done. */
int MUST_CHECK hip_rekey_prepare_request(struct hip_association *a, struct now now);
void hip_rekey_acked(struct hip_association *a, struct now now);
/* A packet came on the inbound SA `a->in`. */
void hip_rekey_used(struct hip_association *a, struct now now);
void hip_rekey_abort(struct hip_association *a, const char *why);
void hip_rekey_free(struct hip_association *a);

/* ---- hip_payload.c ---- */

/* The keys of both directions from KEYMAT, in the order of RFC 7402 7. */
int MUST_CHECK hip_payload_draw(struct hip_association *a, uint32_t spi_in, uint32_t spi_out, struct esp_sa *in,
				struct esp_sa *out);
/* Puts an inbound SA into the host's table, or takes it out and frees it. */
void hip_payload_attach_sa(struct hip_association *a, const struct esp_sa *sa);
void hip_payload_drop_sa(struct hip_association *a, struct esp_sa *sa);
/* Its keys are there and both ends know them. */
bool hip_payload_is_ready(const struct hip_association *a);

/* ---- hip_ping.c ---- */

/* Takes an ICMPv6 message that is an echo to us or the answer to one of ours. */
bool hip_ping_take(struct hip_association *a, struct now now, const uint8_t *bytes, size_t len);
/* The association that they went by is over, and a new exchange is about to begin: they begin anew with it.
 * Whether there are any. */
bool hip_ping_restart(struct hip_association *a, struct now now);
/* Payloads can go: pings that waited do. */
void hip_ping_flush(struct hip_association *a, struct now now);

#endif
