/* SPDX-License-Identifier: MIT */
/* Payloads of an association, through its two SAs (RFC 7402 6.1, 6.2, 7; RFC 7401 6.1, 6.2). */
#include "usage/hip/hip_update.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

#define HIP_NEXT_HEADER_ICMPV6 58

/* ---- The SAs ---- */

static struct slice hip_spi_key(uint32_t spi, uint8_t key[4])
{
	struct writer w = writer_of(key, 4);

	writer_u32(&w, spi);
	return slice_of(key, 4);
}

uint32_t hip_payload_spi(struct hip_host *h)
{
	uint8_t key[4];
	struct reader r;
	uint32_t spi;

	do {
		h->security.ops->random(h->security.ctx, key, sizeof(key));
		r = reader_of(slice_of(key, sizeof(key)));
		spi = reader_u32(&r);
	} while (spi < HIP_SPI_FIRST || map_find(h->spis, slice_of(key, sizeof(key))) != NULL);
	return spi;
}

void hip_payload_attach_sa(struct hip_association *a, const struct esp_sa *sa)
{
	uint8_t key[4];

	map_put(a->host->spis, hip_spi_key(sa->spi, key), a);
}

void hip_payload_drop_sa(struct hip_association *a, struct esp_sa *sa)
{
	uint8_t key[4];
	struct slice spi = hip_spi_key(sa->spi, key);

	if (sa != &a->out && sa->key != NULL && map_find(a->host->spis, spi) == a)
		map_remove(a->host->spis, spi);
	esp_sa_free(sa);
}

int hip_payload_draw(struct hip_association *a, uint32_t spi_in, uint32_t spi_out, struct esp_sa *in,
		     struct esp_sa *out)
{
	enum host_esp_suite suite = a->esp_suite;
	const struct host_security *security = &a->host->security;
	bool out_first = hip_is_greater(a);
	uint8_t keys[2][64];
	struct host_esp_shape shape;
	int err = 0;

	if (!host_esp_shape(suite, &shape) || shape.key + shape.authentication > (int)sizeof(keys[0]))
		return ERR_UNSUPPORTED;
	for (int i = 0; i < 2 && err == 0; i++)
		err = hip_keymat_draw(a, (size_t)shape.key + shape.authentication, keys[i]);
	for (int i = 0; i < 2 && err == 0; i++) {
		bool seals = (i == 0) == out_first;

		err = esp_sa_init(seals ? out : in, security, suite, seals ? spi_out : spi_in,
				  slice_of(keys[i], shape.key), slice_of(keys[i] + shape.key, shape.authentication),
				  seals);
		if (err < 0 && i == 1)
			esp_sa_free(out_first ? out : in);
	}
	explicit_bzero(keys, sizeof(keys));
	return err;
}

int hip_payload_establish(struct hip_association *a, uint32_t spi_in, uint32_t spi_out)
{
	struct esp_sa in = { 0 }, out = { 0 };
	int err;

	/* The Initiator learns the outbound SPI after the keys. */
	if (a->out.key != NULL && a->out.spi == 0 && a->in.spi == spi_in) {
		a->out.spi = spi_out;
		return 0;
	}
	err = hip_payload_draw(a, spi_in, spi_out, &in, &out);
	if (err < 0)
		return err;
	hip_payload_drop_sas(a);
	a->in = in;
	a->out = out;
	hip_payload_attach_sa(a, &a->in);
	return 0;
}

void hip_payload_drop_sas(struct hip_association *a)
{
	hip_payload_drop_sa(a, &a->in);
	hip_payload_drop_sa(a, &a->in_old);
	hip_payload_drop_sa(a, &a->out);
}

void hip_payload_free(struct hip_association *a)
{
	hip_payload_drop_sas(a);
	while (a->waiting_first != NULL) {
		struct hip_output *o = a->waiting_first;

		a->waiting_first = o->next;
		free(o);
	}
	a->waiting_last = NULL;
	a->waiting_count = 0;
}

/* ---- Out ---- */

bool hip_payload_is_ready(const struct hip_association *a)
{
	return (a->state == HIP_ESTABLISHED || a->state == HIP_R2_SENT) && a->out.key != NULL && a->out.spi != 0;
}

/* ERR_NOT_JOINED: no address may get it now. */
static int hip_payload_seal(struct hip_association *a, struct now now, uint8_t next_header, const struct slice *parts,
			    size_t count)
{
	uint8_t packet[ESP_PAYLOAD_MAX + ESP_OVERHEAD_MAX];
	struct writer w = writer_of(packet, sizeof(packet));
	struct hip_host *h = a->host;
	struct hip_path path;
	size_t len = ESP_OVERHEAD_MAX;
	int err;

	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	if (!hip_mobility_data_path(a, now, len, &path))
		return ERR_NOT_JOINED;
	err = esp_seal(&a->out, next_header, parts, count, &w);
	if (err < 0) {
		h->counters->hip_lost++;
		return err;
	}
	hip_output_esp(h, &path, writer_slice(&w));
	h->counters->esp_out++;
	a->last_used = now.mono;
	hip_update_of(a)->sent_at = now.mono;
	hip_liveness_spoke(a, now);
	if (esp_sa_wants_rekey(&a->out))
		hip_update_rekey(a, now);
	return 0;
}

