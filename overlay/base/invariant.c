/* SPDX-License-Identifier: MIT */
/* Memory that is there or the process is not. */
#include "overlay/base/invariant.h"

void *memory_alloc(size_t len)
{
	void *p = calloc(1, len == 0 ? 1 : len);

	invariant(p != NULL);
	return p;
}

void *memory_resize(void *old, size_t len)
{
	void *p = realloc(old, len == 0 ? 1 : len);

	invariant(p != NULL);
	return p;
}
