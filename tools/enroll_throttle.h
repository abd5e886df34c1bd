/* SPDX-License-Identifier: MIT */
/* Counts failed log-ins by user and address, so that passwords cannot be tried by the thousand. Names that
 * do not exist are counted like others: being throttled tells nothing about an account. */
#ifndef TOOLS_ENROLL_THROTTLE_H
#define TOOLS_ENROLL_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "overlay/base/instant.h"
#include "overlay/wire/address.h"

#define THROTTLE_WINDOW_S 900
#define THROTTLE_USER_MAX 5     /* failures of one user from one address (IPv6: one /64) in a window */
#define THROTTLE_ADDRESS_MAX 50 /* failures from one address in a window */

struct throttle;

/* `seed` keeps strangers from choosing names that share a counter. */
struct throttle *throttle_new(uint64_t seed);
void throttle_free(struct throttle *t);

/* Seconds until this user may try again from this address; 0: now. */
uint32_t throttle_wait(const struct throttle *t, struct instant now, const char *user,
		       const struct address *from);

void throttle_failed(struct throttle *t, struct instant now, const char *user,
		     const struct address *from);
/* A success clears the counter of user and address, not that of the address. */
void throttle_succeeded(struct throttle *t, const char *user, const struct address *from);

#endif
