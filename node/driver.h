/* SPDX-License-Identifier: MIT */
/* Effects to libuv and back: the second interpreter of effects beside the simulator's. */
#ifndef NODE_DRIVER_H
#define NODE_DRIVER_H

#include "node/node.h"

void driver_init(struct node *n);
void driver_close(struct node *n);

/* Carries out all effects of the peer and of the usages; after each input to one of them, before its
 * buffer is used again. */
void driver_drain(struct node *n);

/* Ends a turn: commit, drain, write, set the timer. Runs by itself before and after polling. */
void driver_end_turn(struct node *n);

#endif
