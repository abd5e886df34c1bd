/* SPDX-License-Identifier: MIT */
/* The parameters of HIP, a get/put pair each, in the order of their types (RFC 7401 5.2, RFC 7402 5.1, RFC 8003 4,
 * RFC 8004 4.2, RFC 8046 4, RFC 9028 5). `get` reads the contents of one parameter (type, length and padding are
 * hip_packet.h's) and ends with ERR_TRUNCATED, ERR_TRAILING or ERR_MALFORMED; slices borrow from the packet. `put`
 * writes the whole parameter. */
#ifndef OVERLAY_WIRE_HIP_PARAMETER_H
#define OVERLAY_WIRE_HIP_PARAMETER_H

#include "overlay/wire/hip_packet.h"

/* X(NAME, type number). All that this node understands. */
#define HIP_PARAMETER_MAP(X)                                                                       \
	X(ESP_INFO, 65)                                                                            \
	X(R1_COUNTER, 129)                                                                         \
	X(LOCATOR_SET, 193)                                                                        \
	X(PUZZLE, 257)                                                                             \
	X(SOLUTION, 321)                                                                           \
	X(SEQ, 385)                                                                                \
	X(ACK, 449)                                                                                \
	X(DH_GROUP_LIST, 511)                                                                      \
	X(DIFFIE_HELLMAN, 513)                                                                     \
	X(HIP_CIPHER, 579)                                                                         \
	X(NAT_TRAVERSAL_MODE, 608)                                                                 \
	X(TRANSACTION_PACING, 610)                                                                 \
	X(ENCRYPTED, 641)                                                                          \
	X(HOST_ID, 705)                                                                            \
	X(HIT_SUITE_LIST, 715)                                                                     \
	X(CERT, 768)                                                                               \
	X(NOTIFICATION, 832)                                                                       \
	X(ECHO_REQUEST_SIGNED, 897)                                                                \
	X(REG_INFO, 930)                                                                           \
	X(REG_REQUEST, 932)                                                                        \
	X(REG_RESPONSE, 934)                                                                       \
	X(REG_FAILED, 936)                                                                         \
	X(REG_FROM, 950)                                                                           \
	X(ECHO_RESPONSE_SIGNED, 961)                                                               \
	X(TRANSPORT_FORMAT_LIST, 2049)                                                             \
	X(ESP_TRANSFORM, 4095)                                                                     \
	X(PADDING, 33280)                                                                          \
	X(HIP_MAC, 61505)                                                                          \
	X(HIP_MAC_2, 61569)                                                                        \
	X(HIP_SIGNATURE_2, 61633)                                                                  \
	X(HIP_SIGNATURE, 61697)                                                                    \
	X(ECHO_RESPONSE_UNSIGNED, 63425)                                                           \
	X(ECHO_REQUEST_UNSIGNED, 63661)                                                            \
	X(RELAY_FROM, 63998)                                                                       \
	X(RELAY_TO, 64002)                                                                         \
	X(FROM, 65498)                                                                             \
	X(RVS_HMAC, 65500)                                                                         \
	X(VIA_RVS, 65502)                                                                          \
	X(RELAY_HMAC, 65520)

enum hip_parameter_type {
#define X(NAME, number) HIP_PARAMETER_##NAME = number,
	HIP_PARAMETER_MAP(X)
#undef X
};
/* "ESP_INFO"; "unknown". */
const char *hip_parameter_name(uint16_t type);
bool hip_parameter_is_known(uint16_t type);

/* RHASH is SHA-256 (32) or SHA-384 (48): the length of I and J (5.2.4). */
#define HIP_RHASH_MAX 48
#define HIP_LIST_MAX 16     /* entries of one list read; more are ignored, none is remembered */
#define HIP_LOCATORS_MAX 8  /* locators of one set read; more: ERR_LIMIT */

/* A list of numbers: groups, suites, transforms, registration types. */
struct hip_list {
	uint16_t items[HIP_LIST_MAX];
	size_t count;
};
bool hip_list_has(const struct hip_list *list, uint16_t item);
/* The first of `own` (preference) that is in `theirs`; 0: none. */
uint16_t hip_list_choose(const struct hip_list *own, const struct hip_list *theirs);

struct hip_esp_info { uint16_t keymat_index; uint32_t old_spi, new_spi; };      /* RFC 7402 5.1.1 */
void hip_esp_info_get(struct reader *r, struct hip_esp_info *x);
void hip_esp_info_put(struct writer *w, const struct hip_esp_info *x);

void hip_r1_counter_get(struct reader *r, uint64_t *x);                          /* 5.2.3 */
void hip_r1_counter_put(struct writer *w, uint64_t x);

