/* SPDX-License-Identifier: MIT */
/* The control socket (Unix, 0600): one JSON object a line asks, JSON lines answer. pealctl(1) is its client. */
#ifndef NODE_CONTROL_H
#define NODE_CONTROL_H

#include "node/node.h"

#define CONTROL_CONNECTIONS_MAX 16
#define CONTROL_LINE_MAX 65536 /* bytes of one request */

/* ERR_IO; `detail` says why. */
int MUST_CHECK control_open(struct node *n, char *detail, size_t detail_size);

/* Ends all calls: their clients are told why when the reason is not 0. */
void control_end_calls(struct node *n, int reason);

void control_close(struct node *n);

/* After the peer is freed: what waited for it is forgotten. */
void control_forget_calls(struct node *n);
void control_free(struct node *n);

#endif
