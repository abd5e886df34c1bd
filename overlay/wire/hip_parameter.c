/* SPDX-License-Identifier: MIT */
/* The parameters of the base exchange, of UPDATE and of the ESP format: names, lists and numbers, and what holds keys
 * and signatures. Addresses and registrations are in hip_parameter_address.c. */
#include "overlay/wire/hip_parameter.h"

#define HIP_CHOICES_MAX 6        /* ciphers, transforms and modes that one list may offer (5.2.8) */
#define HIP_ALGORITHM_LENGTH 2   /* before the Host Identity */
#define HIP_DOMAIN_LENGTH_BITS 12
#define HIP_DOMAIN_LENGTH_MAX 0x0fff

const char *hip_parameter_name(uint16_t type)
{
	switch (type) {
#define X(NAME, number)                                                                                    \
	case number:                                                                                       \
		return #NAME;
		HIP_PARAMETER_MAP(X)
#undef X
	default:
		return "unknown";
	}
}

bool hip_parameter_is_known(uint16_t type)
{
	switch (type) {
#define X(NAME, number) case number:
		HIP_PARAMETER_MAP(X)
#undef X
		return true;
	default:
		return false;
	}
}

/* The contents end here. Their readers see it by themselves, so that nobody forgets to ask. */
static void hip_contents_end(struct reader *r)
{
	if (reader_more(r))
		reader_fail(r, ERR_TRAILING);
}

static struct slice hip_rest(struct reader *r)
{
	return reader_bytes(r, reader_left(r));
}

/* ---- Lists ---- */

bool hip_list_has(const struct hip_list *list, uint16_t item)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i] == item)
			return true;
	return false;
}

uint16_t hip_list_choose(const struct hip_list *own, const struct hip_list *theirs)
{
	for (size_t i = 0; i < own->count; i++)
		if (hip_list_has(theirs, own->items[i]))
			return own->items[i];
	return 0;
}

/* To the end of the contents; what is beyond `max` is passed over. */
static void hip_list_get(struct reader *r, struct hip_list *x, size_t width, size_t max)
{
	*x = (struct hip_list){ .count = 0 };
	while (reader_more(r)) {
		uint16_t item = width == 1 ? reader_u8(r) : reader_u16(r);

		if (r->err == 0 && x->count < max)
			x->items[x->count++] = item;
	}
}

static void hip_list_put(struct writer *w, const struct hip_list *x, size_t width, size_t max)
{
	if (x->count > max)
		writer_fail(w, ERR_LIMIT);
	for (size_t i = 0; i < x->count && w->err == 0; i++) {
		if (width == 2)
			writer_u16(w, x->items[i]);
		else if (x->items[i] > UINT8_MAX)
			writer_fail(w, ERR_MALFORMED);
		else
			writer_u8(w, (uint8_t)x->items[i]);
	}
}

void hip_dh_group_list_get(struct reader *r, struct hip_list *x)
{
	hip_list_get(r, x, 1, HIP_LIST_MAX);
}

void hip_dh_group_list_put(struct writer *w, const struct hip_list *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_DH_GROUP_LIST);

	hip_list_put(w, x, 1, HIP_LIST_MAX);
	hip_parameter_end(w, place);
}

void hip_cipher_get(struct reader *r, struct hip_list *x)
{
	hip_list_get(r, x, 2, HIP_CHOICES_MAX);
}

void hip_cipher_put(struct writer *w, const struct hip_list *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_HIP_CIPHER);

	hip_list_put(w, x, 2, HIP_CHOICES_MAX);
	hip_parameter_end(w, place);
}

/* NAT_TRAVERSAL_MODE and ESP_TRANSFORM begin with two reserved bytes. */
static void hip_reserved_list_put(struct writer *w, uint16_t type, const struct hip_list *x)
{
	size_t place = hip_parameter_begin(w, type);

	writer_u16(w, 0);
	hip_list_put(w, x, 2, HIP_CHOICES_MAX);
	hip_parameter_end(w, place);
}

void hip_nat_traversal_mode_get(struct reader *r, struct hip_list *x)
{
	reader_u16(r);
	hip_list_get(r, x, 2, HIP_CHOICES_MAX);
}

void hip_nat_traversal_mode_put(struct writer *w, const struct hip_list *x)
{
	hip_reserved_list_put(w, HIP_PARAMETER_NAT_TRAVERSAL_MODE, x);
}

void hip_esp_transform_get(struct reader *r, struct hip_list *x)
{
	reader_u16(r);
	/* More than the six that a sender may offer are read as well (RFC 7402 5.1.2). */
	hip_list_get(r, x, 2, HIP_LIST_MAX);
}

void hip_esp_transform_put(struct writer *w, const struct hip_list *x)
{
	hip_reserved_list_put(w, HIP_PARAMETER_ESP_TRANSFORM, x);
}

