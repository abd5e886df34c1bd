/* SPDX-License-Identifier: MIT */
/* One address a line. The file only saves time at the next start, so a damaged one is no error. */
#include "node/cached_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "overlay/base/invariant.h"

size_t cached_peers_read(const char *path, struct address out[CACHED_PEERS_MAX])
{
	FILE *file = fopen(path, "re");
	char line[ADDRESS_TEXT_SIZE + 2];
	size_t count = 0;

	if (file == NULL)
		return 0;
	while (count < CACHED_PEERS_MAX && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		if (address_parse(line, 0, &out[count]) == 0 && out[count].port != 0)
			count++;
	}
	(void)fclose(file);
	return count;
}

void cached_peers_write(const char *path, const struct peer *p)
{
	char *temporary = NULL;
	char text[ADDRESS_TEXT_SIZE];
	struct link_info link;
	size_t cursor = 0, count = 0;
	FILE *file;

	invariant(asprintf(&temporary, "%s.new", path) > 0);
	file = fopen(temporary, "we");
	while (file != NULL && count < CACHED_PEERS_MAX && link_next(p, &cursor, &link)) {
		if (!link.outgoing || link.is_client || link.state != LINK_ATTACHED)
			continue;
		(void)fprintf(file, "%s\n", address_text(&link.address, text));
		count++;
	}
	if (file != NULL && (fclose(file) != 0 || count == 0 || rename(temporary, path) != 0))
		(void)unlink(temporary);
	free(temporary);
}
