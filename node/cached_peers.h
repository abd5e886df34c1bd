/* SPDX-License-Identifier: MIT */
/* Addresses of about ten directly connected peers, kept for the next start (RFC 6940 11.4). */
#ifndef NODE_CACHED_PEERS_H
#define NODE_CACHED_PEERS_H

#include "overlay/link.h"

#define CACHED_PEERS_FILE "cached-peers" /* in the state folder */
#define CACHED_PEERS_MAX 10

/* Reads the file; what is not an address is skipped. Returns how many there are. */
size_t cached_peers_read(const char *path, struct address out[CACHED_PEERS_MAX]);

#define CACHED_PEERS_TEXT_SIZE (CACHED_PEERS_MAX * ADDRESS_TEXT_SIZE + 1)

/* Writes where attached peers accept links, unless that is what `written` holds: what was written last, ""
 * at first. Keeps the old file when there are no such peers. */
void cached_peers_write(const char *path, const struct peer *p, char written[CACHED_PEERS_TEXT_SIZE]);

#endif
