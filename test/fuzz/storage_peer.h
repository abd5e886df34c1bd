/* SPDX-License-Identifier: MIT */
/* A joined peer that owns the whole ring, with storage over a backend in memory and a fake identity, for
 * fuzz targets of storage's request handlers. */
#ifndef TEST_FUZZ_STORAGE_PEER_H
#define TEST_FUZZ_STORAGE_PEER_H

#include <stdio.h>
#include <stdlib.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"
#include "overlay/chord/chord.h"
#include "overlay/peer.h"
#include "storage/storage.h"
#include "tools/sim/fake_security.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STORAGE_PEER_USER "alice@example.org"
#define STORAGE_PEER_SINGLE 0xf0000001u
#define STORAGE_PEER_ARRAY 0xf0000002u
#define STORAGE_PEER_DICTIONARY 0xf0000003u

struct storage_peer {
	struct now now;
	struct fake_security *fake;
	struct configuration *configuration; /* owned; the peer borrows it */
	struct backend backend;
	struct peer *peer;
	struct chord *chord;
	struct storage *storage;
	struct resource_id resource; /* H(STORAGE_PEER_USER) */
	unsigned answers;
	int err; /* of the latest answer */
};

static inline void storage_peer_run(struct storage_peer *s)
{
	const struct effect *e;
	bool moved;

	do {
		moved = false;
		while ((e = peer_next_effect(s->peer)) != NULL) {
			moved = true;
			if (e->type == EFFECT_STORE_COMMIT)
				peer_storage(s->peer)->ops->commit(peer_storage(s->peer)->ctx, s->now);
		}
		if (instant_due(peer_deadline(s->peer), s->now.mono)) {
			moved = true;
			peer_expire(s->peer, s->now);
		}
	} while (moved);
}

static inline void storage_peer_start(struct storage_peer *s)
{
	static const uint32_t ids[] = { STORAGE_PEER_SINGLE, STORAGE_PEER_ARRAY, STORAGE_PEER_DICTIONARY };
	struct configuration *c = memory_alloc(sizeof(*c));
	struct peer_options *o = memory_alloc(sizeof(*o));

	configuration_init(c);
	for (size_t i = 0; i < 3; i++) {
		struct kind k = {
			.id = ids[i],
			.model = (enum data_model)(i + 1),
			.access = ACCESS_USER_MATCH,
			.max_count = 8,
			.max_size = 64,
		};

		invariant(kind_add(&c->kinds, &k) == 0);
	}
	o->configuration = s->configuration = c;
	o->security = fake_security_port(s->fake);
	o->first = true;
	s->peer = peer_new(o);
	s->chord = chord_new(s->peer);
	invariant(storage_new(&s->storage, s->peer, &s->backend, s->now) == 0);
	peer_start(s->peer, s->now, NULL, 0, OVERLAY_LINK_TLS_TCP_FH_NO_ICE);
	storage_peer_run(s);
	invariant(peer_state(s->peer) == PEER_JOINED);
	free(o);
}

static inline void storage_peer_stop(struct storage_peer *s)
{
	storage_free(s->storage);
	chord_free(s->chord);
	peer_free(s->peer);
	free(s->configuration);
}

static inline struct storage_peer *storage_peer_new(void)
{
	struct storage_peer *s = memory_alloc(sizeof(*s));
	struct node_id id = { { 0x77 } };
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t len = fake_certificate_put(certificate, &id, 1, STORAGE_PEER_USER, (struct walltime){ 0 },
					  (struct walltime){ 3600000000000u });

	s->now = (struct now){ { 1000000 }, { 1800000000000u } };
	s->fake = fake_security_new(1, slice_of(certificate, len));
	s->backend = backend_memory();
	storage_peer_start(s);
	s->resource = access_user_resource(peer_security(s->peer), STORAGE_PEER_USER);
	return s;
}

static inline void storage_peer_free(struct storage_peer *s)
{
	storage_peer_stop(s);
	s->backend.ops->close(s->backend.ctx);
	fake_security_free(s->fake);
	free(s);
}

static inline void storage_peer_answered(void *ctx, struct now now, const struct response *response)
{
	struct storage_peer *s = ctx;

	(void)now;
	s->answers++;
	s->err = response->err;
}

/* Sends to itself and runs; true when it was answered with success. */
static inline bool storage_peer_request(struct storage_peer *s, enum method method, struct slice body)
{
	unsigned before = s->answers;

	if (transport_request_node(s->peer, s->now, method, body, peer_node_id(s->peer),
				   storage_peer_answered, s) != 0)
		return false;
	peer_expire(s->peer, s->now);
	storage_peer_run(s);
	invariant(s->answers == before + 1);
	return s->err == 0;
}

/* Counts the rows; every row's value is one that storage says it holds. */
static inline size_t storage_peer_rows(struct storage_peer *s)
{
	struct storage_statistics statistics;
	struct storage_row row;
	size_t cursor = 0, count = 0;

	while (storage_next(s->storage, s->now, &cursor, &row))
		count++;
	peer_storage(s->peer)->ops->statistics(peer_storage(s->peer)->ctx, &statistics);
	invariant(count == statistics.values);
	return count;
}

#endif
