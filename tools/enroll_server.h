/* SPDX-License-Identifier: MIT */
/* The HTTPS front of the enrollment server, on libmicrohttpd and GnuTLS:
 *
 *   GET  /.well-known/reload-config   the configuration document (RFC 6940 11.2)
 *   POST /enroll                      a certificate (11.3) */
#ifndef TOOLS_ENROLL_SERVER_H
#define TOOLS_ENROLL_SERVER_H

#include "overlay/wire/address.h"
#include "tools/enroll_folder.h"

#define ENROLL_CONFIG_PATH "/.well-known/reload-config"
#define ENROLL_PATH "/enroll"

/* What was answered, since the start. */
struct enroll_counters {
	uint64_t outcomes[ENROLL_OUTCOME_COUNT]; /* enrollment requests by outcome */
	uint64_t throttled;                      /* refused without looking at the password */
	uint64_t documents;                      /* configuration documents served */
	uint64_t refused;                        /* answered with a 4xx other than 403 */
};

struct enroll_server;

/* Starts serving on threads of its own; `folder` is borrowed until the server is freed. */
int MUST_CHECK enroll_server_start(struct enroll_server **out, struct enroll_folder *folder,
				   const struct address *listen, char *detail, size_t detail_size);
/* Finishes what is being answered, then frees. */
void enroll_server_stop(struct enroll_server *s);

/* Where it listens, with the port that was given for port 0. */
struct address enroll_server_address(const struct enroll_server *s);

struct enroll_counters enroll_server_counters(struct enroll_server *s);

#endif
