/* SPDX-License-Identifier: MIT */
/* The usage port: node/ starts every usage through it once the peer has joined, and stops it before
 * leaving. A usage is its Kinds plus its behaviour, written on resource.h and attach.h. */
#ifndef OVERLAY_USAGE_H
#define OVERLAY_USAGE_H

#include "overlay/base/instant.h"

struct usage_ops {
	const char *name;
	/* The peer joined (again): store what must be stored. */
	void (*joined)(void *ctx, struct now now);
	/* Remove what should not outlive us; `done` is called once, after at most 3 s. */
	void (*stop)(void *ctx, struct now now, void (*done)(void *done_ctx, struct now now), void *done_ctx);
	/* Timers of its own. */
	void (*expire)(void *ctx, struct now now);
	struct instant (*deadline)(void *ctx);
};

struct usage {
	const struct usage_ops *ops;
	void *ctx;
};

#endif