/* RFC 8046 4. Locator types 0 (address), 1 (SPI and address) and RFC 9028's 2 (UDP port, SPI and address; its priority
 * and kind are passed over). */
struct hip_locator {
	uint8_t traffic;     /* 0 both, 1 signalling, 2 data */
	uint8_t type;        /* 0, 1, 2; others are skipped when read */
	bool preferred;
	uint32_t lifetime_s;
	uint32_t spi;        /* types 1 and 2 */
	struct address address; /* IPv4-mapped IPv6 on the wire, IPv4 here; port 0 but for type 2: set by the caller */
};
struct hip_locator_set { struct hip_locator items[HIP_LOCATORS_MAX]; size_t count; };
void hip_locator_set_get(struct reader *r, struct hip_locator_set *x);
void hip_locator_set_put(struct writer *w, const struct hip_locator_set *x);

struct hip_puzzle { uint8_t k, lifetime; uint16_t opaque; struct slice i; };     /* 5.2.4; 2^(lifetime-32) s */
void hip_puzzle_get(struct reader *r, struct hip_puzzle *x);
void hip_puzzle_put(struct writer *w, const struct hip_puzzle *x);
struct hip_solution { uint8_t k; uint16_t opaque; struct slice i, j; };          /* 5.2.5; i and j equally long */
void hip_solution_get(struct reader *r, struct hip_solution *x);
void hip_solution_put(struct writer *w, const struct hip_solution *x);

void hip_seq_get(struct reader *r, uint32_t *update_id);                         /* 5.3.5, 5.2.16 */
void hip_seq_put(struct writer *w, uint32_t update_id);
struct hip_ack { uint32_t update_ids[HIP_LIST_MAX]; size_t count; };             /* 5.2.17 */
void hip_ack_get(struct reader *r, struct hip_ack *x);
void hip_ack_put(struct writer *w, const struct hip_ack *x);

void hip_dh_group_list_get(struct reader *r, struct hip_list *x);                /* 5.2.6, a byte each */
void hip_dh_group_list_put(struct writer *w, const struct hip_list *x);
struct hip_diffie_hellman { uint8_t group; struct slice value; };                /* 5.2.7 */
void hip_diffie_hellman_get(struct reader *r, struct hip_diffie_hellman *x);
void hip_diffie_hellman_put(struct writer *w, const struct hip_diffie_hellman *x);
void hip_cipher_get(struct reader *r, struct hip_list *x);                       /* 5.2.8, at most 6 */
void hip_cipher_put(struct writer *w, const struct hip_list *x);
void hip_nat_traversal_mode_get(struct reader *r, struct hip_list *x);           /* RFC 9028 5.4 */
void hip_nat_traversal_mode_put(struct writer *w, const struct hip_list *x);
void hip_transaction_pacing_get(struct reader *r, uint32_t *minimum_ms);         /* RFC 9028 5.5 */
void hip_transaction_pacing_put(struct writer *w, uint32_t minimum_ms);

/* 5.2.18: reserved, IV (16 bytes for the AES ciphers, none for NULL), ciphertext. Padding within is crypto's. */
struct hip_encrypted { struct slice iv, data; };
void hip_encrypted_get(struct reader *r, size_t iv_length, struct hip_encrypted *x);
void hip_encrypted_put(struct writer *w, const struct hip_encrypted *x);

/* 5.2.9. `identity` is algorithm (2 bytes) and Host Identity together, in the order in which the ORCHID hashes
 * Host Identity alone; overlay/host_security.h takes it in this form. The Domain Identifier is kept as it is. */
struct hip_host_id { uint16_t algorithm; struct slice identity; uint8_t domain_type; struct slice domain; };
void hip_host_id_get(struct reader *r, struct hip_host_id *x);
void hip_host_id_put(struct writer *w, const struct hip_host_id *x);
void hip_hit_suite_list_get(struct reader *r, struct hip_list *x);               /* 5.2.10: 0x10, 0x20 ... */
void hip_hit_suite_list_put(struct writer *w, const struct hip_list *x);
struct hip_cert { uint8_t group, count, id, type; struct slice certificate; };   /* RFC 8002 2 */
void hip_cert_get(struct reader *r, struct hip_cert *x);
void hip_cert_put(struct writer *w, const struct hip_cert *x);
struct hip_notification { uint16_t type; struct slice data; };                   /* 5.2.19 */
void hip_notification_get(struct reader *r, struct hip_notification *x);
void hip_notification_put(struct writer *w, const struct hip_notification *x);

