/* SPDX-License-Identifier: MIT */
/* The file of first uses: what is read is written and read the same. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/known_identities.h"
#include "overlay/base/invariant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t uses_count(const struct hip_pool *pool)
{
	struct hip_first_use use;
	size_t cursor = 0, count = 0;

	while (hip_pool_next_first_use(pool, &cursor, &use))
		count++;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/tmp/peal-fuzz-known-XXXXXX", detail[400];
	struct hip_pool *pool = hip_pool_new(1, NULL), *again = hip_pool_new(2, NULL);
	int fd = mkstemp(path);

	invariant(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)close(fd);
	if (known_identities_read(path, pool, detail, sizeof(detail)) == 0) {
		invariant(known_identities_write(path, pool, detail, sizeof(detail)) == 0);
		invariant(known_identities_read(path, again, detail, sizeof(detail)) == 0);
		invariant(uses_count(pool) == uses_count(again));
	}
	(void)unlink(path);
	hip_pool_free(pool);
	hip_pool_free(again);
	return 0;
}
