/* SPDX-License-Identifier: MIT */
/* A whole message. Certificates of unknown types are passed over, so only the second encoding is compared. */
#include "overlay/wire/message.h"

#include "test/fuzz/round_trip.h"

static void *get_message(struct reader *r, struct arena *a)
{
	struct message *m = arena_alloc(a, sizeof(*m));
	struct slice bytes = reader_bytes(r, reader_left(r));

	invariant(m != NULL);
	if (message_get(bytes, a, m) != 0)
		return NULL;
	invariant(m->header_bytes.len == forwarding_header_size(&m->header));
	invariant(m->header_bytes.len + m->contents_bytes.len <= bytes.len);
	return m;
}

static void put_message(struct writer *w, const void *x)
{
	message_put(w, x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct round_trip codec = { get_message, put_message, false };

	round_trip_run(&codec, slice_of(data, size));
	return 0;
}
