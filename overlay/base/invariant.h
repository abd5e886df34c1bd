/* SPDX-License-Identifier: MIT */
/* Checks of our own state, kept in release builds. Never used on input. */
#ifndef OVERLAY_BASE_INVARIANT_H
#define OVERLAY_BASE_INVARIANT_H

#include <stdlib.h>

#define invariant(condition)                                                                       \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* malloc that cannot return NULL: sizes are bounded before, so failure means the machine is out of
 * memory, and the process stops. */
void *memory_alloc(size_t len);   /* zeroed */
void *memory_resize(void *old, size_t len);

#endif
