/* SPDX-License-Identifier: MIT */
/* Texts, names and RELOAD codes of errors, all from ERR_MAP. */
#include "overlay/base/error.h"

static const char *const error_texts[ERR_INDEX_COUNT] = {
	[ERR_INDEX_OK] = "success",
#define X(name, text, code) [ERR_INDEX_##name] = text,
	ERR_MAP(X)
#undef X
};

static const char *const error_names[ERR_INDEX_COUNT] = {
	[ERR_INDEX_OK] = "OK",
#define X(name, text, code) [ERR_INDEX_##name] = #name,
	ERR_MAP(X)
#undef X
};

static const uint16_t error_codes[ERR_INDEX_COUNT] = {
#define X(name, text, code) [ERR_INDEX_##name] = code,
	ERR_MAP(X)
#undef X
};

/* ERR_INDEX_COUNT for a number that is no error of ours. */
static unsigned error_index_of(int err)
{
	if (err > 0 || err <= -(int)ERR_INDEX_COUNT)
		return ERR_INDEX_COUNT;
	return (unsigned)-err;
}

const char *error_text(int err)
{
	unsigned index = error_index_of(err);

	return index == ERR_INDEX_COUNT ? "unknown error" : error_texts[index];
}

const char *error_name(int err)
{
	unsigned index = error_index_of(err);

	return index == ERR_INDEX_COUNT ? "UNKNOWN" : error_names[index];
}

uint16_t error_reload_code(int err)
{
	unsigned index = error_index_of(err);

	return index == ERR_INDEX_COUNT ? 0 : error_codes[index];
}

int error_from_reload_code(uint16_t code)
{
	/* RFC 6940's own errors come first in the map and each has its own code; ours only borrow. */
	for (unsigned i = ERR_INDEX_FORBIDDEN; i <= ERR_INDEX_INVALID_MESSAGE; i++)
		if (error_codes[i] == code)
			return -(int)i;
	return ERR_INVALID_MESSAGE;
}
