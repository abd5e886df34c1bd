/* SPDX-License-Identifier: MIT */
/* A simulated overlay whose peers are HIP hosts: what goes through the ring is tested in it. */
#ifndef TEST_UNIT_HIP_HIP_WORLD_H
#define TEST_UNIT_HIP_HIP_WORLD_H

#include "tools/sim/world.h"
#include "usage/hip/hip_internal.h"

#define HIP_WORLD_LOG 262144

struct hip_world {
	struct world *w;
	size_t peers;
	char log[HIP_WORLD_LOG]; /* "node event text\n" of hip.* events */
	size_t log_len;
};

/* Joined, ideal, and each host's record stored. `host` and `configuration` may be NULL. */
struct hip_world *hip_world_new(size_t peers, enum world_hosts_reach reach, const struct hip_host_options *host,
				const struct configuration *configuration);
void hip_world_free(struct hip_world *x);
void hip_world_run(struct hip_world *x, uint64_t ms);

struct hip_host *hip_world_host(struct hip_world *x, size_t node);
const struct hit *hip_world_hit(struct hip_world *x, size_t node);
struct now hip_world_now(struct hip_world *x, size_t node);
/* Where it takes datagrams. */
struct address hip_world_address(struct hip_world *x, size_t node);
struct counters *hip_world_counters(struct hip_world *x, size_t node);

/* How often a line of this node (SIZE_MAX: any) and event holds `text`; since the log was last cleared. */
size_t hip_world_logged(const struct hip_world *x, size_t node, const char *event, const char *text);
void hip_world_clear(struct hip_world *x);

#endif
