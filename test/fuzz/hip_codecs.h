/* SPDX-License-Identifier: MIT */
/* The codecs of all HIP parameters in one table, for the unit tests and the fuzz target. `put` writes type, length and
 * padding around the contents that `get` reads. */
#ifndef TEST_FUZZ_HIP_CODECS_H
#define TEST_FUZZ_HIP_CODECS_H

#include "overlay/wire/hip_parameter.h"
#include "test/fuzz/round_trip.h"

struct hip_codec {
	uint16_t type;
	round_trip_get_fn *get;
	round_trip_put_fn *put;
	bool canonical; /* but for reserved fields: contents that were put come out the same */
};

/* `kind` is the structure that get and put of hip_`name` take. */
#define HIP_CODEC(name, kind)                                                                      \
	static void *hip_codec_get_##name(struct reader *r, struct arena *a)                       \
	{                                                                                          \
		kind *x = arena_alloc(a, sizeof(*x));                                              \
                                                                                                   \
		invariant(x != NULL);                                                              \
		hip_##name##_get(r, x);                                                            \
		return reader_finish(r) == 0 ? x : NULL;                                           \
	}
#define HIP_CODEC_PUT(name)                                                                        \
	static void hip_codec_put_##name(struct writer *w, const void *x) { hip_##name##_put(w, x); }
/* Those whose put takes a number. */
#define HIP_CODEC_PUT_NUMBER(name, kind)                                                           \
	static void hip_codec_put_##name(struct writer *w, const void *x)                          \
	{                                                                                          \
		hip_##name##_put(w, *(const kind *)x);                                             \
	}
/* Those whose put takes the type as well. */
#define HIP_CODEC_PUT_TYPE(name, NAME)                                                             \
	static void hip_codec_put_##NAME(struct writer *w, const void *x)                          \
	{                                                                                          \
		hip_##name##_put(w, HIP_PARAMETER_##NAME, x);                                      \
	}

HIP_CODEC(esp_info, struct hip_esp_info)
HIP_CODEC_PUT(esp_info)
HIP_CODEC(r1_counter, uint64_t)
HIP_CODEC_PUT_NUMBER(r1_counter, uint64_t)
HIP_CODEC(locator_set, struct hip_locator_set)
HIP_CODEC_PUT(locator_set)
HIP_CODEC(puzzle, struct hip_puzzle)
HIP_CODEC_PUT(puzzle)
HIP_CODEC(solution, struct hip_solution)
HIP_CODEC_PUT(solution)
HIP_CODEC(seq, uint32_t)
HIP_CODEC_PUT_NUMBER(seq, uint32_t)
HIP_CODEC(ack, struct hip_ack)
HIP_CODEC_PUT(ack)
HIP_CODEC(dh_group_list, struct hip_list)
HIP_CODEC_PUT(dh_group_list)
HIP_CODEC(diffie_hellman, struct hip_diffie_hellman)
HIP_CODEC_PUT(diffie_hellman)
HIP_CODEC(cipher, struct hip_list)
HIP_CODEC_PUT(cipher)
HIP_CODEC(nat_traversal_mode, struct hip_list)
HIP_CODEC_PUT(nat_traversal_mode)
HIP_CODEC(transaction_pacing, uint32_t)
HIP_CODEC_PUT_NUMBER(transaction_pacing, uint32_t)
HIP_CODEC(host_id, struct hip_host_id)
HIP_CODEC_PUT(host_id)
HIP_CODEC(hit_suite_list, struct hip_list)
HIP_CODEC_PUT(hit_suite_list)
HIP_CODEC(cert, struct hip_cert)
HIP_CODEC_PUT(cert)
HIP_CODEC(notification, struct hip_notification)
HIP_CODEC_PUT(notification)
HIP_CODEC(reg_info, struct hip_reg_info)
HIP_CODEC_PUT(reg_info)
HIP_CODEC(reg_request, struct hip_registration)
HIP_CODEC_PUT(reg_request)
HIP_CODEC(reg_response, struct hip_registration)
HIP_CODEC_PUT(reg_response)
HIP_CODEC(reg_failed, struct hip_reg_failed)
HIP_CODEC_PUT(reg_failed)
HIP_CODEC(transport_address, struct hip_transport_address)
HIP_CODEC_PUT_TYPE(transport_address, REG_FROM)
HIP_CODEC_PUT_TYPE(transport_address, RELAY_FROM)
HIP_CODEC_PUT_TYPE(transport_address, RELAY_TO)
HIP_CODEC(transport_format_list, struct hip_list)
HIP_CODEC_PUT(transport_format_list)
HIP_CODEC(esp_transform, struct hip_list)
HIP_CODEC_PUT(esp_transform)
HIP_CODEC(signature, struct hip_signature)
HIP_CODEC_PUT_TYPE(signature, HIP_SIGNATURE_2)
HIP_CODEC_PUT_TYPE(signature, HIP_SIGNATURE)
HIP_CODEC(from, struct address)
HIP_CODEC_PUT(from)
HIP_CODEC(via_rvs, struct hip_via_rvs)
HIP_CODEC_PUT(via_rvs)

/* The IV of the AES ciphers. */
static void *hip_codec_get_encrypted(struct reader *r, struct arena *a)
{
	struct hip_encrypted *x = arena_alloc(a, sizeof(*x));

	invariant(x != NULL);
	hip_encrypted_get(r, 16, x);
	return reader_finish(r) == 0 ? x : NULL;
}
HIP_CODEC_PUT(encrypted)