void hip_hit_suite_list_get(struct reader *r, struct hip_list *x)
{
	hip_list_get(r, x, 1, HIP_LIST_MAX);
}

void hip_hit_suite_list_put(struct writer *w, const struct hip_list *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_HIT_SUITE_LIST);

	hip_list_put(w, x, 1, HIP_LIST_MAX);
	hip_parameter_end(w, place);
}

void hip_transport_format_list_get(struct reader *r, struct hip_list *x)
{
	hip_list_get(r, x, 2, HIP_LIST_MAX);
}

void hip_transport_format_list_put(struct writer *w, const struct hip_list *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_TRANSPORT_FORMAT_LIST);

	hip_list_put(w, x, 2, HIP_LIST_MAX);
	hip_parameter_end(w, place);
}

/* ---- Numbers ---- */

void hip_esp_info_get(struct reader *r, struct hip_esp_info *x)
{
	reader_u16(r);
	x->keymat_index = reader_u16(r);
	x->old_spi = reader_u32(r);
	x->new_spi = reader_u32(r);
	hip_contents_end(r);
}

void hip_esp_info_put(struct writer *w, const struct hip_esp_info *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_ESP_INFO);

	writer_u16(w, 0);
	writer_u16(w, x->keymat_index);
	writer_u32(w, x->old_spi);
	writer_u32(w, x->new_spi);
	hip_parameter_end(w, place);
}

void hip_r1_counter_get(struct reader *r, uint64_t *x)
{
	reader_u32(r);
	*x = reader_u64(r);
	hip_contents_end(r);
}

void hip_r1_counter_put(struct writer *w, uint64_t x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_R1_COUNTER);

	writer_u32(w, 0);
	writer_u64(w, x);
	hip_parameter_end(w, place);
}

void hip_seq_get(struct reader *r, uint32_t *update_id)
{
	*update_id = reader_u32(r);
	hip_contents_end(r);
}

void hip_seq_put(struct writer *w, uint32_t update_id)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_SEQ);

	writer_u32(w, update_id);
	hip_parameter_end(w, place);
}

void hip_ack_get(struct reader *r, struct hip_ack *x)
{
	*x = (struct hip_ack){ .count = 0 };
	/* At least one (5.2.17). */
	do {
		uint32_t id = reader_u32(r);

		if (r->err == 0 && x->count < HIP_LIST_MAX)
			x->update_ids[x->count++] = id;
	} while (reader_more(r));
}

void hip_ack_put(struct writer *w, const struct hip_ack *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_ACK);

	if (x->count == 0 || x->count > HIP_LIST_MAX)
		writer_fail(w, x->count == 0 ? ERR_MALFORMED : ERR_LIMIT);
	for (size_t i = 0; i < x->count && w->err == 0; i++)
		writer_u32(w, x->update_ids[i]);
	hip_parameter_end(w, place);
}

void hip_transaction_pacing_get(struct reader *r, uint32_t *minimum_ms)
{
	*minimum_ms = reader_u32(r);
	hip_contents_end(r);
}

void hip_transaction_pacing_put(struct writer *w, uint32_t minimum_ms)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_TRANSACTION_PACING);

	writer_u32(w, minimum_ms);
	hip_parameter_end(w, place);
}

/* ---- Puzzle ---- */

void hip_puzzle_get(struct reader *r, struct hip_puzzle *x)
{
	x->k = reader_u8(r);
	x->lifetime = reader_u8(r);
	x->opaque = reader_u16(r);
	x->i = hip_rest(r);
	if (r->err == 0 && (x->i.len == 0 || x->i.len > HIP_RHASH_MAX))
		reader_fail(r, x->i.len == 0 ? ERR_TRUNCATED : ERR_MALFORMED);
}

void hip_puzzle_put(struct writer *w, const struct hip_puzzle *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_PUZZLE);

	writer_u8(w, x->k);
	writer_u8(w, x->lifetime);
	writer_u16(w, x->opaque);
	writer_bytes(w, x->i);
	hip_parameter_end(w, place);
}

void hip_solution_get(struct reader *r, struct hip_solution *x)
{
	size_t half;

	x->k = reader_u8(r);
	reader_u8(r);
	x->opaque = reader_u16(r);
	half = reader_left(r) / 2;
	if (r->err == 0 && half == 0)
		reader_fail(r, ERR_TRUNCATED);
	else if (r->err == 0 && (half > HIP_RHASH_MAX || reader_left(r) % 2 != 0))
		reader_fail(r, ERR_MALFORMED);
	x->i = reader_bytes(r, r->err == 0 ? half : 0);
	x->j = hip_rest(r);
}

