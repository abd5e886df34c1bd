/* SPDX-License-Identifier: MIT */
/* From ciphertext to the peer and back, the same for TCP and UDP. */
#include "node/connection.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "node/app_link.h"
#include "node/driver.h"
#include "overlay/base/invariant.h"

#define OUTPUT_KEPT 4096 /* bytes of an output buffer kept between turns */

void connections_init(struct node *n)
{
	struct connections *t = &n->connections;
	struct security security = provider_security(n->provider);
	uint64_t seed[2];

	security.ops->random(security.ctx, seed, sizeof(seed));
	t->by_link = map_new(seed[0]);
	t->read_buffer = malloc(READ_BUFFER_SIZE);
	invariant(t->read_buffer != NULL);
	admission_init(&t->admission, n->settings.handshakes_max, n->settings.handshakes_per_minute, seed[1]);
}

void connections_close(struct node *n)
{
	struct connection *next;

	connections_flush(n);
	for (struct connection *c = n->connections.all; c != NULL; c = next) {
		next = c->next;
		connection_close(c);
	}
}

void connections_free(struct node *n)
{
	struct connections *t = &n->connections;

	if (t->by_link != NULL)
		map_free(t->by_link);
	free(t->read_buffer);
	free(t->datagram_buffer);
	free(t->cipher);
}

static struct slice link_key(const link_id *link) { return slice_of(link, sizeof(*link)); }

struct connection *connection_find(struct node *n, link_id link)
{
	return map_find(n->connections.by_link, link_key(&link));
}

static void connection_name(struct connection *c, link_id link)
{
	c->link = link;
	invariant(map_put(c->node->connections.by_link, link_key(&link), c) == NULL);
}

void connection_begin(struct connection *c, struct node *n, const struct carrier *carrier,
		      enum overlay_link_type type, enum link_purpose purpose, link_id link,
		      const struct address *remote)
{
	struct connections *t = &n->connections;

	c->node = n;
	c->carrier = carrier;
	c->type = type;
	c->purpose = purpose;
	c->outgoing = link != 0;
	c->remote = *remote;
	c->give_up = instant_add(node_now().mono, duration_ms(HANDSHAKE_TIMEOUT_MS));
	c->next = t->all;
	if (t->all != NULL)
		t->all->previous = c;
	t->all = c;
	t->count++;
	c->next_handshaking = t->handshaking;
	t->handshaking = c;
	if (link != 0)
		connection_name(c, link);
}

static void handshaking_remove(struct connection *c)
{
	struct connection **at = &c->node->connections.handshaking;

	while (*at != NULL && *at != c)
		at = &(*at)->next_handshaking;
	if (*at == c)
		*at = c->next_handshaking;
	c->next_handshaking = NULL;
	if (c->holds_slot)
		admission_release(&c->node->connections.admission);
	c->holds_slot = false;
}

void connection_on_ciphertext(void *ctx, struct slice bytes)
{
	struct connection *c = ctx;
	struct connections *t = &c->node->connections;

	if (!c->carrier->stream) {
		c->carrier->write(c, bytes);
		return;
	}
	if (t->cipher_room - t->cipher_len < bytes.len) {
		t->cipher_room = t->cipher_len + bytes.len + READ_BUFFER_SIZE;
		t->cipher = memory_resize(t->cipher, t->cipher_room);
	}
	memcpy(t->cipher + t->cipher_len, bytes.data, bytes.len);
	t->cipher_len += bytes.len;
}

void connection_flush_ciphertext(struct connection *c)
{
	struct connections *t = &c->node->connections;

	if (!c->carrier->stream || t->cipher_len == 0)
		return;
	if (!c->closing)
		c->carrier->write(c, slice_of(t->cipher, t->cipher_len));
	t->cipher_len = 0;
}

void connection_connected(struct connection *c)
{
	int err = tls_engine_start(c->engine, node_now());

	connection_flush_ciphertext(c);
	if (err != 0)
		connection_fail(c, err, tls_engine_error(c->engine));
}

/* The handshake is done: the peer gets its link. False when the connection is gone afterwards. */
static bool connection_established(struct connection *c, struct now now)
{
	struct node *n = c->node;
	struct slice certificate = tls_engine_peer_certificate(c->engine);
	link_id link;

	c->established = true;
	handshaking_remove(c);
	if (c->outgoing) {
		peer_link_up(n->peer, now, c->link, certificate);
	} else {
		link = peer_link_accept(n->peer, now, c->purpose, c->type, &c->remote, certificate);
		if (link != 0)
			connection_name(c, link);
		else
			connection_close(c);
	}
	driver_drain(n);
	return !c->closing && c->failure == 0;
}

