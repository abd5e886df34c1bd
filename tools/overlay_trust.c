/* SPDX-License-Identifier: MIT */
/* From a configuration document to a trust; and the wall clock, which libraries below never read. */
#include "tools/overlay_trust.h"

#include <stdio.h>
#include <time.h>

struct provider_trust overlay_trust_of(const struct configuration_document *d)
{
	return (struct provider_trust){
		.root_certs = d->root_certs,
		.root_cert_count = d->root_cert_count,
		.overlay_name = d->configuration.overlay_name,
		.node_id_bits = d->configuration.node_id_bits,
		.node_id_slots = d->configuration.node_id_slots,
		.bad_nodes = d->configuration.bad_nodes,
		.bad_node_count = d->configuration.bad_node_count,
	};
}

struct walltime overlay_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (struct walltime){ (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 };
}

const char *overlay_time_text(struct walltime t, char *out)
{
	time_t seconds = (time_t)(t.ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(out, OVERLAY_TIME_SIZE, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		snprintf(out, OVERLAY_TIME_SIZE, "%llu s", (unsigned long long)(t.ms / 1000));
	return out;
}
