/* SPDX-License-Identifier: MIT */
/* The parameters of mobility, registration, rendezvous and relaying: addresses, lifetimes, registration types. */
#include <string.h>

#include "overlay/wire/hip_parameter.h"

#define HIP_IPV6_LENGTH 16
#define HIP_MAPPED_LENGTH 12 /* bytes before an IPv4 address in IPv6 form */

#define HIP_LOCATOR_ADDRESS 0
#define HIP_LOCATOR_SPI 1
#define HIP_LOCATOR_TRANSPORT 2 /* RFC 9028 5.7 */
#define HIP_LOCATOR_PREFERRED 0x01
#define HIP_LOCATOR_UNIT 4 /* bytes that a locator's length counts */
#define HIP_UDP 17

static const uint8_t hip_mapped_prefix[HIP_MAPPED_LENGTH] = { [10] = 0xff, [11] = 0xff };

/* 16 bytes: IPv6, or IPv4 in IPv6 form, which is kept as IPv4. No port. */
static void hip_address_get(struct reader *r, struct address *x)
{
	uint8_t bytes[HIP_IPV6_LENGTH];

	*x = (struct address){ .type = ADDRESS_IPV6 };
	reader_copy(r, bytes, sizeof(bytes));
	if (memcmp(bytes, hip_mapped_prefix, sizeof(hip_mapped_prefix)) == 0) {
		x->type = ADDRESS_IPV4;
		memcpy(x->bytes, bytes + HIP_MAPPED_LENGTH, sizeof(bytes) - HIP_MAPPED_LENGTH);
	} else {
		memcpy(x->bytes, bytes, sizeof(bytes));
	}
}

static void hip_address_put(struct writer *w, const struct address *x)
{
	if (x->type == ADDRESS_IPV4) {
		writer_bytes(w, slice_of(hip_mapped_prefix, sizeof(hip_mapped_prefix)));
		writer_bytes(w, slice_of(x->bytes, HIP_IPV6_LENGTH - HIP_MAPPED_LENGTH));
	} else if (x->type == ADDRESS_IPV6) {
		writer_bytes(w, slice_of(x->bytes, HIP_IPV6_LENGTH));
	} else {
		writer_fail(w, ERR_MALFORMED);
	}
}

static void hip_contents_end(struct reader *r)
{
	if (reader_more(r))
		reader_fail(r, ERR_TRAILING);
}

/* ---- LOCATOR_SET ---- */

/* The locator itself; false when its type is none of ours. */
static bool hip_locator_address_get(struct reader *r, struct hip_locator *x)
{
	uint16_t port = 0;
	uint8_t protocol = HIP_UDP;

	switch (x->type) {
	case HIP_LOCATOR_ADDRESS:
		break;
	case HIP_LOCATOR_SPI:
		x->spi = reader_u32(r);
		break;
	case HIP_LOCATOR_TRANSPORT:
		port = reader_u16(r);
		protocol = reader_u8(r);
		reader_u8(r);
		reader_u32(r);
		x->spi = reader_u32(r);
		break;
	default:
		reader_bytes(r, reader_left(r));
		return false;
	}
	hip_address_get(r, &x->address);
	x->address.port = port;
	return protocol == HIP_UDP;
}

void hip_locator_set_get(struct reader *r, struct hip_locator_set *x)
{
	*x = (struct hip_locator_set){ .count = 0 };
	while (reader_more(r)) {
		struct hip_locator one = { .traffic = reader_u8(r), .type = reader_u8(r) };
		size_t len = HIP_LOCATOR_UNIT * (size_t)reader_u8(r);
		struct reader locator;
		bool ours;

		one.preferred = (reader_u8(r) & HIP_LOCATOR_PREFERRED) != 0;
		one.lifetime_s = reader_u32(r);
		locator = reader_of(reader_bytes(r, len));
		if (r->err != 0)
			return;
		ours = hip_locator_address_get(&locator, &one);
		/* A length that does not fit the type is a malformed locator, not an early end. */
		if (reader_finish(&locator) != 0) {
			reader_fail(r, ERR_MALFORMED);
			return;
		}
		if (!ours)
			continue;
		if (x->count == HIP_LOCATORS_MAX) {
			reader_fail(r, ERR_LIMIT);
			return;
		}
		x->items[x->count++] = one;
	}
}

