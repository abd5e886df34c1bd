/* SPDX-License-Identifier: MIT */
/* The HIP hosts of a world: what world.c tells of its nodes. All do nothing in a world without hosts. */
#ifndef TOOLS_SIM_WORLD_HOSTS_H
#define TOOLS_SIM_WORLD_HOSTS_H

#include "tools/sim/world_state.h"

struct world_hosts *world_hosts_new(struct world *w);
/* NULL is allowed. */
void world_hosts_free(struct world_hosts *hosts);

/* The node is part of the world; its peer was made; it joined; something reached it; it leaves; it is about to end. */
void world_host_add(struct world_node *node);
void world_host_start(struct world_node *node, struct peer *p);
void world_host_joined(struct world_node *node);
void world_host_stepped(struct world_node *node);
void world_host_leave(struct world_node *node);
void world_host_stop(struct world_node *node);
void world_host_free(struct world_node *node);

#endif
