/* SPDX-License-Identifier: MIT */
/* One address a line. The file only saves time at the next start, so a damaged one is no error. */
#include "node/cached_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* One address a line, NUL-terminated. Returns how many there are. */
static size_t cached_peers_list(const struct peer *p, char text[CACHED_PEERS_TEXT_SIZE])
{
	char address[ADDRESS_TEXT_SIZE];
	struct link_info link;
	size_t cursor = 0, count = 0, len = 0;

	text[0] = '\0';
	while (count < CACHED_PEERS_MAX && link_next(p, &cursor, &link)) {
		if (link.listens_at.type == ADDRESS_NONE || link.is_client || link.state != LINK_ATTACHED)
			continue;
		len += (size_t)snprintf(text + len, CACHED_PEERS_TEXT_SIZE - len, "%s\n",
					address_text(&link.listens_at, address));
		count++;
	}
	return count;
}

void cached_peers_write(const char *path, const struct peer *p, char written[CACHED_PEERS_TEXT_SIZE])
{
	char text[CACHED_PEERS_TEXT_SIZE];
	char *temporary = NULL;
	FILE *file;

	if (cached_peers_list(p, text) == 0 || strcmp(text, written) == 0)
		return;
	invariant(asprintf(&temporary, "%s.new", path) > 0);
	file = fopen(temporary, "we");
	if (file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && rename(temporary, path) == 0)
		memcpy(written, text, sizeof(text));
	else
		(void)unlink(temporary);
	free(temporary);
}
