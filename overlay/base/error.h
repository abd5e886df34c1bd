/* SPDX-License-Identifier: MIT */
/* The one list of errors: name, text, and the RELOAD error code that answers a request which failed
 * with it (RFC 6940 section 14.9; 0: such a failure is never answered, the message is dropped). */
#ifndef OVERLAY_BASE_ERROR_H
#define OVERLAY_BASE_ERROR_H

#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* X(name, text, RELOAD error code). The first block is RFC 6940's own list, in its order. */
#define ERR_MAP(X)                                                                                 \
	X(FORBIDDEN, "forbidden", 0x2)                                                             \
	X(NOT_FOUND, "not found", 0x3)                                                             \
	X(REQUEST_TIMEOUT, "no answer within the Maximum Request Lifetime", 0x4)                   \
	X(GENERATION_COUNTER_TOO_LOW, "generation counter too low", 0x5)                           \
	X(INCOMPATIBLE_WITH_OVERLAY, "incompatible with this overlay", 0x6)                        \
	X(UNSUPPORTED_FORWARDING_OPTION, "unsupported critical forwarding option", 0x7)            \
	X(DATA_TOO_LARGE, "data larger or more numerous than its Kind allows", 0x8)                \
	X(DATA_TOO_OLD, "storage time not later than that of the stored value", 0x9)               \
	X(TTL_EXCEEDED, "TTL exceeded", 0xa)                                                       \
	X(MESSAGE_TOO_LARGE, "message larger than max-message-size", 0xb)                          \
	X(UNKNOWN_KIND, "unknown Kind", 0xc)                                                       \
	X(UNKNOWN_EXTENSION, "unknown critical extension", 0xd)                                    \
	X(RESPONSE_TOO_LARGE, "response larger than max_response_length", 0xe)                     \
	X(CONFIG_TOO_OLD, "configuration sequence too old", 0xf)                                   \
	X(CONFIG_TOO_NEW, "configuration sequence too new", 0x10)                                  \
	X(IN_PROGRESS, "in progress", 0x11)                                                        \
	X(EXP_A, "experimental error A", 0x12)                                                     \
	X(EXP_B, "experimental error B", 0x13)                                                     \
	X(INVALID_MESSAGE, "invalid message", 0x14)                                                \
	/* Ours. */                                                                                \
	X(INTERNAL, "internal error", 0x3)                                                         \
	X(TRUNCATED, "the bytes end too early", 0x14)                                              \
	X(TRAILING, "bytes left over after the last field", 0x14)                                  \
	X(MALFORMED, "a field holds a value that is not allowed", 0x14)                            \
	X(LIMIT, "a limit was reached", 0x2)                                                       \
	X(SIGNATURE, "signature does not verify", 0)                                               \
	X(CERTIFICATE, "certificate not acceptable", 0)                                            \
	X(CERTIFICATE_EXPIRED, "certificate expired or not yet valid", 0)                          \
	X(CERTIFICATE_UNKNOWN, "the signer's certificate is not in the message", 0)                \
	X(NODE_ID_MISMATCH, "Node-ID does not fit the certificate", 0x2)                           \
	X(BAD_NODE, "Node-ID is listed as bad-node in the configuration", 0x2)                     \
	X(FROM_THE_FUTURE, "storage time is ahead of the clock", 0x2)                              \
	X(NO_ROUTE, "no route to the destination", 0x3)                                            \
	X(DUPLICATE, "already seen", 0)                                                            \
	X(NOT_JOINED, "this node has not joined the overlay", 0x3)                                 \
	X(LINK, "the link failed", 0)                                                              \
	X(IO, "input or output failed", 0)                                                         \
	X(STORAGE, "the record store failed", 0x3)                                                 \
	X(CONFIG, "configuration not valid", 0)                                                    \
	X(UNSUPPORTED, "not supported", 0x3)                                                       \
	X(KEY, "private key not usable", 0)                                                        \
	X(PERMISSION, "file permissions are not private", 0)                                       \
	X(CANCELLED, "cancelled", 0)

enum error_index {
	ERR_INDEX_OK,
#define X(name, text, code) ERR_INDEX_##name,
	ERR_MAP(X)
#undef X
	ERR_INDEX_COUNT
};

/* Functions return 0 or one of these negative codes. */
enum {
#define X(name, text, code) ERR_##name = -(int)ERR_INDEX_##name,
	ERR_MAP(X)
#undef X
};

/* "forbidden"; "success" for 0. Never NULL. */
const char *error_text(int err);

/* "FORBIDDEN"; "OK" for 0. Never NULL. For logs, counters and JSON. */
const char *error_name(int err);

/* The code that an Error answer carries for `err`; 0 when the failure is not answered. */
uint16_t error_reload_code(int err);

/* The ERR_* that stands for a received error code; ERR_INVALID_MESSAGE for one not in RFC 6940. */
int error_from_reload_code(uint16_t code);

#endif
