/* SPDX-License-Identifier: MIT */
/* One joined peer that owns the whole ring, with storage, and no network: what its user asks it to store or
 * fetch goes to itself. Time stands still until the test moves it. */
#ifndef TEST_UNIT_STORAGE_LONE_H
#define TEST_UNIT_STORAGE_LONE_H

#include "overlay/chord/chord.h"
#include "overlay/peer.h"
#include "storage/storage.h"
#include "tools/sim/fake_security.h"
#include "test/unit/run.h"

#define LONE_USER "alice@overlay.example"
#define LONE_WALL_MS 1800000000000ull

/* Kinds of the tests' own, all USER-MATCH, at most four values of 100 bytes. */
#define LONE_SINGLE 0xf0000001u
#define LONE_ARRAY 0xf0000002u
#define LONE_DICTIONARY 0xf0000003u
#define LONE_WIDE 0xf0000004u /* dictionary of 5,000 values of 4,000 bytes */

/* A backend around another one whose calls can be made to fail. */
struct failing_backend {
	struct backend backend;
	struct backend inner;
	bool fail_commit;
	bool fail_put;
	unsigned commits; /* that were asked for */
};

void failing_backend_init(struct failing_backend *f, struct backend inner);

struct lone {
	struct now now;
	struct configuration configuration; /* the peer borrows it */
	struct fake_security *fake; /* NULL with other security */
	struct peer *peer;
	struct chord *chord;
	struct storage *storage;
	struct backend *backend;
	struct log log;
	char events[64 * 1024]; /* "event text\n" of each line logged */
	size_t events_len;
	unsigned responses;
	int err; /* of the latest response */
	uint8_t body[16384];
	size_t body_len;
	uint8_t info[4096];
	size_t info_len;
	struct arena arena; /* of what a test decodes; capped generously */
};

/* With a fake identity of LONE_USER. */
struct lone *lone_new(struct backend *backend);
/* With this one; returns NULL when storage_new fails, with *err. */
struct lone *lone_new_with(struct backend *backend, const struct security *security,
			   const struct configuration *configuration, struct now now, int *err);
void lone_free(struct lone *l);

/* The configuration of a lone peer. Owned by the caller. */
struct configuration *lone_configuration(void);

/* Sends and runs until answered; the response's err, body and info are kept. Returns err. */
int lone_request(struct lone *l, enum method method, struct slice body, const struct slice *certificates,
		 size_t certificate_count);
/* Sends; the peer has handled it when this returns, but effects are not drained. */
void lone_send(struct lone *l, enum method method, struct slice body, const struct slice *certificates,
	       size_t certificate_count);
/* Carries out effects and timers until nothing happens any more; time stands still. */
void lone_run(struct lone *l);
/* Moves time and runs. */
void lone_pass(struct lone *l, uint64_t ms);

/* H(user). */
struct resource_id lone_resource(const struct lone *l, const char *user);

/* Signed by `security` (NULL: the lone peer). The data borrows from l->arena. */
struct stored_data lone_sign(struct lone *l, const struct security *security,
			     const struct resource_id *resource, uint32_t kind, struct stored_data data);

/* A value of one of the test's Kinds: existing unless `text` is NULL; index or key by data model. */
struct stored_data lone_value(struct lone *l, uint32_t kind, uint32_t index, const char *key,
			      const char *text, uint64_t time_ms);

/* Bodies, in l->arena. */
struct slice lone_store_body(struct lone *l, const struct resource_id *resource, uint8_t replica_number,
			     const struct store_kind_data *kinds, size_t count);
struct store_kind_data lone_kind_data(struct lone *l, uint32_t kind, uint64_t generation,
				      const struct stored_data *values, size_t count);
/* One value of one Kind at H(LONE_USER), generation 0; returns err. */
int lone_store(struct lone *l, uint32_t kind, const struct stored_data *value);
/* All of one Kind at H(LONE_USER); fails the test unless it is answered. */
struct fetch_kind_response lone_fetch(struct lone *l, uint32_t kind, struct stored_data **values,
				      size_t *count);
struct slice lone_fetch_body(struct lone *l, const struct resource_id *resource, uint32_t kind,
			     uint64_t generation, struct slice selector);
/* The Kind's counter in the latest StoreAns. */
uint64_t lone_generation(struct lone *l);

/* How often this event was logged with this text within. */
unsigned lone_logged(const struct lone *l, const char *event, const char *text);

#endif