static void deliver(struct connection *c, struct now now, struct slice bytes)
{
	if (c->application != 0)
		app_link_receive(c, now, bytes);
	else
		peer_receive(c->node->peer, now, c->link, bytes);
	driver_drain(c->node);
}

/* Hands on whatever plaintext the engine holds. */
static void connection_advance(struct connection *c)
{
	struct now now = node_now();
	struct slice plaintext;
	int got;

	if (!c->established && tls_engine_is_established(c->engine) && !connection_established(c, now))
		return;
	while (c->established && !c->closing && c->failure == 0) {
		/* An application link's bytes wait in the engine until its usage has it. */
		if (c->purpose == LINK_APPLICATION && c->application == 0)
			return;
		got = tls_engine_read(c->engine, &plaintext);
		if (got < 0)
			connection_fail(c, got, tls_engine_error(c->engine));
		if (got <= 0)
			return;
		deliver(c, now, plaintext);
	}
}

void connection_receive(struct connection *c, struct slice bytes)
{
	int err;

	if (c->closing || c->failure != 0)
		return;
	if (c->purpose == LINK_APPLICATION && c->established && c->application == 0) {
		c->held += bytes.len;
		if (c->held > HELD_MAX) {
			connection_fail(c, ERR_LIMIT, "bytes before anybody reads them");
			driver_drain(c->node);
			return;
		}
	}
	err = tls_engine_receive(c->engine, node_now(), bytes);
	connection_flush_ciphertext(c);
	if (err == 0)
		connection_advance(c);
	else
		connection_fail(c, err, tls_engine_error(c->engine));
	driver_drain(c->node);
}

/* What one SEND effect holds becomes one TLS record: a RELOAD frame each, so that a dissector finds the next
 * one. All records of a turn leave in one write. */
static void output_append(struct connection *c, const struct slice *parts, size_t count)
{
	uint32_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += (uint32_t)parts[i].len;
	if (len == 0)
		return;
	if (c->output_len + sizeof(len) + len > c->output_room) {
		c->output_room = (c->output_len + sizeof(len) + len) * 2;
		c->output = memory_resize(c->output, c->output_room);
	}
	memcpy(c->output + c->output_len, &len, sizeof(len));
	c->output_len += sizeof(len);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(c->output + c->output_len, parts[i].data, parts[i].len);
		c->output_len += parts[i].len;
	}
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = c->node->driver.dirty;
	c->node->driver.dirty = c;
}

void connection_send(struct connection *c, const struct slice *parts, size_t count)
{
	int err;

	if (c->closing || c->failure != 0)
		return;
	if (c->carrier->stream) {
		output_append(c, parts, count);
		return;
	}
	err = tls_engine_write(c->engine, parts, count);
	if (err != 0)
		connection_fail(c, err, tls_engine_error(c->engine));
}

static int output_write(struct connection *c)
{
	size_t at = 0;
	uint32_t len;
	int err = 0;

	while (err == 0 && at < c->output_len) {
		struct slice run;

		memcpy(&len, c->output + at, sizeof(len));
		at += sizeof(len);
		run = slice_of(c->output + at, len);
		at += len;
		err = tls_engine_write(c->engine, &run, 1);
	}
	return err;
}

static void output_flush(struct connection *c)
{
	int err = 0;

	if (c->output_len > 0 && !c->closing && c->failure == 0) {
		err = output_write(c);
		connection_flush_ciphertext(c);
	}
	c->output_len = 0;
	if (c->output_room > OUTPUT_KEPT) {
		free(c->output);
		c->output = NULL;
		c->output_room = 0;
	}
	if (err != 0)
		connection_fail(c, err, tls_engine_error(c->engine));
	else if (!c->closing && c->failure == 0 && c->carrier->queued(c) > OUTPUT_QUEUE_MAX)
		connection_fail(c, ERR_LIMIT, "the other end reads too slowly");
}

void connections_flush(struct node *n)
{
	while (n->driver.dirty != NULL) {
		struct connection *c = n->driver.dirty;

		n->driver.dirty = c->next_dirty;
		c->dirty = false;
		output_flush(c);
	}
}