static void hip_locator_put(struct writer *w, const struct hip_locator *x)
{
	static const uint8_t units[] = { [HIP_LOCATOR_ADDRESS] = 4, [HIP_LOCATOR_SPI] = 5,
					 [HIP_LOCATOR_TRANSPORT] = 7 };

	if (x->type > HIP_LOCATOR_TRANSPORT) {
		writer_fail(w, ERR_MALFORMED);
		return;
	}
	writer_u8(w, x->traffic);
	writer_u8(w, x->type);
	writer_u8(w, units[x->type]);
	writer_u8(w, x->preferred ? HIP_LOCATOR_PREFERRED : 0);
	writer_u32(w, x->lifetime_s);
	if (x->type == HIP_LOCATOR_TRANSPORT) {
		writer_u16(w, x->address.port);
		writer_u8(w, HIP_UDP);
		writer_u8(w, 0);
		writer_u32(w, 0);
	}
	if (x->type != HIP_LOCATOR_ADDRESS)
		writer_u32(w, x->spi);
	hip_address_put(w, &x->address);
}

void hip_locator_set_put(struct writer *w, const struct hip_locator_set *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_LOCATOR_SET);

	if (x->count > HIP_LOCATORS_MAX)
		writer_fail(w, ERR_LIMIT);
	for (size_t i = 0; i < x->count && w->err == 0; i++)
		hip_locator_put(w, &x->items[i]);
	hip_parameter_end(w, place);
}

/* ---- Registration ---- */

/* Registration types to the end of the contents, a byte each. */
static void hip_reg_types_get(struct reader *r, struct hip_list *x)
{
	hip_dh_group_list_get(r, x);
}

static void hip_reg_types_put(struct writer *w, const struct hip_list *x)
{
	if (x->count > HIP_LIST_MAX)
		writer_fail(w, ERR_LIMIT);
	for (size_t i = 0; i < x->count && w->err == 0; i++) {
		if (x->items[i] > UINT8_MAX)
			writer_fail(w, ERR_MALFORMED);
		writer_u8(w, (uint8_t)(x->items[i] & 0xff));
	}
}

void hip_reg_info_get(struct reader *r, struct hip_reg_info *x)
{
	x->lifetime_min = reader_u8(r);
	x->lifetime_max = reader_u8(r);
	hip_reg_types_get(r, &x->types);
}

void hip_reg_info_put(struct writer *w, const struct hip_reg_info *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_REG_INFO);

	writer_u8(w, x->lifetime_min);
	writer_u8(w, x->lifetime_max);
	hip_reg_types_put(w, &x->types);
	hip_parameter_end(w, place);
}

static void hip_registration_get(struct reader *r, struct hip_registration *x)
{
	x->lifetime = reader_u8(r);
	hip_reg_types_get(r, &x->types);
}

static void hip_registration_put(struct writer *w, uint16_t type, const struct hip_registration *x)
{
	size_t place = hip_parameter_begin(w, type);

	writer_u8(w, x->lifetime);
	hip_reg_types_put(w, &x->types);
	hip_parameter_end(w, place);
}

void hip_reg_request_get(struct reader *r, struct hip_registration *x)
{
	hip_registration_get(r, x);
}

void hip_reg_request_put(struct writer *w, const struct hip_registration *x)
{
	hip_registration_put(w, HIP_PARAMETER_REG_REQUEST, x);
}

void hip_reg_response_get(struct reader *r, struct hip_registration *x)
{
	hip_registration_get(r, x);
}

