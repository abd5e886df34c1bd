/* SPDX-License-Identifier: MIT */
/* The value of Kind HIP-RVS, and the bodies of HIP_CARRY. */
#include "overlay/wire/hip_record.h"

/* `version` as the first byte, or ERR_UNSUPPORTED. */
static void hip_version_get(struct reader *r, uint8_t version)
{
	uint8_t got = reader_u8(r);

	if (r->err == 0 && got != version)
		reader_fail(r, ERR_UNSUPPORTED);
}

static void hip_record_locators_get(struct reader *r, struct hip_record *x)
{
	struct reader list = reader_sub16(r);

	while (reader_more(&list)) {
		struct address one;

		address_get(&list, &one);
		if (list.err != 0 || one.type == ADDRESS_NONE)
			continue;
		if (x->locator_count == HIP_RECORD_LOCATORS_MAX) {
			reader_fail(&list, ERR_LIMIT);
			break;
		}
		x->locators[x->locator_count++] = one;
	}
	reader_join(r, &list);
}

int hip_record_get(struct reader *r, struct arena *a, struct hip_record *x)
{
	int err;

	*x = (struct hip_record){ 0 };
	hip_version_get(r, HIP_RECORD_VERSION);
	hit_get(r, &x->hit);
	x->flags = reader_u8(r);
	x->sequence = reader_u64(r);
	x->lifetime_s = reader_u32(r);
	err = destination_list_get(reader_opaque16(r), a, &x->destinations);
	if (r->err == 0 && err != 0)
		reader_fail(r, err);
	hip_record_locators_get(r, x);
	x->proof = reader_u8(r);
	if (r->err == 0 && (x->proof < HIP_PROOF_CERTIFICATE || x->proof > HIP_PROOF_NONE))
		reader_fail(r, ERR_UNSUPPORTED);
	x->proof_host_id = reader_opaque16(r);
	x->proof_packet = reader_opaque16(r);
	return r->err;
}

void hip_record_put(struct writer *w, const struct hip_record *x)
{
	size_t list;

	writer_u8(w, HIP_RECORD_VERSION);
	hit_put(w, &x->hit);
	writer_u8(w, x->flags);
	writer_u64(w, x->sequence);
	writer_u32(w, x->lifetime_s);
	list = writer_begin16(w);
	destination_list_put(w, &x->destinations);
	writer_end16(w, list);
	if (x->locator_count > HIP_RECORD_LOCATORS_MAX)
		writer_fail(w, ERR_LIMIT);
	list = writer_begin16(w);
	for (size_t i = 0; i < x->locator_count && w->err == 0; i++)
		address_put(w, &x->locators[i]);
	writer_end16(w, list);
	writer_u8(w, x->proof);
	writer_opaque16(w, x->proof_host_id);
	writer_opaque16(w, x->proof_packet);
}

#define HIP_CARRY_UDP 17
#define HIP_CARRY_OWN 0

static bool hip_carry_knows_protocol(uint8_t protocol)
{
	return protocol == HIP_CARRY_OWN || protocol == HIP_CARRY_UDP || protocol == HIP_PROTOCOL;
}

int hip_carry_get(struct reader *r, struct hip_carry *x)
{
	hip_version_get(r, HIP_CARRY_VERSION);
	x->hops = reader_u8(r);
	x->protocol = reader_u8(r);
	if (r->err == 0 && !hip_carry_knows_protocol(x->protocol))
		reader_fail(r, ERR_MALFORMED);
	address_get(r, &x->source);
	x->nonce = reader_u64(r);
	x->packet = reader_opaque16(r);
	if (r->err == 0 && x->packet.len < HIP_HEADER_LENGTH)
		reader_fail(r, ERR_MALFORMED);
	return r->err;
}

void hip_carry_put(struct writer *w, const struct hip_carry *x)
{
	if (!hip_carry_knows_protocol(x->protocol) || x->packet.len < HIP_HEADER_LENGTH)
		writer_fail(w, ERR_MALFORMED);
	writer_u8(w, HIP_CARRY_VERSION);
	writer_u8(w, x->hops);
	writer_u8(w, x->protocol);
	address_put(w, &x->source);
	writer_u64(w, x->nonce);
	writer_opaque16(w, x->packet);
}

int hip_carry_answer_get(struct reader *r, uint8_t *outcome)
{
	hip_version_get(r, HIP_CARRY_VERSION);
	*outcome = reader_u8(r);
	if (r->err == 0 && *outcome == 0)
		reader_fail(r, ERR_MALFORMED);
	return r->err;
}

void hip_carry_answer_put(struct writer *w, uint8_t outcome)
{
	writer_u8(w, HIP_CARRY_VERSION);
	writer_u8(w, outcome);
}
