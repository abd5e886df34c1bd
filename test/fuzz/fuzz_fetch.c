/* SPDX-License-Identifier: MIT */
/* FetchReq, StatReq and FindReq bytes (the first byte chooses) into a joined peer that holds a few records.
 * The peer stays the same over all inputs: nothing of this changes it. */
#include "test/fuzz/storage_peer.h"

static void store(struct storage_peer *s, uint32_t kind, uint32_t index, const char *key, bool exists)
{
	const struct security *security = peer_security(s->peer);
	uint8_t values[512], body[1024];
	struct writer v = writer_of(values, sizeof(values)), w = writer_of(body, sizeof(body));
	struct store_kind_data data = { .kind = kind };
	struct store_req req = { .resource = s->resource, .kinds = &data, .kind_count = 1 };
	struct stored_data item = {
		.storage_time = 100,
		.lifetime = 4000000000u,
		.value = {
			.model = (uint8_t)kind_find(&peer_configuration(s->peer)->kinds, kind)->model,
			.index = index,
			.key = slice_text(key),
			.data = { exists, exists ? slice_text("value") : SLICE_EMPTY },
		},
	};
	struct arena arena;
	struct slice covered;

	arena_init(&arena, 4096);
	invariant(access_signed_data(&s->resource, kind, &item, &arena, &covered) == 0);
	invariant(security->ops->sign(security->ctx, &covered, 1, &arena, &item.signature) == 0);
	stored_data_put(&v, &item);
	data.values = writer_slice(&v);
	store_req_put(&w, &req);
	invariant(storage_peer_request(s, METHOD_STORE, writer_slice(&w)));
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum method methods[] = { METHOD_FETCH, METHOD_STAT, METHOD_FIND };
	static struct storage_peer *s;

	if (s == NULL) {
		s = storage_peer_new();
		store(s, STORAGE_PEER_SINGLE, 0, "", true);
		store(s, STORAGE_PEER_ARRAY, 0, "", true);
		store(s, STORAGE_PEER_ARRAY, 2, "", true);
		store(s, STORAGE_PEER_ARRAY, 5, "", false);
		store(s, STORAGE_PEER_DICTIONARY, 0, "one", true);
		store(s, STORAGE_PEER_DICTIONARY, 0, "two", false);
	}
	if (size < 1)
		return 0;
	storage_peer_request(s, methods[data[0] % 3], slice_of(data + 1, size - 1));
	invariant(storage_peer_rows(s) == 6);
	return 0;
}