void hip_solution_put(struct writer *w, const struct hip_solution *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_SOLUTION);

	if (x->i.len != x->j.len)
		writer_fail(w, ERR_MALFORMED);
	writer_u8(w, x->k);
	writer_u8(w, 0);
	writer_u16(w, x->opaque);
	writer_bytes(w, x->i);
	writer_bytes(w, x->j);
	hip_parameter_end(w, place);
}

/* ---- Keys, identities, signatures ---- */

void hip_diffie_hellman_get(struct reader *r, struct hip_diffie_hellman *x)
{
	x->group = reader_u8(r);
	x->value = reader_opaque16(r);
	hip_contents_end(r);
}

void hip_diffie_hellman_put(struct writer *w, const struct hip_diffie_hellman *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_DIFFIE_HELLMAN);

	writer_u8(w, x->group);
	writer_opaque16(w, x->value);
	hip_parameter_end(w, place);
}

void hip_encrypted_get(struct reader *r, size_t iv_length, struct hip_encrypted *x)
{
	reader_u32(r);
	x->iv = reader_bytes(r, iv_length);
	x->data = hip_rest(r);
}

void hip_encrypted_put(struct writer *w, const struct hip_encrypted *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_ENCRYPTED);

	writer_u32(w, 0);
	writer_bytes(w, x->iv);
	writer_bytes(w, x->data);
	hip_parameter_end(w, place);
}

void hip_host_id_get(struct reader *r, struct hip_host_id *x)
{
	uint16_t identity_length = reader_u16(r);
	uint16_t domain = reader_u16(r);

	x->domain_type = (uint8_t)(domain >> HIP_DOMAIN_LENGTH_BITS);
	/* HI Length counts the Host Identity alone, the algorithm comes on top. */
	x->identity = reader_bytes(r, HIP_ALGORITHM_LENGTH + (size_t)identity_length);
	x->algorithm = (uint16_t)(r->err == 0 ? x->identity.data[0] << 8 | x->identity.data[1] : 0);
	x->domain = reader_bytes(r, domain & HIP_DOMAIN_LENGTH_MAX);
	hip_contents_end(r);
}

void hip_host_id_put(struct writer *w, const struct hip_host_id *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_HOST_ID);

	if (x->identity.len < HIP_ALGORITHM_LENGTH || x->domain_type > 0x0f)
		writer_fail(w, ERR_MALFORMED);
	else if (x->identity.len > HIP_PACKET_MAX || x->domain.len > HIP_DOMAIN_LENGTH_MAX)
		writer_fail(w, ERR_LIMIT);
	writer_u16(w, (uint16_t)(x->identity.len - HIP_ALGORITHM_LENGTH));
	writer_u16(w, (uint16_t)(x->domain_type << HIP_DOMAIN_LENGTH_BITS | (x->domain.len & HIP_DOMAIN_LENGTH_MAX)));
	writer_bytes(w, x->identity);
	writer_bytes(w, x->domain);
	hip_parameter_end(w, place);
}

void hip_cert_get(struct reader *r, struct hip_cert *x)
{
	x->group = reader_u8(r);
	x->count = reader_u8(r);
	x->id = reader_u8(r);
	x->type = reader_u8(r);
	x->certificate = hip_rest(r);
}

void hip_cert_put(struct writer *w, const struct hip_cert *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_CERT);

	writer_u8(w, x->group);
	writer_u8(w, x->count);
	writer_u8(w, x->id);
	writer_u8(w, x->type);
	writer_bytes(w, x->certificate);
	hip_parameter_end(w, place);
}

void hip_notification_get(struct reader *r, struct hip_notification *x)
{
	reader_u16(r);
	x->type = reader_u16(r);
	x->data = hip_rest(r);
}

void hip_notification_put(struct writer *w, const struct hip_notification *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_NOTIFICATION);

	writer_u16(w, 0);
	writer_u16(w, x->type);
	writer_bytes(w, x->data);
	hip_parameter_end(w, place);
}

void hip_signature_get(struct reader *r, struct hip_signature *x)
{
	x->algorithm = reader_u16(r);
	x->signature = hip_rest(r);
	if (r->err == 0 && x->signature.len == 0)
		reader_fail(r, ERR_TRUNCATED);
}

void hip_signature_put(struct writer *w, uint16_t type, const struct hip_signature *x)
{
	size_t place = hip_parameter_begin(w, type);

	writer_u16(w, x->algorithm);
	writer_bytes(w, x->signature);
	hip_parameter_end(w, place);
}

void hip_bytes_put(struct writer *w, uint16_t type, struct slice bytes)
{
	size_t place = hip_parameter_begin(w, type);

	writer_bytes(w, bytes);
	hip_parameter_end(w, place);
}

void hip_padding_put(struct writer *w, size_t len)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_PADDING);

	for (size_t i = 0; i < len && w->err == 0; i++)
		writer_u8(w, 0);
	hip_parameter_end(w, place);
}
