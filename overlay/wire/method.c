/* SPDX-License-Identifier: MIT */
/* Codes and names of the methods, all from METHOD_MAP. */
#include "overlay/wire/method.h"

#include "overlay/base/invariant.h"

#define MESSAGE_CODE_RESERVED 0x8000 /* and above, but for the error code */

uint16_t method_request_code(enum method m)
{
	static const uint16_t codes[METHOD_COUNT] = {
#define X(NAME, name, code) [METHOD_##NAME] = code,
		METHOD_MAP(X)
#undef X
	};

	invariant((unsigned)m < METHOD_COUNT);
	return codes[m];
}

uint16_t method_answer_code(enum method m)
{
	return (uint16_t)(method_request_code(m) + 1);
}

enum method method_of_code(uint16_t code)
{
	switch (code) {
#define X(NAME, name, request)                                                                             \
	case request:                                                                                      \
	case (request) + 1:                                                                                \
		return METHOD_##NAME;
		METHOD_MAP(X)
#undef X
	default:
		return METHOD_COUNT;
	}
}

bool message_code_is_request(uint16_t code)
{
	return code < MESSAGE_CODE_RESERVED && code % 2 == 1;
}

const char *message_code_name(uint16_t code)
{
	switch (code) {
#define X(NAME, name, request)                                                                             \
	case request:                                                                                      \
		return #name "_req";                                                                       \
	case (request) + 1:                                                                                \
		return #name "_ans";
		METHOD_MAP(X)
#undef X
	case MESSAGE_CODE_ERROR:
		return "error";
	default:
		return "unknown";
	}
}

const char *method_name(enum method m)
{
	static const char *const names[METHOD_COUNT] = {
#define X(NAME, name, code) [METHOD_##NAME] = #name,
		METHOD_MAP(X)
#undef X
	};

	return (unsigned)m < METHOD_COUNT ? names[m] : "unknown";
}
