/* SPDX-License-Identifier: MIT */
/* Hosts on virtual time. */
#include "test/unit/hip/hip_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"

#define FIXTURE_MARKER 4

static void fixture_log(void *ctx, enum log_level level, const char *event, const char *text)
{
	struct fixture_host *x = ctx;
	int len;

	(void)level;
	if (getenv("FIXTURE_TRACE") != NULL)
		fprintf(stderr, "%s %s %s\n", address_text(&x->at, (char[ADDRESS_TEXT_SIZE]){ 0 }), event, text);
	len = snprintf(x->text + x->text_len, FIXTURE_LOG_MAX - x->text_len, "%s %s\n", event, text);
	if (len > 0 && x->text_len + (size_t)len < FIXTURE_LOG_MAX)
		x->text_len += (size_t)len;
}

void fixture_begin(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->now.mono.us = 1000000;
	f->now.wall.ms = UINT64_C(1760000000000);
	f->delay = duration_ms(10);
}

void fixture_end(struct fixture *f)
{
	for (size_t i = 0; i < f->count; i++) {
		hip_host_free(f->hosts[i].h);
		host_provider_free(f->hosts[i].provider);
		free(f->hosts[i].text);
	}
	fixture_lose(f);
}

static void fixture_start(struct fixture_host *x)
{
	x->options.security = x->provider != NULL ? host_provider_port(x->provider) : x->options.security;
	ck_assert_int_eq(hip_host_new(&x->h, &x->options), 0);
	x->hit = *hip_host_hit(x->h);
}

size_t fixture_add(struct fixture *f, enum hit_suite suite, const struct hip_host_options *options)
{
	struct fixture_host *x = &f->hosts[f->count];
	char text[ADDRESS_TEXT_SIZE];

	invariant(f->count < FIXTURE_HOSTS_MAX);
	if (options != NULL)
		x->options = *options;
	snprintf(text, sizeof(text), "192.0.2.%zu:10500", f->count + 1);
	ck_assert_int_eq(address_parse(text, 0, &x->at), 0);
	x->text = memory_alloc(FIXTURE_LOG_MAX);
	x->log = (struct log){ fixture_log, x, LOG_DEBUG };
	x->options.log = &x->log;
	x->options.counters = &x->counters;
	if (x->options.seed == 0)
		x->options.seed = f->count + 1;
	if (x->options.listen_count == 0)
		x->options.listen[x->options.listen_count++] = x->at;
	if (x->options.locator_count == 0)
		x->options.locators[x->options.locator_count++] = x->at;
	if (x->options.security.ops == NULL)
		ck_assert_int_eq(host_provider_generate(&x->provider, suite), 0);
	fixture_start(x);
	return f->count++;
}

void fixture_restart(struct fixture *f, size_t host)
{
	hip_host_free(f->hosts[host].h);
	fixture_start(&f->hosts[host]);
}

uint8_t fixture_type(const struct fixture_datagram *d, size_t *packet)
{
	*packet = d->path.channel == HIP_CHANNEL_UDP ? FIXTURE_MARKER : 0;
	return d->is_esp || d->len < *packet + HIP_HEADER_LENGTH ? 0 : d->bytes[*packet + 2];
}

static size_t fixture_find(const struct fixture *f, const struct address *at)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct hip_host_options *o = &f->hosts[i].h->options;

		for (size_t n = 0; n < o->listen_count; n++)
			if (o->listen[n].type == at->type && memcmp(o->listen[n].bytes, at->bytes, 16) == 0)
				return i;
	}
	return FIXTURE_HOSTS_MAX;
}

static void fixture_queue(struct fixture *f, const struct fixture_datagram *d)
{
	struct fixture_datagram **at = &f->first, *copy = memory_alloc(sizeof(*copy));

	*copy = *d;
	while (*at != NULL && (*at)->due.us <= copy->due.us)
		at = &(*at)->next;
	copy->next = *at;
	*at = copy;
}