/* MACs and echoes are what they are. */
static void *hip_codec_get_bytes(struct reader *r, struct arena *a)
{
	struct slice *x = arena_alloc(a, sizeof(*x));

	invariant(x != NULL);
	*x = reader_bytes(r, reader_left(r));
	return x;
}
#define HIP_CODEC_PUT_BYTES(NAME)                                                                  \
	static void hip_codec_put_##NAME(struct writer *w, const void *x)                          \
	{                                                                                          \
		hip_bytes_put(w, HIP_PARAMETER_##NAME, *(const struct slice *)x);                  \
	}
HIP_CODEC_PUT_BYTES(ECHO_REQUEST_SIGNED)
HIP_CODEC_PUT_BYTES(ECHO_RESPONSE_SIGNED)
HIP_CODEC_PUT_BYTES(HIP_MAC)
HIP_CODEC_PUT_BYTES(HIP_MAC_2)
HIP_CODEC_PUT_BYTES(ECHO_RESPONSE_UNSIGNED)
HIP_CODEC_PUT_BYTES(ECHO_REQUEST_UNSIGNED)
HIP_CODEC_PUT_BYTES(RVS_HMAC)
HIP_CODEC_PUT_BYTES(RELAY_HMAC)
HIP_CODEC_PUT_BYTES(PADDING)

#define HIP_CODEC_ROW(NAME, get, put, canonical)                                                   \
	{                                                                                          \
		HIP_PARAMETER_##NAME, hip_codec_get_##get, hip_codec_put_##put, canonical          \
	}

static const struct hip_codec hip_codecs[] = {
	HIP_CODEC_ROW(ESP_INFO, esp_info, esp_info, false),
	HIP_CODEC_ROW(R1_COUNTER, r1_counter, r1_counter, false),
	HIP_CODEC_ROW(LOCATOR_SET, locator_set, locator_set, false),
	HIP_CODEC_ROW(PUZZLE, puzzle, puzzle, true),
	HIP_CODEC_ROW(SOLUTION, solution, solution, false),
	HIP_CODEC_ROW(SEQ, seq, seq, true),
	HIP_CODEC_ROW(ACK, ack, ack, false),
	HIP_CODEC_ROW(DH_GROUP_LIST, dh_group_list, dh_group_list, false),
	HIP_CODEC_ROW(DIFFIE_HELLMAN, diffie_hellman, diffie_hellman, true),
	HIP_CODEC_ROW(HIP_CIPHER, cipher, cipher, false),
	HIP_CODEC_ROW(NAT_TRAVERSAL_MODE, nat_traversal_mode, nat_traversal_mode, false),
	HIP_CODEC_ROW(TRANSACTION_PACING, transaction_pacing, transaction_pacing, true),
	HIP_CODEC_ROW(ENCRYPTED, encrypted, encrypted, false),
	HIP_CODEC_ROW(HOST_ID, host_id, host_id, true),
	HIP_CODEC_ROW(HIT_SUITE_LIST, hit_suite_list, hit_suite_list, false),
	HIP_CODEC_ROW(CERT, cert, cert, true),
	HIP_CODEC_ROW(NOTIFICATION, notification, notification, false),
	HIP_CODEC_ROW(ECHO_REQUEST_SIGNED, bytes, ECHO_REQUEST_SIGNED, true),
	HIP_CODEC_ROW(REG_INFO, reg_info, reg_info, false),
	HIP_CODEC_ROW(REG_REQUEST, reg_request, reg_request, false),
	HIP_CODEC_ROW(REG_RESPONSE, reg_response, reg_response, false),
	HIP_CODEC_ROW(REG_FAILED, reg_failed, reg_failed, false),
	HIP_CODEC_ROW(REG_FROM, transport_address, REG_FROM, false),
	HIP_CODEC_ROW(ECHO_RESPONSE_SIGNED, bytes, ECHO_RESPONSE_SIGNED, true),
	HIP_CODEC_ROW(TRANSPORT_FORMAT_LIST, transport_format_list, transport_format_list, false),
	HIP_CODEC_ROW(ESP_TRANSFORM, esp_transform, esp_transform, false),
	HIP_CODEC_ROW(PADDING, bytes, PADDING, true),
	HIP_CODEC_ROW(HIP_MAC, bytes, HIP_MAC, true),
	HIP_CODEC_ROW(HIP_MAC_2, bytes, HIP_MAC_2, true),
	HIP_CODEC_ROW(HIP_SIGNATURE_2, signature, HIP_SIGNATURE_2, true),
	HIP_CODEC_ROW(HIP_SIGNATURE, signature, HIP_SIGNATURE, true),
	HIP_CODEC_ROW(ECHO_RESPONSE_UNSIGNED, bytes, ECHO_RESPONSE_UNSIGNED, true),
	HIP_CODEC_ROW(ECHO_REQUEST_UNSIGNED, bytes, ECHO_REQUEST_UNSIGNED, true),
	HIP_CODEC_ROW(RELAY_FROM, transport_address, RELAY_FROM, false),
	HIP_CODEC_ROW(RELAY_TO, transport_address, RELAY_TO, false),
	HIP_CODEC_ROW(FROM, from, from, true),
	HIP_CODEC_ROW(RVS_HMAC, bytes, RVS_HMAC, true),
	HIP_CODEC_ROW(VIA_RVS, via_rvs, via_rvs, false),
	HIP_CODEC_ROW(RELAY_HMAC, bytes, RELAY_HMAC, true),
};
#define HIP_CODEC_COUNT (sizeof(hip_codecs) / sizeof(hip_codecs[0]))

#endif
