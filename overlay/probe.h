/* SPDX-License-Identifier: MIT */
/* Ping, Probe (RFC 6940 6.5.3, 6.4.2.5) and Peal's Inspect. */
#ifndef OVERLAY_PROBE_H
#define OVERLAY_PROBE_H

struct peer;

/* Sets the handlers. */
void probe_new(struct peer *p);

#endif
