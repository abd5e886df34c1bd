/* SPDX-License-Identifier: MIT */
/* Time for the tools. */
#include "tools/overlay_time.h"

#include <stdio.h>
#include <time.h>

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
