/* SPDX-License-Identifier: MIT */
/* The wall clock, which libraries below never read, and its text. */
#ifndef TOOLS_OVERLAY_TIME_H
#define TOOLS_OVERLAY_TIME_H

#include "overlay/base/instant.h"

/* The wall clock. */
struct walltime overlay_now(void);

/* "2026-11-20 18:57:35 UTC". `out` has room for OVERLAY_TIME_SIZE. Returns out. */
#define OVERLAY_TIME_SIZE 32
const char *overlay_time_text(struct walltime t, char *out);

#endif
