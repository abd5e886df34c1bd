/* SPDX-License-Identifier: MIT */
/* What the HIP usage puts into the overlay: the value of Kind HIP-RVS, and the body of HIP_CARRY, which brings one HIP
 * packet to the edge that serves its receiver (RELOAD's experimental method exp_a, docs/decisions/0017). */
#ifndef OVERLAY_WIRE_HIP_RECORD_H
#define OVERLAY_WIRE_HIP_RECORD_H

#include "overlay/wire/destination.h"
#include "overlay/wire/hip_packet.h"

#define HIP_RECORD_VERSION 1
#define HIP_RECORD_LOCATORS_MAX 8

enum hip_record_flag {
	HIP_RECORD_RVS = 1,    /* the edge forwards I1 only (RFC 8004) */
	HIP_RECORD_RELAY = 2,  /* the edge relays every HIP packet (RFC 9028) */
	HIP_RECORD_OWN = 4,    /* the edge is the host itself: the HIT is that of its certificate's key */
	HIP_RECORD_PLAIN = 8   /* transparent mode: no proof; edge-vouched, and a reader knows it */
};

/* How a record shows that the HIT agrees to be served there. */
enum hip_proof_type {
	HIP_PROOF_CERTIFICATE = 1,  /* the signer's certificate holds the HIT's key; no bytes */
	HIP_PROOF_REGISTRATION = 2, /* I2 or UPDATE with REG_REQUEST as the host sent it, and its HOST_ID contents */
	HIP_PROOF_NONE = 3          /* edge-vouched */
};

/* struct { uint8 version; opaque hit[16]; uint8 flags; uint64 sequence; uint32 lifetime; Destination list<0..2^16-1>;
 *   IpAddressPort locators<0..2^16-1>; uint8 proof_type; opaque host_id<0..2^16-1>; opaque packet<0..2^16-1>; }
 * Locators are where the host takes HIP over UDP directly; in order of preference. */
struct hip_record {
	struct hit hit;
	uint8_t flags;             /* enum hip_record_flag; unknown ones are ignored */
	uint64_t sequence;         /* grows with each version of the record by one edge */
	uint32_t lifetime_s;
	struct destination_list destinations; /* of the edge, last one its Node-ID; arena */
	struct address locators[HIP_RECORD_LOCATORS_MAX];
	size_t locator_count;
	uint8_t proof;             /* enum hip_proof_type */
	struct slice proof_host_id; /* contents of the HOST_ID parameter; borrowed */
	struct slice proof_packet;
};

/* Another version, more locators than HIP_RECORD_LOCATORS_MAX, an unknown proof: ERR_UNSUPPORTED, ERR_LIMIT. */
int hip_record_get(struct reader *r, struct arena *a, struct hip_record *x);
void hip_record_put(struct writer *w, const struct hip_record *x);

#define HIP_CARRY_VERSION 1
/* struct { uint8 version; uint8 hops; uint8 protocol; IpAddressPort source; uint64 nonce;
 *   opaque packet<40..2^16-1>; } */
struct hip_carry {
	uint8_t hops;            /* edges it may still pass, this one included; 0: dropped */
	uint8_t protocol;        /* 17 UDP, 139 raw, 0: the sender's own host */
	struct address source;   /* as the sender's edge saw it, ADDRESS_NONE for its own host; claimed, not verified */
	uint64_t nonce;          /* names this journey, against repetitions */
	struct slice packet;     /* HIP header on, checksum zero; borrowed */
};
int hip_carry_get(struct reader *r, struct hip_carry *x);
void hip_carry_put(struct writer *w, const struct hip_carry *x);

/* HipCarryAns: struct { uint8 version; uint8 outcome; } */
enum hip_carry_outcome {
	HIP_CARRY_DELIVERED = 1,
	HIP_CARRY_NOT_SERVED = 2,  /* the HIT is not (or no longer) served here: the record is stale */
	HIP_CARRY_REFUSED = 3,     /* a limit or policy of the edge */
	HIP_CARRY_SUPPRESSED = 4   /* an I1 of this pair was delivered less than a second ago */
};
int hip_carry_answer_get(struct reader *r, uint8_t *outcome);
void hip_carry_answer_put(struct writer *w, uint8_t outcome);

#endif
