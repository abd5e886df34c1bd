/* SPDX-License-Identifier: MIT */
/* HIT-MATCH: who may say where a HIT is served. The HIT itself, by the key of the signer's certificate; an edge that
 * shows the registration which the HIT signed for it; and anybody who says that there is no such proof. */
#include "overlay/access_hit.h"

#include "overlay/wire/hip_parameter.h"
#include "overlay/wire/hip_record.h"

#define ACCESS_HIT_ARENA 4096 /* bytes; for a few destinations */

enum { REGISTRATION_RENDEZVOUS = 1, REGISTRATION_RELAY_UDP_HIP = 2 };

/* The contents of the only parameter of this type. */
static bool access_hit_parameter(const struct hip_packet *p, uint16_t type, struct hip_parameter *out)
{
	struct hip_parameter other;
	size_t cursor = 0, count = 0;

	while (hip_parameter_next(p, &cursor, &other))
		if (other.type == type && count++ == 0)
			*out = other;
	return count == 1;
}

/* The HIT asked to be served, for at least as long as the record says. */
static bool access_hit_asked(const struct hip_packet *p, uint32_t lifetime_s)
{
	struct hip_parameter parameter;
	struct hip_registration request;
	struct reader r;

	if (!access_hit_parameter(p, HIP_PARAMETER_REG_REQUEST, &parameter))
		return false;
	r = reader_of(parameter.contents);
	hip_reg_request_get(&r, &request);
	if (reader_finish(&r) != 0 || request.lifetime == 0)
		return false;
	return lifetime_s <= hip_lifetime_s(request.lifetime) &&
	       (hip_list_has(&request.types, REGISTRATION_RENDEZVOUS) ||
		hip_list_has(&request.types, REGISTRATION_RELAY_UDP_HIP));
}

/* RFC 7401 6.4.2: the signature covers all before it, with a length that ends there and no checksum. What stands
 * behind it (a relay's parameters) is not looked at; what it says of itself is signed by nobody. */
static bool access_hit_signature(const struct security *s, struct slice identity, const struct hip_packet *p)
{
	struct hip_parameter parameter;
	struct hip_signature signature;
	uint8_t header[HIP_HEADER_LENGTH];
	struct slice parts[2];
	struct reader r;

	if (!access_hit_parameter(p, HIP_PARAMETER_HIP_SIGNATURE, &parameter) || parameter.at < HIP_HEADER_LENGTH)
		return false;
	r = reader_of(parameter.contents);
	hip_signature_get(&r, &signature);
	if (reader_finish(&r) != 0)
		return false;
	memcpy(header, p->bytes.data, sizeof(header));
	header[1] = (uint8_t)(parameter.at / 8 - 1); /* 5.1: in units of 8 bytes, the first ones not counted */
	hip_checksum_set(header, 0);
	parts[0] = slice_of(header, sizeof(header));
	parts[1] = slice_of(p->bytes.data + HIP_HEADER_LENGTH, parameter.at - HIP_HEADER_LENGTH);
	return s->ops->host_verify(s->ctx, identity, parts, 2, signature.signature) == 0;
}

/* The cheap checks come first: a signature is looked at only when all else fits. */
static bool access_hit_registered(const struct security *s, const struct identity *signer,
				  const struct hip_record *record)
{
	struct reader r = reader_of(record->proof_host_id);
	struct hip_host_id host_id;
	struct hip_packet p;
	struct hit hit;

	if (s->ops->host_hit == NULL || s->ops->host_verify == NULL || hit_is_zero(&signer->hit))
		return false;
	if (hip_packet_get(record->proof_packet, &p) != 0 || (p.type != HIP_I2 && p.type != HIP_UPDATE))
		return false;
	if (!hit_equal(&p.sender, &record->hit) || !hit_equal(&p.receiver, &signer->hit) ||
	    !access_hit_asked(&p, record->lifetime_s))
		return false;
	hip_host_id_get(&r, &host_id);
	if (reader_finish(&r) != 0 || s->ops->host_hit(s->ctx, host_id.identity, &hit) != 0 ||
	    !hit_equal(&hit, &record->hit))
		return false;
	return access_hit_signature(s, host_id.identity, &p);
}

static bool access_hit_proven(const struct security *s, const struct identity *signer,
			      const struct hip_record *record)
{
	bool is_plain = (record->flags & HIP_RECORD_PLAIN) != 0;
	bool has_bytes = record->proof_host_id.len > 0 || record->proof_packet.len > 0;

	switch (record->proof) {
	case HIP_PROOF_CERTIFICATE:
		return !is_plain && !has_bytes && hit_equal(&record->hit, &signer->hit);
	case HIP_PROOF_REGISTRATION:
		return !is_plain && access_hit_registered(s, signer, record);
	case HIP_PROOF_NONE:
		return is_plain && !has_bytes;
	default:
		return false;
	}
}

/* The record sends readers to its signer and to nobody else. */
static bool access_hit_leads_to(const struct hip_record *record, const struct identity *signer)
{
	const struct destination_list *list = &record->destinations;
	const struct destination *last;

	if (list->count == 0 || list->count > ACCESS_HIT_DESTINATIONS_MAX)
		return false;
	last = &list->items[list->count - 1];
	return last->type == DESTINATION_NODE && node_id_equal(&last->id.node, &signer->node_id);
}

bool access_hit_matches(const struct security *s, const struct resource_id *resource, const struct identity *signer,
			const struct stored_data_value *value)
{
	struct hip_record record = { 0 };
	struct resource_id own;
	struct arena arena;
	struct reader r;
	bool matches;

	if (value->model != DATA_MODEL_DICTIONARY ||
	    !slice_equal(value->key, slice_of(signer->node_id.bytes, NODE_ID_LENGTH)))
		return false;
	/* Its own entry everybody may take away. */
	if (!value->data.exists)
		return true;
	arena_init(&arena, ACCESS_HIT_ARENA);
	r = reader_of(value->data.value);
	matches = hip_record_get(&r, &arena, &record) == 0 && reader_finish(&r) == 0 && !hit_is_zero(&record.hit) &&
		  access_hit_leads_to(&record, signer);
	if (matches) {
		own = security_resource_id(s, slice_of(record.hit.bytes, HIT_LENGTH));
		matches = resource_id_equal(&own, resource) && access_hit_proven(s, signer, &record);
	}
	arena_free(&arena);
	return matches;
}
