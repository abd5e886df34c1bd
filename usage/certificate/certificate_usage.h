/* SPDX-License-Identifier: MIT */
/* The certificate store usage (RFC 6940 section 8): this node's certificate under its user name and its
 * Node-ID, stored on joining and refreshed before its lifetime ends. */
#ifndef USAGE_CERTIFICATE_CERTIFICATE_USAGE_H
#define USAGE_CERTIFICATE_CERTIFICATE_USAGE_H

#include "overlay/peer.h"
#include "overlay/usage.h"

struct certificate_usage;

struct certificate_usage *certificate_usage_new(struct peer *p);
void certificate_usage_free(struct certificate_usage *c);
struct usage certificate_usage_port(struct certificate_usage *c);

#endif
