/* SPDX-License-Identifier: MIT */
/* The overlay of hosts, and what they log. */
#include "test/unit/hip/hip_world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"

static void hip_world_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
			  const char *text)
{
	struct hip_world *x = ctx;
	int len;

	(void)now, (void)level;
	if (strncmp(event, "hip.", 4) != 0)
		return;
	if (getenv("HIP_WORLD_TRACE") != NULL)
		fprintf(stderr, "%llu %zu %s %s\n", (unsigned long long)now.mono.us / 1000, node, event, text);
	len = snprintf(x->log + x->log_len, sizeof(x->log) - x->log_len, "%zu %s %s\n", node, event, text);
	if (len > 0 && x->log_len + (size_t)len < sizeof(x->log))
		x->log_len += (size_t)len;
}

static bool hip_world_is_ready(struct world *w, void *ctx)
{
	struct hip_world *x = ctx;

	if (!net_ring_is_ideal(world_net(w), NULL))
		return false;
	for (size_t i = 0; i < x->peers; i++)
		if (!hip_is_published(world_host(w, i), hip_world_hit(x, i)) &&
		    kind_find(&peer_configuration(net_peer(world_net(w), i))->kinds, KIND_HIP_RVS) != NULL)
			return false;
	return true;
}

struct hip_world *hip_world_new(size_t peers, enum world_hosts_reach reach, const struct hip_host_options *host,
				const struct configuration *configuration)
{
	struct hip_world *x = memory_alloc(sizeof(*x));
	struct world_options o = {
		.seed = 11,
		.weather = { .latency = duration_ms(5) },
		.log_level = LOG_INFO,
		.log = hip_world_log,
		.ctx = x,
		.hosts = reach,
		.host_options = host,
		.configuration = configuration,
	};

	x->peers = peers;
	x->w = world_new(&o);
	world_add_peers(x->w, peers);
	for (size_t i = 0; i < peers; i++) {
		world_start(x->w, i);
		world_run(x->w, duration_ms(i == 0 ? 3000 : 200));
	}
	ck_assert(world_run_until(x->w, hip_world_is_ready, x, duration_s(120)));
	hip_world_clear(x);
	return x;
}

void hip_world_free(struct hip_world *x)
{
	world_free(x->w);
	free(x);
}

void hip_world_run(struct hip_world *x, uint64_t ms)
{
	world_run(x->w, duration_ms(ms));
}

struct hip_host *hip_world_host(struct hip_world *x, size_t node)
{
	return world_host(x->w, node);
}

const struct hit *hip_world_hit(struct hip_world *x, size_t node)
{
	return hip_host_hit(world_host(x->w, node));
}

struct now hip_world_now(struct hip_world *x, size_t node)
{
	return world_own_now(x->w, node);
}

struct address hip_world_address(struct hip_world *x, size_t node)
{
	struct address a = *net_address(world_net(x->w), node);

	a.port = HIP_UDP_PORT;
	return a;
}

struct counters *hip_world_counters(struct hip_world *x, size_t node)
{
	return peer_counters(net_peer(world_net(x->w), node));
}

size_t hip_world_logged(const struct hip_world *x, size_t node, const char *event, const char *text)
{
	size_t count = 0;
	char start[80];

	for (const char *line = x->log; *line != '\0'; line = strchr(line, '\n') + 1) {
		const char *end = strchr(line, '\n'), *found = strstr(line, text), *name = strchr(line, ' ') + 1;

		snprintf(start, sizeof(start), "%s ", event);
		if (strncmp(name, start, strlen(start)) != 0 || found == NULL || found >= end)
			continue;
		count += node == SIZE_MAX || strtoul(line, NULL, 10) == node;
	}
	return count;
}

void hip_world_clear(struct hip_world *x)
{
	x->log_len = 0;
	x->log[0] = '\0';
}
