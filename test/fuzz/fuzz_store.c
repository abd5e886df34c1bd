/* SPDX-License-Identifier: MIT */
/* StoreReq bytes into the handler of a joined peer. The first byte chooses whether the values are signed
 * anew as their owner would (else a forged signature ends every run early) and whether it comes as a
 * replica. What was acknowledged must be there after a restart. */
#include "test/fuzz/storage_peer.h"

#define SIGN_ANEW 0x01
#define AS_REPLICA 0x02
#define LATER 0x04 /* let an hour pass before the restart */

/* The values of one Kind, signed by the peer for its own user's Resource-ID; empty when they do not
 * decode. */
static struct slice sign_values(struct storage_peer *s, const struct store_kind_data *data,
				struct arena *arena)
{
	const struct kind *kind = kind_find(&peer_configuration(s->peer)->kinds, data->kind);
	const struct security *security = peer_security(s->peer);
	struct stored_data *items;
	struct writer w;
	size_t count, room;

	if (kind == NULL ||
	    stored_data_list_get(data->values, (uint8_t)kind->model, arena, &items, &count) != 0)
		return data->values;
	room = data->values.len + count * 256;
	w = writer_of(arena_alloc(arena, room), room);
	for (size_t i = 0; i < count && w.data != NULL; i++) {
		struct slice covered;

		items[i].storage_time %= s->now.wall.ms;
		if (access_signed_data(&s->resource, kind->id, &items[i], arena, &covered) != 0 ||
		    security->ops->sign(security->ctx, &covered, 1, arena, &items[i].signature) != 0)
			return data->values;
		stored_data_put(&w, &items[i]);
	}
	return w.data == NULL || w.err != 0 ? data->values : writer_slice(&w);
}

/* The same request, changed as `flags` say; the bytes themselves when they do not decode. */
static struct slice rework(struct storage_peer *s, struct slice bytes, uint8_t flags, struct arena *arena)
{
	struct reader r = reader_of(bytes);
	size_t room = 2 * bytes.len + 65536;
	struct store_req req;
	struct writer w;

	store_req_get(&r, arena, &req);
	if ((flags & SIGN_ANEW) == 0 || reader_finish(&r) != 0)
		return bytes;
	req.resource = s->resource;
	req.replica_number = (flags & AS_REPLICA) != 0;
	for (size_t i = 0; i < req.kind_count; i++)
		req.kinds[i].values = sign_values(s, &req.kinds[i], arena);
	w = writer_of(arena_alloc(arena, room), room);
	if (w.data == NULL)
		return bytes;
	store_req_put(&w, &req);
	return w.err != 0 ? bytes : writer_slice(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct storage_peer *s;
	struct arena arena;
	struct slice body;
	size_t rows;

	if (size < 1)
		return 0;
	s = storage_peer_new();
	arena_init(&arena, 64u << 20);
	body = rework(s, slice_of(data + 1, size - 1), data[0], &arena);
	if (storage_peer_request(s, METHOD_STORE, body)) {
		rows = storage_peer_rows(s);
		/* Once more: the same bytes change nothing. */
		storage_peer_request(s, METHOD_STORE, body);
		invariant(storage_peer_rows(s) == rows);
		if ((data[0] & LATER) != 0) {
			s->now.mono.us += 3600000000u;
			s->now.wall.ms += 3600000u;
			storage_peer_run(s);
			rows = storage_peer_rows(s);
		}
		storage_peer_stop(s);
		storage_peer_start(s);
		invariant(storage_peer_rows(s) == rows);
	}
	arena_free(&arena);
	storage_peer_free(s);
	return 0;
}