/* RFC 8003 4.1 to 4.4. Lifetimes are coded: 2^((v - 64) / 8) s. */
struct hip_reg_info { uint8_t lifetime_min, lifetime_max; struct hip_list types; };
void hip_reg_info_get(struct reader *r, struct hip_reg_info *x);
void hip_reg_info_put(struct writer *w, const struct hip_reg_info *x);
struct hip_registration { uint8_t lifetime; struct hip_list types; };            /* REG_REQUEST, REG_RESPONSE */
void hip_reg_request_get(struct reader *r, struct hip_registration *x);
void hip_reg_request_put(struct writer *w, const struct hip_registration *x);
void hip_reg_response_get(struct reader *r, struct hip_registration *x);
void hip_reg_response_put(struct writer *w, const struct hip_registration *x);
struct hip_reg_failed { uint8_t failure; struct hip_list types; };
void hip_reg_failed_get(struct reader *r, struct hip_reg_failed *x);
void hip_reg_failed_put(struct writer *w, const struct hip_reg_failed *x);
uint32_t hip_lifetime_s(uint8_t coded);
uint8_t hip_lifetime_code(uint32_t seconds); /* rounded down */

/* REG_FROM, RELAY_FROM and RELAY_TO (RFC 9028 5.7, 5.8): port, protocol, address. */
struct hip_transport_address { uint8_t protocol; struct address address; };
void hip_transport_address_get(struct reader *r, struct hip_transport_address *x);
void hip_transport_address_put(struct writer *w, uint16_t type, const struct hip_transport_address *x);

void hip_transport_format_list_get(struct reader *r, struct hip_list *x);        /* 5.2.11 */
void hip_transport_format_list_put(struct writer *w, const struct hip_list *x);
void hip_esp_transform_get(struct reader *r, struct hip_list *x);                /* RFC 7402 5.1.2 */
void hip_esp_transform_put(struct writer *w, const struct hip_list *x);

/* PADDING, of the range for private use (5.2): zeroes that make an I1 as long as the R1 it asks for, so that an I1
 * with a forged source address gains nothing. Not critical: others skip it. */
void hip_padding_put(struct writer *w, size_t len);

/* FROM and the addresses of VIA_RVS (RFC 8004 4.2.2, 4.2.4): no ports. */
void hip_from_get(struct reader *r, struct address *x);
void hip_from_put(struct writer *w, const struct address *x);
struct hip_via_rvs { struct address items[HIP_LOCATORS_MAX]; size_t count; };
void hip_via_rvs_get(struct reader *r, struct hip_via_rvs *x);
void hip_via_rvs_put(struct writer *w, const struct hip_via_rvs *x);

/* HIP_MAC, HIP_MAC_2, RVS_HMAC, RELAY_HMAC, and the echoes: contents are just bytes. */
void hip_bytes_put(struct writer *w, uint16_t type, struct slice bytes);
/* HIP_SIGNATURE, HIP_SIGNATURE_2 (5.2.14). */
struct hip_signature { uint16_t algorithm; struct slice signature; };
void hip_signature_get(struct reader *r, struct hip_signature *x);
void hip_signature_put(struct writer *w, uint16_t type, const struct hip_signature *x);

/* NOTIFICATION types (5.2.19, RFC 8003 4.5, RFC 9028 5.10). */
enum hip_notification_type {
	HIP_UNSUPPORTED_CRITICAL_PARAMETER_TYPE = 1, HIP_INVALID_SYNTAX = 7, HIP_NO_DH_PROPOSAL_CHOSEN = 14,
	HIP_INVALID_DH_CHOSEN = 15, HIP_NO_HIP_PROPOSAL_CHOSEN = 16, HIP_INVALID_HIP_CIPHER_CHOSEN = 17,
	HIP_NO_ESP_PROPOSAL_CHOSEN = 18, HIP_INVALID_ESP_TRANSFORM_CHOSEN = 19, HIP_UNSUPPORTED_HIT_SUITE = 20,
	HIP_AUTHENTICATION_FAILED = 24, HIP_CHECKSUM_FAILED = 26, HIP_HIP_MAC_FAILED = 28,
	HIP_ENCRYPTION_FAILED = 32, HIP_INVALID_HIT = 40, HIP_BLOCKED_BY_POLICY = 42,
	HIP_RESPONDER_BUSY_PLEASE_RETRY = 44, HIP_LOCATOR_TYPE_UNSUPPORTED = 46, HIP_REG_REQUIRED = 51,
	HIP_I2_ACKNOWLEDGEMENT = 16384, HIP_NAT_KEEPALIVE = 16385,
	/* Of the range for private use, status: the SPI (4 bytes) of an ESP packet that nothing here waits for, told to
	 * the NULL HIT, for ESP says nothing of who sent it. What the ICMP message of RFC 7402 5.4.1 says, through NATs
	 * and without the right to send ICMP. */
	HIP_UNKNOWN_SPI = 45731
};

#endif