void hip_reg_response_put(struct writer *w, const struct hip_registration *x)
{
	hip_registration_put(w, HIP_PARAMETER_REG_RESPONSE, x);
}

void hip_reg_failed_get(struct reader *r, struct hip_reg_failed *x)
{
	x->failure = reader_u8(r);
	hip_reg_types_get(r, &x->types);
}

void hip_reg_failed_put(struct writer *w, const struct hip_reg_failed *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_REG_FAILED);

	writer_u8(w, x->failure);
	hip_reg_types_put(w, &x->types);
	hip_parameter_end(w, place);
}

#define HIP_LIFETIME_SECOND 64 /* the code of one second */
#define HIP_LIFETIME_STEPS 8   /* codes a doubling */
#define HIP_LIFETIME_BITS 32   /* behind the point */

/* Seconds, 32 bits of them behind the point; codes below one second give 0. */
static uint64_t hip_lifetime_fixed(unsigned coded)
{
	/* 2^(n/8), cut off. */
	static const uint64_t steps[HIP_LIFETIME_STEPS] = {
		0x100000000, 0x1172b83c7, 0x1306fe0a3, 0x14bfdad53, 0x16a09e667, 0x18ace5422, 0x1ae89f995, 0x1d5818dcf,
	};

	if (coded < HIP_LIFETIME_SECOND)
		return 0;
	coded -= HIP_LIFETIME_SECOND;
	return steps[coded % HIP_LIFETIME_STEPS] << coded / HIP_LIFETIME_STEPS;
}

uint32_t hip_lifetime_s(uint8_t coded)
{
	return (uint32_t)(hip_lifetime_fixed(coded) >> HIP_LIFETIME_BITS);
}

uint8_t hip_lifetime_code(uint32_t seconds)
{
	unsigned coded = UINT8_MAX;

	if (seconds == 0)
		return 0;
	while (hip_lifetime_fixed(coded) > (uint64_t)seconds << HIP_LIFETIME_BITS)
		coded--;
	return (uint8_t)coded;
}

/* ---- Rendezvous and relaying ---- */

void hip_transport_address_get(struct reader *r, struct hip_transport_address *x)
{
	uint16_t port = reader_u16(r);

	x->protocol = reader_u8(r);
	reader_u8(r);
	hip_address_get(r, &x->address);
	x->address.port = port;
	hip_contents_end(r);
}

void hip_transport_address_put(struct writer *w, uint16_t type, const struct hip_transport_address *x)
{
	size_t place = hip_parameter_begin(w, type);

	writer_u16(w, x->address.port);
	writer_u8(w, x->protocol);
	writer_u8(w, 0);
	hip_address_put(w, &x->address);
	hip_parameter_end(w, place);
}

void hip_from_get(struct reader *r, struct address *x)
{
	hip_address_get(r, x);
	hip_contents_end(r);
}

void hip_from_put(struct writer *w, const struct address *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_FROM);

	hip_address_put(w, x);
	hip_parameter_end(w, place);
}

void hip_via_rvs_get(struct reader *r, struct hip_via_rvs *x)
{
	*x = (struct hip_via_rvs){ .count = 0 };
	/* At least one. It is for people who look for a fault, so more than fit are passed over. */
	do {
		struct address one;

		hip_address_get(r, &one);
		if (r->err == 0 && x->count < HIP_LOCATORS_MAX)
			x->items[x->count++] = one;
	} while (reader_more(r));
}

void hip_via_rvs_put(struct writer *w, const struct hip_via_rvs *x)
{
	size_t place = hip_parameter_begin(w, HIP_PARAMETER_VIA_RVS);

	if (x->count == 0 || x->count > HIP_LOCATORS_MAX)
		writer_fail(w, x->count == 0 ? ERR_MALFORMED : ERR_LIMIT);
	for (size_t i = 0; i < x->count && w->err == 0; i++)
		hip_address_put(w, &x->items[i]);
	hip_parameter_end(w, place);
}