void connection_set_application(struct connection *c, uint16_t application)
{
	c->application = application;
	c->next_resumed = c->node->driver.resumed;
	c->node->driver.resumed = c;
}

bool connections_resume(struct node *n)
{
	struct connection *c = n->driver.resumed;

	if (c == NULL)
		return false;
	n->driver.resumed = c->next_resumed;
	c->next_resumed = NULL;
	connection_advance(c);
	return true;
}

void connection_fail(struct connection *c, int reason, const char *why)
{
	char address[ADDRESS_TEXT_SIZE];

	if (c->closing || c->failure != 0)
		return;
	log_event(&c->node->log, c->established || c->outgoing ? LOG_INFO : LOG_WARNING, "connection.lost",
		  "link=%llu remote=%s type=%s outgoing=%d established=%d error=%s why=\"%s\"",
		  (unsigned long long)c->link, address_text(&c->remote, address),
		  c->carrier->stream ? "tls" : "dtls", c->outgoing, c->established, error_name(reason), why);
	c->failure = reason;
	c->next_failed = c->node->driver.failed;
	c->node->driver.failed = c;
}

bool connections_report_failed(struct node *n, struct now now)
{
	struct connection *c = n->driver.failed;
	int reason;

	if (c == NULL)
		return false;
	n->driver.failed = c->next_failed;
	c->next_failed = NULL;
	reason = c->failure;
	if (c->closing)
		return true;
	if (c->application != 0)
		app_link_closed(c, now);
	else if (c->link != 0)
		/* What ends without a close_notify was cut off, be it by a FIN. */
		peer_link_down(n->peer, now, c->link,
			       c->engine != NULL && tls_engine_is_closed(c->engine) ? 0 : reason);
	else if (!c->established)
		peer_link_refused(n->peer, &c->remote, reason);
	connection_close(c);
	return true;
}

static void lists_remove(struct connection *c)
{
	struct connections *t = &c->node->connections;
	struct connection **dirty = &c->node->driver.dirty;
	struct connection **failed = &c->node->driver.failed;
	struct connection **resumed = &c->node->driver.resumed;

	handshaking_remove(c);
	while (*resumed != NULL && *resumed != c)
		resumed = &(*resumed)->next_resumed;
	if (*resumed == c)
		*resumed = c->next_resumed;
	while (*dirty != NULL && *dirty != c)
		dirty = &(*dirty)->next_dirty;
	if (*dirty == c)
		*dirty = c->next_dirty;
	while (*failed != NULL && *failed != c)
		failed = &(*failed)->next_failed;
	if (*failed == c)
		*failed = c->next_failed;
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		t->all = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	t->count--;
	if (c->link != 0)
		(void)map_remove(t->by_link, link_key(&c->link));
}

void connection_close(struct connection *c)
{
	if (c->closing)
		return;
	if (c->failure == 0)
		output_flush(c);
	if (c->engine != NULL && c->established) {
		tls_engine_close(c->engine);
		connection_flush_ciphertext(c);
	}
	lists_remove(c);
	c->closing = true;
	c->carrier->close(c);
}

void connection_free(struct connection *c)
{
	if (c->engine != NULL)
		tls_engine_free(c->engine);
	free(c->output);
	free(c);
}

struct instant connections_deadline(const struct node *n)
{
	struct instant at = INSTANT_NEVER;

	for (struct connection *c = n->connections.handshaking; c != NULL; c = c->next_handshaking) {
		at = instant_min(at, c->give_up);
		if (c->engine != NULL)
			at = instant_min(at, tls_engine_deadline(c->engine));
	}
	return at;
}

void connections_expire(struct node *n, struct now now)
{
	struct connection *next;

	for (struct connection *c = n->connections.handshaking; c != NULL; c = next) {
		next = c->next_handshaking;
		if (c->failure != 0)
			continue;
		if (instant_due(c->give_up, now.mono)) {
			connection_fail(c, ERR_LINK, "no handshake within 5 s");
		} else if (c->engine != NULL && instant_due(tls_engine_deadline(c->engine), now.mono)) {
			if (tls_engine_expire(c->engine, now) != 0)
				connection_fail(c, ERR_LINK, tls_engine_error(c->engine));
		}
	}
}
