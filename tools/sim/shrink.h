/* SPDX-License-Identifier: MIT */
/* Makes a failing plan smaller: leaves out what the failure does not need. */
#ifndef TOOLS_SIM_SHRINK_H
#define TOOLS_SIM_SHRINK_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the run with only those for which keep[] holds still fails in the same way. */
typedef bool shrink_fails_fn(void *ctx, const bool *keep, size_t count);

struct shrink_options {
	shrink_fails_fn *fails;
	void *ctx;
	size_t tries_max; /* 0: no limit */
	/* After each try; may be NULL. */
	void (*progress)(void *ctx, size_t tries, size_t kept);
};

/* keep[]: all true or what is known to fail; on return what still does and, unless the tries ran out, from
 * which no single one can be left out. Halves first, then quarters, down to singles. Returns how many are
 * kept. */
size_t shrink(const struct shrink_options *options, bool *keep, size_t count);

#endif