static void fixture_send(struct fixture *f, size_t from, const struct hip_effect *e)
{
	struct fixture_host *x = &f->hosts[from];
	struct fixture_datagram d = { .from = from, .is_esp = e->is_esp, .len = e->bytes.len };
	size_t packet;
	unsigned copies;
	uint8_t type;

	ck_assert_uint_le(e->bytes.len, sizeof(d.bytes));
	memcpy(d.bytes, e->bytes.data, e->bytes.len);
	d.path = e->path;
	d.path.local = e->path.remote;
	d.path.remote = e->path.local;
	d.due = instant_add(f->now.mono, f->delay);
	d.to = fixture_find(f, &e->path.remote);
	type = fixture_type(&d, &packet);
	x->sent[type <= HIP_CLOSE_ACK ? type : 0]++;
	x->last[type <= HIP_CLOSE_ACK ? type : 0] = d;
	if (type != 0)
		x->bytes_out += d.len;
	copies = f->hook == NULL ? 1 : f->hook(f->hook_ctx, f, &d);
	while (d.to < f->count && copies-- > 0)
		fixture_queue(f, &d);
}

void fixture_drain(struct fixture *f)
{
	const struct hip_effect *e;

	for (size_t i = 0; i < f->count; i++) {
		struct fixture_host *x = &f->hosts[i];

		while ((e = hip_host_next_effect(x->h)) != NULL) {
			if (e->type == HIP_EFFECT_SEND)
				fixture_send(f, i, e);
			if (e->type != HIP_EFFECT_PAYLOAD)
				continue;
			x->payloads++;
			x->next_header = e->next_header;
			x->payload_len = e->bytes.len < sizeof(x->payload) ? e->bytes.len : sizeof(x->payload);
			memcpy(x->payload, e->bytes.data, x->payload_len);
		}
	}
}

static void fixture_deliver(struct fixture *f, struct fixture_datagram *d)
{
	struct fixture_host *x = &f->hosts[d->to];
	uint8_t *exact = memory_alloc(d->len + 1); /* on the heap, so that reading beyond it is seen */
	size_t packet;

	memcpy(exact, d->bytes, d->len);
	if (fixture_type(d, &packet) != 0)
		x->bytes_in += d->len;
	hip_host_datagram(x->h, f->now, &d->path, d->is_esp, slice_of(exact, d->len));
	free(exact);
	free(d);
	fixture_drain(f);
}

static struct instant fixture_next(const struct fixture *f)
{
	struct instant next = f->first != NULL ? f->first->due : INSTANT_NEVER;

	for (size_t i = 0; i < f->count; i++) {
		struct usage port = hip_host_port(f->hosts[i].h);

		next = instant_min(next, port.ops->deadline(port.ctx));
	}
	return next;
}

/* One event, if it comes before `end`. */
static bool fixture_step(struct fixture *f, struct instant end)
{
	struct instant next;
	struct fixture_datagram *d;

	fixture_drain(f);
	next = fixture_next(f);
	if (!instant_due(next, end))
		return false;
	if (instant_before(f->now.mono, next)) {
		f->now.wall.ms += (next.us - f->now.mono.us) / 1000;
		f->now.mono = next;
	}
	d = f->first;
	if (d != NULL && instant_due(d->due, f->now.mono)) {
		f->first = d->next;
		fixture_deliver(f, d);
		return true;
	}
	for (size_t i = 0; i < f->count; i++) {
		struct usage port = hip_host_port(f->hosts[i].h);

		port.ops->expire(port.ctx, f->now);
	}
	fixture_drain(f);
	return true;
}

void fixture_run(struct fixture *f, uint64_t ms)
{
	struct instant end = instant_add(f->now.mono, duration_ms(ms));

	while (fixture_step(f, end))
		continue;
	f->now.wall.ms += (end.us - f->now.mono.us) / 1000;
	f->now.mono = end;
}

bool fixture_run_until_established(struct fixture *f, size_t a, size_t b, uint64_t ms)
{
	struct instant end = instant_add(f->now.mono, duration_ms(ms));

	do {
		if (hip_host_is_established(f->hosts[a].h, &f->hosts[b].hit) &&
		    hip_host_is_established(f->hosts[b].h, &f->hosts[a].hit))
			return true;
	} while (fixture_step(f, end));
	return false;
}

