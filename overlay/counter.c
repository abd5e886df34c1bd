/* SPDX-License-Identifier: MIT */
/* Counters by name: one table made from the map, then methods, then errors. */
#include "overlay/counter.h"

#include <string.h>

struct counter_row {
	const char *name;
	const char *meaning;
	size_t offset; /* of the uint64_t in struct counters */
};

static const struct counter_row COUNTER_ROWS[] = {
#define X(name, meaning) { #name, meaning, offsetof(struct counters, name) },
	COUNTER_MAP(X)
#undef X
#define X(NAME, name, code)                          \
	{ "requests_in_" #name, "requests received", \
	  offsetof(struct counters, requests_in) + METHOD_##NAME * sizeof(uint64_t) },
		METHOD_MAP(X)
#undef X
#define X(NAME, name, code)                             \
	{ "requests_out_" #name, "requests originated", \
	  offsetof(struct counters, requests_out) + METHOD_##NAME * sizeof(uint64_t) },
			METHOD_MAP(X)
#undef X
#define X(name, text, code)      \
	{ "errors_" #name, text, \
	  offsetof(struct counters, errors) + ERR_INDEX_##name * sizeof(uint64_t) },
				ERR_MAP(X)
#undef X
};

void counter_error(struct counters *c, int err)
{
	if (err < 0 && -err < ERR_INDEX_COUNT)
		c->errors[-err]++;
}

bool counter_next(const struct counters *c, size_t *cursor, const char **name, const char **meaning,
		  uint64_t *value)
{
	const struct counter_row *row;

	if (*cursor >= sizeof(COUNTER_ROWS) / sizeof(COUNTER_ROWS[0]))
		return false;
	row = &COUNTER_ROWS[(*cursor)++];
	*name = row->name;
	*meaning = row->meaning;
	memcpy(value, (const uint8_t *)c + row->offset, sizeof(*value));
	return true;
}
