/* SPDX-License-Identifier: MIT */
/* Kinds: what may be stored, how it is shaped, who may write it (RFC 6940 7.4.5, 11.1). */
#ifndef OVERLAY_KIND_H
#define OVERLAY_KIND_H

#include "overlay/base/slice.h"
#include "overlay/wire/body_data.h"

enum {
	KIND_SIP_REGISTRATION = 0x1,
	KIND_TURN_SERVICE = 0x2,
	KIND_CERTIFICATE_BY_NODE = 0x3,
	KIND_CERTIFICATE_BY_USER = 0x10,
	/* Private, "HIP" in its low bytes. Resource Name: the 16 bytes of a HIT (wire/hip_record.h). */
	KIND_HIP_RVS = 0xf0484950
};

enum access_policy {
	ACCESS_USER_MATCH = 1,
	ACCESS_NODE_MATCH,
	ACCESS_USER_NODE_MATCH,
	ACCESS_NODE_MULTIPLE,
	ACCESS_HIT_MATCH /* extension: dictionary key is the signer's Node-ID, and the HIT agrees (access.h) */
};

#define KIND_NAME_MAX 47
#define KIND_DOMAIN_PATTERNS_MAX 8
#define KIND_DOMAIN_PATTERN_MAX 127
#define KINDS_MAX 64

/* RFC 7904 3.4: which AOR domains may be registered. */
enum domain_restriction {
	DOMAIN_RESTRICTION_ABSENT,  /* any AOR */
	DOMAIN_RESTRICTION_OVERLAY, /* element present, not enabled: only the overlay's own domain */
	DOMAIN_RESTRICTION_PATTERNS /* enabled: a domain that matches one of the patterns */
};

struct kind {
	uint32_t id;
	char name[KIND_NAME_MAX + 1]; /* "SIP-REGISTRATION"; "" for one known only by id */
	enum data_model model;
	enum access_policy access;
	uint32_t max_count; /* values under one Resource-ID */
	uint32_t max_size;  /* bytes of one value */
	uint32_t max_node_multiple; /* ACCESS_NODE_MULTIPLE */
	enum domain_restriction domain_restriction;
	char domain_patterns[KIND_DOMAIN_PATTERNS_MAX][KIND_DOMAIN_PATTERN_MAX + 1]; /* POSIX ERE */
	size_t domain_pattern_count;
};

struct kind_table {
	struct kind items[KINDS_MAX];
	size_t count;
};

/* NULL when unknown. */
const struct kind *kind_find(const struct kind_table *t, uint32_t id);

/* Adds or replaces by id. A Kind registered in RFC 6940 or 7904 keeps the registry's data model and
 * access policy whatever `k` says (11.1). ERR_LIMIT. */
int MUST_CHECK kind_add(struct kind_table *t, const struct kind *k);

/* The registered Kinds (0x1, 0x2, 0x3, 0x10) and Peal's own (HIP-RVS) with Peal's default limits. */
const struct kind *kind_registered(uint32_t id);
const struct kind *kind_registered_by_name(const char *name);
/* Of the range for private use: other implementations know it by its id at most. */
static inline bool kind_is_private(uint32_t id) { return id >= 0xf0000001u; }

const char *data_model_name(enum data_model model);       /* "SINGLE" ... as in 11.1 */
const char *access_policy_name(enum access_policy policy); /* "USER-MATCH" ... */
/* 0 when not known. */
enum data_model data_model_parse(const char *text);
enum access_policy access_policy_parse(const char *text);

#endif