void fixture_connect(struct fixture *f, size_t from, size_t to)
{
	const struct hip_hint hint = { .locators = { f->hosts[to].h->options.listen[0] }, .locator_count = 1 };

	ck_assert_int_eq(hip_host_connect(f->hosts[from].h, f->now, &f->hosts[to].hit, &hint, NULL, NULL), 0);
	fixture_drain(f);
}

void fixture_join(struct fixture *f, size_t from, size_t to)
{
	fixture_connect(f, from, to);
	ck_assert(fixture_run_until_established(f, from, to, 30000));
	fixture_run(f, 100);
}

void fixture_lose(struct fixture *f)
{
	struct fixture_datagram *d;

	while ((d = f->first) != NULL) {
		f->first = d->next;
		free(d);
	}
}

void fixture_inject(struct fixture *f, size_t to, const struct address *from, struct slice packet)
{
	struct fixture_datagram *d = memory_alloc(sizeof(*d));

	ck_assert_uint_le(packet.len + FIXTURE_MARKER, sizeof(d->bytes));
	d->from = FIXTURE_HOSTS_MAX;
	d->to = to;
	d->path = (struct hip_path){ .channel = HIP_CHANNEL_UDP, .local = f->hosts[to].at, .remote = *from };
	d->len = packet.len + FIXTURE_MARKER;
	memcpy(d->bytes + FIXTURE_MARKER, packet.data, packet.len);
	fixture_deliver(f, d);
}

struct slice fixture_sent(const struct fixture *f, size_t host, uint8_t type)
{
	const struct fixture_datagram *d = &f->hosts[host].last[type];
	size_t packet;

	ck_assert_uint_eq(fixture_type(d, &packet), type);
	return slice_of(d->bytes + packet, d->len - packet);
}

uint8_t *fixture_parameter(uint8_t *packet, size_t len, uint16_t type, size_t *contents_len)
{
	struct hip_parameter parameter;
	struct hip_packet p;

	ck_assert_int_eq(hip_packet_get(slice_of(packet, len), &p), 0);
	ck_assert(hip_parameter_find(&p, type, &parameter));
	*contents_len = parameter.contents.len;
	return packet + parameter.at + 4;
}

size_t fixture_reseal(struct fixture *f, size_t host, size_t with, uint8_t *packet, size_t len)
{
	struct hip_host *h = f->hosts[host].h;
	const struct hip_association *a = fixture_association(f, host, with);
	struct hip_parameter parameter;
	struct hip_packet p;
	struct writer w = writer_of(packet, HIP_PACKET_MAX);
	size_t cursor = 0;

	ck_assert_int_eq(hip_packet_get(slice_of(packet, len), &p), 0);
	w.len = HIP_HEADER_LENGTH;
	while (hip_parameter_next(&p, &cursor, &parameter) && parameter.type < HIP_PARAMETER_HIP_MAC)
		w.len = parameter.at + parameter.whole.len;
	if (p.type == HIP_R1) {
		ck_assert_int_eq(hip_seal_signature_2(h, &w), 0);
		return w.len;
	}
	ck_assert_ptr_nonnull(a);
	hip_seal_mac(a, &w);
	ck_assert_int_eq(hip_seal_signature(h, &w), 0);
	return w.len;
}

struct hip_association *fixture_association(struct fixture *f, size_t of, size_t with)
{
	return hip_association_find(f->hosts[of].h, &f->hosts[with].hit);
}

enum hip_state fixture_state(struct fixture *f, size_t of, size_t with)
{
	const struct hip_association *a = fixture_association(f, of, with);

	return a == NULL ? HIP_UNASSOCIATED : a->state;
}

bool fixture_logged(const struct fixture *f, size_t host, const char *text)
{
	return strstr(f->hosts[host].text, text) != NULL;
}

size_t fixture_logged_times(const struct fixture *f, size_t host, const char *text)
{
	const char *at = f->hosts[host].text;
	size_t count = 0;

	while ((at = strstr(at, text)) != NULL) {
		count++;
		at++;
	}
	return count;
}
