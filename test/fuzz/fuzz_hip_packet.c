/* SPDX-License-Identifier: MIT */
/* A HIP packet: header, walk, every parameter by its codec, HITs as text. */
#include "overlay/wire/hip_packet.h"

#include "overlay/wire/hip_parameter.h"
#include "test/fuzz/hip_codecs.h"

/* The parameter as the codec writes what it read; empty when it reads nothing. */
static struct slice rewrite(const struct hip_codec *codec, struct slice contents, uint8_t *out, size_t cap,
			    struct arena *a)
{
	struct reader r = reader_of(contents);
	struct writer w = writer_of(out, cap);
	void *x = codec->get(&r, a);

	if (x == NULL)
		return SLICE_EMPTY;
	codec->put(&w, x);
	/* More than six transforms are read, but not sent (RFC 7402 5.1.2). */
	if (codec->type == HIP_PARAMETER_ESP_TRANSFORM && w.err == ERR_LIMIT)
		return SLICE_EMPTY;
	invariant(w.err == 0);
	return writer_slice(&w);
}

static struct slice contents_of(struct slice whole)
{
	struct reader r = reader_of(whole);

	reader_u16(&r);
	return reader_opaque16(&r);
}

static void check_parameter(const struct hip_parameter *p)
{
	static uint8_t first[HIP_PACKET_MAX], second[HIP_PACKET_MAX];

	for (size_t i = 0; i < HIP_CODEC_COUNT; i++) {
		struct slice once, twice;
		struct arena a;

		if (hip_codecs[i].type != p->type)
			continue;
		arena_init(&a, ROUND_TRIP_ARENA_CAP);
		once = rewrite(&hip_codecs[i], p->contents, first, sizeof(first), &a);
		if (once.len > 0) {
			if (hip_codecs[i].canonical)
				invariant(slice_equal(contents_of(once), p->contents));
			twice = rewrite(&hip_codecs[i], contents_of(once), second, sizeof(second), &a);
			invariant(slice_equal(once, twice));
		}
		arena_free(&a);
		return;
	}
	invariant(!hip_parameter_is_known(p->type));
}

static void check_hit(const struct hit *x)
{
	char text[HIT_TEXT_SIZE];
	struct hit again;

	invariant(hit_parse(hit_text(x, text), &again) == 0);
	invariant(hit_equal(x, &again));
}

/* The input as a text. */
static void check_hit_text(const uint8_t *data, size_t size)
{
	char text[64];
	struct hit x;

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (hit_parse(text, &x) == 0)
		check_hit(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of(data, size);
	struct hip_packet x, header;
	struct hip_parameter p;
	size_t cursor = 0, end = HIP_HEADER_LENGTH;

	if (size > 0)
		check_hit_text(data, size);
	if (hip_packet_get(bytes, &x) != 0)
		return 0;
	invariant(hip_packet_peek(bytes, &header) == 0 && slice_equal(header.bytes, x.bytes));
	invariant(x.bytes.len <= HIP_PACKET_MAX && x.version == 2);
	check_hit(&x.sender);
	check_hit(&x.receiver);
	while (hip_parameter_next(&x, &cursor, &p)) {
		/* They lie one behind the other and fill the packet. */
		invariant(p.at == end && p.whole.data == x.bytes.data + end);
		end += p.whole.len;
		check_parameter(&p);
	}
	invariant(end == x.bytes.len);
	if (hip_packet_unknown_critical(&x) != 0)
		invariant(hip_parameter_find(&x, hip_packet_unknown_critical(&x), &p) &&
			  !hip_parameter_is_known(p.type));
	return 0;
}
