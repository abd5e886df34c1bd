/* SPDX-License-Identifier: MIT */
/* Host mode: a TUN device with this node's HIT, through which any program reaches other HITs as IPv6 addresses, and as
 * IPv4 addresses 1.x.y.z. Needs CAP_NET_ADMIN. */
#ifndef NODE_HIP_TUN_H
#define NODE_HIP_TUN_H

#include "node/node.h"

/* Makes the device unless it is there already. ERR_IO, ERR_PERMISSION; `detail` says what to do. */
int MUST_CHECK hip_tun_open(struct node *n, char *detail, size_t detail_size);
void hip_tun_close(struct node *n);

/* HIP_EFFECT_PAYLOAD. */
void hip_tun_deliver(struct node *n, const struct hip_effect *e);

/* The IPv4 name of a HIT; false without a device. */
bool hip_tun_name(struct node *n, const struct hit *hit, struct address *out);

#endif
