/* SPDX-License-Identifier: MIT */
/* Who may begin a handshake: a handshake costs a millisecond of CPU, so their number at a time and their rate
 * from one source are bounded (docs/architecture.md, "DoS budget"). */
#ifndef NODE_ADMISSION_H
#define NODE_ADMISSION_H

#include <stdbool.h>

#include "overlay/base/instant.h"
#include "overlay/wire/address.h"

#define ADMISSION_SOURCES 512 /* sources remembered; older ones give way */

struct admission_source {
	uint8_t prefix[9]; /* address type and /24 or /64 */
	uint32_t tokens;   /* in thousandths of a handshake */
	struct instant refilled;
};

struct admission {
	uint32_t slots_max;
	uint32_t slots_used;
	uint32_t per_minute; /* and the burst */
	uint64_t seed;       /* so that nobody chooses whom to push out of the table */
	struct admission_source sources[ADMISSION_SOURCES];
};

void admission_init(struct admission *a, uint32_t slots_max, uint32_t per_minute, uint64_t seed);

/* Takes a slot, to be given back by admission_release. False: refused. Loopback sources have no rate limit. */
bool admission_take(struct admission *a, struct instant now, const struct address *source);
void admission_release(struct admission *a);

#endif