static int hip_payload_wait(struct hip_association *a, uint8_t next_header, const struct slice *parts, size_t count)
{
	struct hip_output *o;
	size_t len = 0;

	if (a->waiting_count == HIP_WAITING_MAX) {
		a->host->counters->hip_limit++;
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	o = memory_alloc(sizeof(*o) + len);
	for (size_t i = 0; i < count; o->len += parts[i++].len)
		if (parts[i].len > 0)
			memcpy(o->bytes + o->len, parts[i].data, parts[i].len);
	o->effect.next_header = next_header;
	if (a->waiting_last != NULL)
		a->waiting_last->next = o;
	else
		a->waiting_first = o;
	a->waiting_last = o;
	a->waiting_count++;
	return 0;
}

void hip_payload_flush(struct hip_association *a, struct now now)
{
	while (a->waiting_first != NULL && hip_payload_is_ready(a)) {
		struct hip_output *o = a->waiting_first;
		struct slice part = slice_of(o->bytes, o->len);

		if (hip_payload_seal(a, now, o->effect.next_header, &part, 1) == ERR_NOT_JOINED)
			break;
		a->waiting_first = o->next;
		if (o->next == NULL)
			a->waiting_last = NULL;
		a->waiting_count--;
		free(o);
	}
	if (a->waiting_first == NULL)
		hip_ping_flush(a, now);
}

int hip_host_send(struct hip_host *h, struct now now, const struct hit *to, uint8_t next_header,
		  const struct slice *parts, size_t count)
{
	struct hip_association *a = hip_association_find(h, to);
	size_t len = 0;
	int err;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > ESP_PAYLOAD_MAX - len)
			return ERR_LIMIT;
		len += parts[i].len;
	}
	if (a != NULL && hip_payload_is_ready(a) && a->waiting_first == NULL) {
		err = hip_payload_seal(a, now, next_header, parts, count);
		if (err != ERR_NOT_JOINED)
			return err;
		hip_mobility_look(a, now);
		return hip_payload_wait(a, next_header, parts, count);
	}
	if (a == NULL || a->out.key == NULL || a->state == HIP_CLOSING || a->state == HIP_CLOSED) {
		err = hip_host_connect(h, now, to, NULL, NULL, NULL);
		if (err < 0)
			return err;
		a = hip_association_find(h, to);
		if (a == NULL)
			return ERR_NOT_JOINED;
	}
	err = hip_payload_wait(a, next_header, parts, count);
	hip_payload_flush(a, now);
	if (a->waiting_first != NULL && hip_payload_is_ready(a))
		hip_mobility_look(a, now);
	return err;
}

/* ---- In ---- */

static void hip_payload_deliver(struct hip_association *a, struct now now, uint8_t next_header, uint8_t *bytes,
				size_t len)
{
	struct hip_host *h = a->host;
	struct hit from = a->peer;
	struct hip_output *o;

	if (h->payload != NULL && h->payload(h->payload_ctx, now, &from, next_header, bytes, len))
		return;
	if (next_header == HIP_NEXT_HEADER_ICMPV6 && hip_ping_take(a, now, bytes, len))
		return;
	o = hip_output_new(h, HIP_EFFECT_PAYLOAD, len);
	o->effect.hit = from;
	o->effect.next_header = next_header;
	if (len > 0)
		memcpy(o->bytes, bytes, len);
}

static void hip_payload_refuse(struct hip_association *a, const struct hip_path *path, uint32_t spi, int err)
{
	struct hip_host *h = a->host;
	char text[HIP_PATH_TEXT_SIZE], peer[HIT_TEXT_SIZE];

	if (err == ERR_DUPLICATE)
		h->counters->hip_replayed++;
	else
		h->counters->esp_refused++;
	log_debug(h->log, "esp.refused", "peer=%s spi=%08x path=\"%s\" why=%s", hit_text(&a->peer, peer), spi,
		  hip_path_text(path, text), error_name(err));
}

void hip_payload_receive(struct hip_host *h, struct now now, const struct hip_path *path, uint8_t *bytes, size_t len)
{
	struct hip_association *a = len < ESP_HEADER_LENGTH ? NULL : map_find(h->spis, slice_of(bytes, 4));
	struct reader r = reader_of(slice_of(bytes, len));
	uint32_t spi = reader_u32(&r);
	uint64_t before;
	uint8_t next_header;
	struct slice payload;
	struct esp_sa *sa;
	int err;

	if (len == 1 && bytes[0] == 0xff)
		return; /* keepalive of RFC 3948 */
	if (a == NULL || (a->state != HIP_ESTABLISHED && a->state != HIP_R2_SENT)) {
		h->counters->hip_stray++;
		if (a == NULL && r.err == 0)
			hip_liveness_stray(h, now, path, spi, len);
		return;
	}
	sa = a->in.spi == spi ? &a->in : &a->in_old;
	invariant(sa->key != NULL && sa->spi == spi);
	before = sa->sequence;
	err = esp_open(sa, bytes, len, &next_header, &payload);
	if (err < 0) {
		hip_payload_refuse(a, path, spi, err);
		return;
	}
	h->counters->esp_in++;
	a->last_used = now.mono;
	hip_liveness_heard(a, now);
	if (a->state == HIP_R2_SENT) {
		hip_association_become(a, now, HIP_ESTABLISHED);
		if (map_find(h->spis, slice_of(bytes, 4)) != a)
			return; /* who was told of it has ended it */
	}
	if (sa == &a->in)
		hip_rekey_used(a, now);
	hip_mobility_heard(a, now, path, len, sa->sequence > before && sa->spi == a->in.spi);
	if (esp_sa_wants_rekey(&a->in))
		hip_update_rekey(a, now);
	if (next_header != HIP_NEXT_HEADER_NONE)
		hip_payload_deliver(a, now, next_header, bytes + (payload.data - bytes), payload.len);
}
