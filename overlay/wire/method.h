/* SPDX-License-Identifier: MIT */
/* The methods of RFC 6940 14.8 in one table: it drives dispatch, names, counters, round-trip tests and
 * fuzz targets. */
#ifndef OVERLAY_WIRE_METHOD_H
#define OVERLAY_WIRE_METHOD_H

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, name, request code). The answer's code is one more. exp_a and exp_b are RFC 6940's
 * experimental methods; Peal uses exp_b for Inspect (docs/decisions/0005). */
#define METHOD_MAP(X)                                                                              \
	X(PROBE, probe, 0x01)                                                                      \
	X(ATTACH, attach, 0x03)                                                                    \
	X(STORE, store, 0x07)                                                                      \
	X(FETCH, fetch, 0x09)                                                                      \
	X(FIND, find, 0x0d)                                                                        \
	X(JOIN, join, 0x0f)                                                                        \
	X(LEAVE, leave, 0x11)                                                                      \
	X(UPDATE, update, 0x13)                                                                    \
	X(ROUTE_QUERY, route_query, 0x15)                                                          \
	X(PING, ping, 0x17)                                                                        \
	X(STAT, stat, 0x19)                                                                        \
	X(APP_ATTACH, app_attach, 0x1d)                                                            \
	X(CONFIG_UPDATE, config_update, 0x21)                                                      \
	X(EXP_A, exp_a, 0x23)                                                                      \
	X(EXP_B, exp_b, 0x25)

enum method {
#define X(NAME, name, code) METHOD_##NAME,
	METHOD_MAP(X)
#undef X
	METHOD_COUNT
};

enum { MESSAGE_CODE_ERROR = 0xffff };

uint16_t method_request_code(enum method m);
uint16_t method_answer_code(enum method m);

/* The method a code belongs to, or METHOD_COUNT. */
enum method method_of_code(uint16_t code);

/* Requests are odd, and not the error code. */
bool message_code_is_request(uint16_t code);

/* "store_req", "store_ans", "error"; "unknown" else. */
const char *message_code_name(uint16_t code);
/* "store". */
const char *method_name(enum method m);

#endif
