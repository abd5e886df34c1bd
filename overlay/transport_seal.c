/* SPDX-License-Identifier: MIT */
/* Signing what this node sends and verifying what it gets (RFC 6940 6.3.4); copies of bodies. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/peer_state.h"
#include "overlay/transport_state.h"

#define SEAL_SIGNATURE_ROOM 1280 /* bytes: an RSA-8192 signature, its identity and the lengths */
#define SEAL_CONTENTS_ROOM 16    /* code, and lengths of body and extensions */
#define SEAL_PREFIX 12           /* overlay and transaction id */

/* What a message's signature covers before MessageContents. */
static struct slice seal_prefix(uint8_t bytes[SEAL_PREFIX], uint32_t overlay,
				uint64_t transaction_id)
{
	struct writer w = writer_of(bytes, SEAL_PREFIX);

	writer_u32(&w, overlay);
	writer_u64(&w, transaction_id);
	return writer_slice(&w);
}

/* Own certificate first, then the others, each once. */
static int seal_certificates(struct peer *p, const struct slice *more, size_t count,
			     struct certificate_list *out, size_t *bytes)
{
	out->items = arena_array(peer_arena(p), count + 1, sizeof(*out->items));
	if (out->items == NULL)
		return ERR_LIMIT;
	out->items[0] = p->security.ops->own_certificate(p->security.ctx);
	out->count = 1;
	*bytes = out->items[0].len + 3;
	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		while (j < out->count && !slice_equal(out->items[j], more[i]))
			j++;
		if (j < out->count)
			continue;
		out->items[out->count++] = more[i];
		*bytes += more[i].len + 3;
	}
	return out->count > SECURITY_BLOCK_CERTIFICATES_MAX ? ERR_LIMIT : 0;
}

int transport_seal(struct peer *p, uint64_t transaction_id, uint16_t code, struct slice body,
		   const struct slice *certificates, size_t certificate_count, struct slice *tail)
{
	struct message_contents contents = { .code = code, .body = body };
	struct security_block security = { 0 };
	uint8_t prefix[SEAL_PREFIX];
	struct slice parts[2];
	struct writer w;
	size_t bytes = 0;
	size_t room;
	int err = seal_certificates(p, certificates, certificate_count, &security.certificates,
				    &bytes);

	if (err != 0)
		return err;
	room = SEAL_CONTENTS_ROOM + body.len + bytes + SEAL_SIGNATURE_ROOM;
	w = writer_of(arena_alloc(peer_arena(p), room), room);
	if (w.data == NULL)
		return ERR_LIMIT;
	message_contents_put(&w, &contents);
	parts[0] = seal_prefix(prefix, p->overlay_hash, transaction_id);
	parts[1] = writer_slice(&w);
	err = p->security.ops->sign(p->security.ctx, parts, 2, peer_arena(p), &security.signature);
	if (err != 0)
		return err;
	security_block_put(&w, &security);
	*tail = writer_slice(&w);
	return w.err;
}

int transport_verify(struct peer *p, struct now now, const struct message *m,
		     struct identity *signer, struct slice *certificate)
{
	uint8_t prefix[SEAL_PREFIX];
	const struct slice parts[2] = {
		seal_prefix(prefix, m->header.overlay, m->header.transaction_id), m->contents_bytes
	};

	return p->security.ops->verify(p->security.ctx, now.wall, parts, 2, &m->security.signature,
				       &m->security.certificates, signer, certificate);
}

struct slice transport_error_body(struct peer *p, int err, struct slice info)
{
	struct error_response e = { .code = error_reload_code(err),
				    .info = info.len > 0 ? info : slice_text(error_text(err)) };
	size_t room = e.info.len + 4;
	uint8_t *bytes = e.code == 0 ? NULL : arena_alloc(peer_arena(p), room);
	struct writer w = writer_of(bytes, bytes == NULL ? 0 : room);

	if (bytes == NULL)
		return SLICE_EMPTY;
	error_response_put(&w, &e);
	return writer_slice(&w);
}

struct parcel parcel_new(struct slice body, const struct slice *certificates, size_t count)
{
	struct parcel parcel = { 0 };
	size_t len = body.len;
	struct writer w;

	for (size_t i = 0; i < count; i++)
		len += certificates[i].len;
	parcel.bytes = memory_alloc(len);
	w = writer_of(parcel.bytes, len);
	writer_bytes(&w, body);
	parcel.body = slice_of(parcel.bytes, body.len);
	if (count > 0)
		parcel.certificates.items = memory_alloc(count * sizeof(struct slice));
	for (size_t i = 0; i < count; i++) {
		parcel.certificates.items[i] = slice_of(parcel.bytes + w.len, certificates[i].len);
		writer_bytes(&w, certificates[i]);
	}
	parcel.certificates.count = count;
	return parcel;
}

void parcel_free(struct parcel *parcel)
{
	free(parcel->bytes);
	free(parcel->certificates.items);
	*parcel = (struct parcel){ 0 };
}
