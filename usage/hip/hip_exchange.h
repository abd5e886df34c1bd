/* SPDX-License-Identifier: MIT */
/* What the files of the state machine share (RFC 7401 4.4): what an exchange needs while it goes on, what this host
 * offers, and the handlers of each packet. */
#ifndef USAGE_HIP_HIP_EXCHANGE_H
#define USAGE_HIP_HIP_EXCHANGE_H

#include "usage/hip/hip_internal.h"
#include "usage/hip/hip_puzzle.h"

#define HIP_NAT_UDP_ENCAPSULATION 1 /* mode of NAT_TRAVERSAL_MODE (RFC 9028 5.4) */
#define HIP_NO_VALID_NAT_TRAVERSAL_MODE_PARAMETER 60 /* NOTIFICATION (RFC 9028 5.10) */
/* Signatures of R1s looked at in one exchange, at once and in each second: forged ones then cost little time, and a
 * good one still has its chance. */
#define HIP_R1_CHECKED_BURST 64
#define HIP_R1_CHECKED_PER_S 256
#define HIP_CLOSE_TRIES 5
#define HIP_CLOSE_NONCE 16

/* Neither #I nor whom it is for is signed in an R1: who has seen one can send it to somebody else, with a puzzle that
 * the Responder never set. What came besides the R1 that is being answered is kept until the R2 is there. */
#define HIP_R1_SPARES_MAX 4
#define HIP_R1_TURNS_MAX 8
struct hip_r1_spare {
	struct hip_path path;
	uint8_t *r1; /* owned */
	size_t len;
};

struct hip_exchange {
	/* Initiator: the R1 that is being answered. */
	struct hip_path path;
	uint8_t *r1;            /* owned copy */
	size_t r1_len;
	struct hip_puzzle_search search;
	bool is_searching;
	struct timer search_timer;
	struct instant search_ends; /* the puzzle's lifetime */
	uint64_t r1_counter;
	unsigned r1_checked;
	struct hip_r1_spare spares[HIP_R1_SPARES_MAX]; /* other R1s that are as good, in the order they came */
	size_t spare_count;
	unsigned turns;         /* to another R1 */
	uint8_t *host_id;       /* owned: the Responder's HOST_ID as it came, for HIP_MAC_2 */
	size_t host_id_len;
	uint32_t spi_in;
	/* Responder: the I2 that was taken, and what answers it again. */
	uint8_t i2_mark[HOST_DIGEST_MAX];
	size_t i2_mark_len;
	uint8_t *r2;            /* owned */
	size_t r2_len;
	/* Who closes: what the CLOSE_ACK has to echo. */
	uint8_t close_nonce[HIP_CLOSE_NONCE];
	bool is_closing;
};

/* ---- hip_exchange.c ---- */

/* The association's exchange, made when there is none. */
struct hip_exchange *hip_exchange_of(struct hip_association *a);
/* Counts, logs "hip.refused" and so ends the matter. */
void hip_refused(struct hip_host *h, uint64_t *counter, const struct hip_path *path, const struct hit *peer,
		 const char *why);
/* Both sides: keys are there and the other end is known. Logs hip.established. */
void hip_exchange_complete(struct hip_association *a, struct now now, const struct hip_path *path);
/* The exchange came to nothing: E-FAILED, counted and logged. */
void hip_exchange_failed(struct hip_association *a, struct now now, const char *why);
/* A HIT that this host can speak to: an ORCHIDv2 of a suite with SHA-256 or SHA-384, and not our own. */
bool hip_is_speakable(const struct hip_host *h, const struct hit *hit);
/* The pool knows who that is, or we have called or met it ourselves, or it is registered here. */
bool hip_is_known(const struct hip_host *h, struct now now, const struct hit *hit);
/* Time since the exchange began. */
struct duration hip_elapsed(const struct hip_association *a, struct now now);
/* hip.<type>.<what> with peer, path and time. */
void hip_log_packet(struct hip_host *h, struct now now, const char *what, const struct hip_path *path, uint8_t type,
		    const struct hit *peer);

/* ---- hip_offer.c: what this host offers, in order of preference ---- */

void hip_own_groups(const struct hip_host *h, struct hip_list *out);
/* The group is not there after all. False: it was not listed. */
bool hip_own_group_drop(struct hip_host *h, uint8_t group);
void hip_own_ciphers(const struct hip_host *h, struct hip_list *out);
void hip_own_transforms(const struct hip_host *h, struct hip_list *out);

/* Lists of a packet. ERR_NOT_FOUND: missing; ERR_MALFORMED and so on. */
typedef void hip_list_get_fn(struct reader *r, struct hip_list *x);
int MUST_CHECK hip_packet_list(const struct hip_packet *p, uint16_t type, hip_list_get_fn *get, struct hip_list *out);
/* Whether it is there, well formed, and read into the place. */
bool hip_packet_puzzle(const struct hip_packet *p, struct hip_puzzle *out);
bool hip_packet_solution(const struct hip_packet *p, struct hip_solution *out);
bool hip_packet_diffie_hellman(const struct hip_packet *p, struct hip_diffie_hellman *out);
bool hip_packet_host_id(struct slice contents, struct hip_host_id *out);
bool hip_packet_esp_info(const struct hip_packet *p, struct hip_esp_info *out);
bool hip_packet_r1_counter(const struct hip_packet *p, uint64_t *out);
/* Remembers the LOCATOR_SET, if there is a good one. */
void hip_packet_locators(const struct hip_packet *p, struct hip_association *a);
/* Answers: ECHO_RESPONSE_SIGNED now, or ECHO_RESPONSE_UNSIGNED for all that were asked for. */
void hip_put_echo_signed(const struct hip_packet *p, struct writer *w);
void hip_put_echo_unsigned(const struct hip_packet *p, struct writer *w);

/* ---- hip_initiator.c, hip_responder.c, hip_close.c ---- */

void hip_initiator_r1(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p);
void hip_initiator_r2(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p);
void hip_responder_i1(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p);
void hip_responder_i2(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p);
void hip_close_receive(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p);
void hip_close_ack_receive(struct hip_host *h, struct now now, const struct hip_path *path,
			   const struct hip_packet *p);
void hip_notify_receive(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p);

/* ---- hip_association.c ---- */

/* Takes what an I2 made (keys, identity, suites) over into an association, old or new; `from` is left empty. What waits
 * for the association stays. */
void hip_association_renew(struct hip_association *a, struct hip_association *from);
/* Frees without telling anybody; the host's tables are the caller's. */
void hip_association_free(struct hip_association *a);
void hip_association_tell(struct hip_association *a, struct now now, int err);

#endif
