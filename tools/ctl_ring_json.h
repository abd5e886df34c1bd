/* SPDX-License-Identifier: MIT */
/* One peer of a ring walk, out of the item that peald sends for it. */
#ifndef TOOLS_CTL_RING_JSON_H
#define TOOLS_CTL_RING_JSON_H

#include <jansson.h>

#include "tools/ctl_ring.h"

/* Appends the peer; fields that are not there stay unknown. False: it has no Node-ID. */
bool ring_add_json(struct ring *r, json_t *item);

#endif
