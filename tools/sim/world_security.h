/* SPDX-License-Identifier: MIT */
/* Identities of OpenSSL for the nodes of a world: one authority, a key and a certificate for each node. */
#ifndef TOOLS_SIM_WORLD_SECURITY_H
#define TOOLS_SIM_WORLD_SECURITY_H

#include "overlay/security.h"

struct world_security;

struct world_security *world_security_new_authority(const char *overlay_name);
/* NULL is allowed. */
void world_security_free(struct world_security *s);

/* The port of a node that starts; the same key and certificate each time. `certificate` is borrowed for the
 * authority's life, *owned is given to world_security_port_free when the node stops. */
struct security world_security_port(struct world_security *s, size_t node, const struct node_id *id,
				    const char *user, struct slice *certificate, void **owned);
void world_security_port_free(void *owned);

#endif
