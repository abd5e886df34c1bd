/* SPDX-License-Identifier: MIT */
/* One peer under test and the nodes around it. */
#include "test/unit/core/core.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "overlay/wire/method.h"

#define CORE_WALL 1800000000000ull /* ms */

const struct node_id CORE_SELF = { { 0x80 } };

struct node_id core_node_id(uint8_t byte)
{
	return (struct node_id){ { byte } };
}

/* ---- A topology plug-in that does as told ---- */

static void fake_join(void *ctx, struct now now, link_id bootstrap,
		      const struct node_id *bootstrap_id)
{
	struct core *c = ctx;

	(void)now;
	(void)bootstrap_id;
	c->joins++;
	c->joined_over = bootstrap;
}

static void fake_form(void *ctx, struct now now)
{
	(void)now;
	((struct core *)ctx)->forms++;
}

static void fake_leave(void *ctx, struct now now)
{
	(void)now;
	((struct core *)ctx)->leaves++;
}

static bool fake_next_hop(void *ctx, const struct node_id *target, struct node_id *hop)
{
	struct core *c = ctx;

	(void)target;
	*hop = c->hop;
	return c->has_hop;
}

static bool fake_is_responsible(void *ctx, const struct node_id *target)
{
	(void)target;
	return ((struct core *)ctx)->is_responsible;
}

static enum responsibility fake_responsibility(void *ctx, const struct node_id *target)
{
	(void)target;
	return ((struct core *)ctx)->is_responsible ? RESPONSIBLE_OWNER : RESPONSIBLE_NOT;
}

static size_t fake_replicas(void *ctx, struct node_id out[TOPOLOGY_REPLICAS])
{
	(void)ctx;
	(void)out;
	return 0;
}

static bool fake_accepts(void *ctx, const struct node_id *a, const struct node_id *b)
{
	(void)a;
	(void)b;
	return ((struct core *)ctx)->accepts_answer;
}

static void fake_link_up(void *ctx, struct now now, const struct node_id *node, bool send_update)
{
	struct core *c = ctx;

	(void)now;
	c->ups++;
	c->last_up = *node;
	c->last_send_update = send_update;
}

static void fake_link_down(void *ctx, struct now now, const struct node_id *node)
{
	struct core *c = ctx;

	(void)now;
	c->downs++;
	c->last_down = *node;
}

static void fake_link_closed(void *ctx, struct now now, const struct node_id *node)
{
	(void)now;
	(void)node;
	((struct core *)ctx)->closes++;
}

static void fake_configure(void *ctx, struct now now)
{
	(void)now;
	((struct core *)ctx)->configures++;
}

static void fake_view(void *ctx, struct topology_view *out)
{
	(void)ctx;
	*out = (struct topology_view){ 0 };
}

static size_t fake_population(void *ctx)
{
	return ((struct core *)ctx)->population;
}

static const struct topology_ops FAKE_TOPOLOGY = {
	.join = fake_join,
	.form = fake_form,
	.leave = fake_leave,
	.next_hop = fake_next_hop,
	.is_responsible = fake_is_responsible,
	.responsibility = fake_responsibility,
	.replicas = fake_replicas,
	.accepts_replica = fake_accepts,
	.accepts_answer = fake_accepts,
	.link_up = fake_link_up,
	.link_down = fake_link_down,
	.link_closed = fake_link_closed,
	.configure = fake_configure,
	.view = fake_view,
	.population = fake_population,
};

/* ---- Identities ---- */

static size_t core_certificate(uint8_t *out, const struct node_id *id, size_t count)
{
	struct node_id ids[IDENTITY_NODE_IDS_MAX];
	char user[32];

	for (size_t i = 0; i < count; i++) {
		ids[i] = *id;
		ids[i].bytes[NODE_ID_LENGTH - 1] = (uint8_t)i;
	}
	snprintf(user, sizeof(user), "user%u@example.org", id->bytes[0]);
	return fake_certificate_put(out, ids, count, user, (struct walltime){ CORE_WALL - 1000 },
				    (struct walltime){ CORE_WALL + 86400000 });
}

void remote_init(struct remote *r, uint8_t byte, size_t count)
{
	*r = (struct remote){ .id = core_node_id(byte) };
	r->certificate_len = core_certificate(r->certificate, &r->id, count);
	r->security = fake_security_new(byte, slice_of(r->certificate, r->certificate_len));
	r->port = fake_security_port(r->security);
}

void remote_free(struct remote *r)
{
	fake_security_free(r->security);
}

/* ---- The peer ---- */

static void core_configuration(const struct core_options *o, struct configuration *c)
{
	configuration_init(c);
	snprintf(c->overlay_name, sizeof(c->overlay_name), "overlay.example.org");
	c->no_ice = true;
	c->sequence = o->sequence;
	if (o->reliability_timer_ms != 0)
		c->overlay_reliability_timer_ms = o->reliability_timer_ms;
	if (o->initial_ttl > 0)
		c->initial_ttl = o->initial_ttl;
	for (size_t i = 0; i < o->bootstrap_count; i++)
		c->bootstrap_nodes[c->bootstrap_node_count++] = (struct address){
			.type = ADDRESS_IPV4, .bytes = { 10, 9, 0, (uint8_t)(i + 1) }, .port = 6084
		};
}

struct core *core_new(const struct core_options *o)
{
	struct core *c = memory_alloc(sizeof(*c));
	struct configuration *configuration = &c->configuration;
	struct peer_options *options = memory_alloc(sizeof(*options));
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t len = core_certificate(certificate, &CORE_SELF, 1);

	core_configuration(o, configuration);
	arena_init(&c->arena, 1u << 26);
	c->now = (struct now){ { 1000000 }, { CORE_WALL } };
	c->accepts_answer = true;
	c->link_type =
		o->datagram ? OVERLAY_LINK_DTLS_UDP_SR_NO_ICE : OVERLAY_LINK_TLS_TCP_FH_NO_ICE;
	c->security = fake_security_new(1, slice_of(certificate, len));
	options->configuration = configuration;
	options->configuration_ops = o->configuration_ops;
	options->configuration_ctx = o->configuration_ctx;
	options->security = fake_security_port(c->security);
	options->seed = 7;
	options->client = o->client;
	options->first = o->first;
	options->links_max = o->links_max;
	options->datagram_mtu = o->datagram_mtu;
	options->candidates[0] = (struct ice_candidate){
		.address = { .type = ADDRESS_IPV4, .bytes = { 10, 0, 0, 1 }, .port = 6084 },
		.overlay_link = (uint8_t)c->link_type,
		.type = CANDIDATE_HOST
	};
	options->candidate_count = 1;
	options->app_candidates[0] = options->candidates[0];
	options->app_candidates[0].address.port = 6085;
	options->app_candidate_count = 1;
	c->peer = peer_new(options);
	peer_set_topology(c->peer, &FAKE_TOPOLOGY, c);
	if (!o->idle)
		peer_start(c->peer, c->now, NULL, 0, c->link_type);
	core_drain(c);
	free(options);
	return c;
}

void core_free(struct core *c)
{
	core_forget_sent(c);
	peer_free(c->peer);
	fake_security_free(c->security);
	arena_free(&c->arena);
	free(c);
}

/* ---- Effects and time ---- */

static void core_keep_sent(struct core *c, const struct effect *e)
{
	struct sent *s = &c->sent[c->sent_count++];

	ck_assert_uint_lt(c->sent_count, CORE_SENT_MAX);
	*s = (struct sent){ .link = e->link };
	for (size_t i = 0; i < e->part_count; i++)
		s->len += e->parts[i].len;
	s->bytes = memory_alloc(s->len);
	for (size_t i = 0, at = 0; i < e->part_count; i++) {
		if (e->parts[i].len > 0)
			memcpy(s->bytes + at, e->parts[i].data, e->parts[i].len);
		at += e->parts[i].len;
	}
}

void core_drain(struct core *c)
{
	const struct effect *e;

	while ((e = peer_next_effect(c->peer)) != NULL) {
		switch (e->type) {
		case EFFECT_SEND:
			core_keep_sent(c, e);
			break;
		case EFFECT_LINK_OPEN:
			c->opened[c->opened_count++ % 64] = *e;
			break;
		case EFFECT_LINK_CLOSE:
			c->closed[c->closed_count++ % 64] = *e;
			break;
		case EFFECT_APP_LINK_READY:
			c->ready[c->ready_count++ % 16] = *e;
			break;
		case EFFECT_PEER_STATE:
			c->state = e->state;
			break;
		case EFFECT_CONFIGURATION:
			c->unsupported += e->reason == ERR_UNSUPPORTED;
			break;
		default:
			break;
		}
	}
}

void core_advance(struct core *c, uint64_t ms)
{
	struct instant end = instant_add(c->now.mono, duration_ms(ms));

	for (;;) {
		struct instant at = instant_min(peer_deadline(c->peer), end);

		if (instant_before(c->now.mono, at)) {
			c->now.wall.ms += (at.us - c->now.mono.us) / 1000;
			c->now.mono = at;
		}
		peer_expire(c->peer, c->now);
		core_drain(c);
		if (!instant_due(peer_deadline(c->peer), c->now.mono) && c->now.mono.us >= end.us)
			return;
	}
}

/* ---- Links ---- */

link_id core_accept_as(struct core *c, struct remote *r, enum link_purpose purpose)
{
	struct address from = { .type = ADDRESS_IPV4,
				.bytes = { 10, 1, 0, r->id.bytes[0] },
				.port = 40000 };

	r->sequence = 0;
	r->link = peer_link_accept(c->peer, c->now, purpose, c->link_type, &from,
				   slice_of(r->certificate, r->certificate_len));
	core_drain(c);
	return r->link;
}

link_id core_accept(struct core *c, struct remote *r)
{
	return core_accept_as(c, r, LINK_OVERLAY);
}

void core_link_up(struct core *c, struct remote *r)
{
	r->link = c->opened[(c->opened_count - 1) % 64].link;
	r->sequence = 0;
	peer_link_up(c->peer, c->now, r->link, slice_of(r->certificate, r->certificate_len));
	core_drain(c);
}

/* ---- Messages of others ---- */

struct slice core_nodes(struct core *c, const struct node_id *ids, size_t count)
{
	size_t room = count * 18 + 1;
	struct writer w = writer_of(arena_alloc(&c->arena, room), room);

	for (size_t i = 0; i < count; i++) {
		struct destination d = destination_of_node(&ids[i]);

		destination_put(&w, &d);
	}
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

struct slice core_to_self(struct core *c)
{
	return core_nodes(c, &CORE_SELF, 1);
}

struct slice core_to_resource(struct core *c, const struct node_id *point)
{
	struct resource_id id = resource_id_from_node_id(point);
	struct destination d = destination_of_resource(&id);
	struct writer w = writer_of(arena_alloc(&c->arena, 32), 32);

	destination_put(&w, &d);
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

static uint32_t core_overlay_hash(struct core *c)
{
	struct security s = fake_security_port(c->security);
	struct slice name = slice_text("overlay.example.org");
	uint8_t digest[20];
	struct reader r;

	s.ops->digest(s.ctx, HASH_SHA1, &name, 1, digest);
	r = reader_of(slice_of(digest + 16, 4));
	return reader_u32(&r);
}

struct forwarding_header core_header(struct core *c, uint64_t transaction_id,
				     struct slice destinations)
{
	return (struct forwarding_header){ .relo_token = RELO_TOKEN,
					   .overlay = core_overlay_hash(c),
					   .configuration_sequence =
						   peer_configuration(c->peer)->sequence,
					   .version = RELOAD_VERSION,
					   .ttl = 50,
					   .fragment = FRAGMENT_WHOLE,
					   .transaction_id = transaction_id,
					   .destination_list = destinations };
}

struct slice core_message(struct core *c, struct remote *r, const struct forwarding_header *h,
			  uint16_t code, struct slice body)
{
	return core_message_of(c, r, h, &(struct message_contents){ .code = code, .body = body });
}

struct slice core_message_of(struct core *c, struct remote *r, const struct forwarding_header *h,
			     const struct message_contents *what)
{
	struct message m = { .contents = *what };
	struct slice certificate = slice_of(r->certificate, r->certificate_len);
	size_t room = what->body.len + 4096;
	struct writer contents = writer_of(arena_alloc(&c->arena, room), room);
	struct writer w = writer_of(arena_alloc(&c->arena, room), room);
	uint8_t prefix[12];
	struct writer p = writer_of(prefix, sizeof(prefix));
	struct slice parts[2];

	m.header = h != NULL ? *h : core_header(c, 1, core_to_self(c));
	writer_u32(&p, m.header.overlay);
	writer_u64(&p, m.header.transaction_id);
	message_contents_put(&contents, &m.contents);
	parts[0] = writer_slice(&p);
	parts[1] = writer_slice(&contents);
	ck_assert_int_eq(r->port.ops->sign(r->port.ctx, parts, 2, &c->arena, &m.security.signature),
			 0);
	m.security.certificates = (struct certificate_list){ &certificate, 1 };
	message_put(&w, &m);
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

void core_receive_raw(struct core *c, struct remote *r, struct slice bytes)
{
	peer_receive(c->peer, c->now, r->link, bytes);
	core_drain(c);
}

void core_receive(struct core *c, struct remote *r, struct slice message)
{
	struct frame f = { .type = FRAME_DATA, .sequence = r->sequence++, .message = message };
	size_t room = message.len + FRAME_DATA_HEADER;
	struct writer w = writer_of(memory_alloc(room), room);

	frame_put(&w, &f);
	core_receive_raw(c, r, writer_slice(&w));
	free(w.data);
}

void core_receive_ack(struct core *c, struct remote *r, uint32_t sequence, uint32_t received)
{
	struct frame f = { .type = FRAME_ACK, .sequence = sequence, .received = received };
	uint8_t bytes[FRAME_ACK_SIZE];
	struct writer w = writer_of(bytes, sizeof(bytes));

	frame_put(&w, &f);
	core_receive_raw(c, r, writer_slice(&w));
}

/* ---- What the peer sent ---- */

void core_forget_sent(struct core *c)
{
	for (size_t i = 0; i < c->sent_count; i++)
		free(c->sent[i].bytes);
	c->sent_count = 0;
}

bool core_take_frame(struct core *c, const struct remote *r, struct frame *f)
{
	for (size_t i = 0; i < c->sent_count; i++) {
		struct sent *s = &c->sent[i];
		size_t taken;

		if (s->is_taken || s->link != r->link)
			continue;
		ck_assert_int_eq(frame_cut(slice_of(s->bytes, s->len), 1u << 24, f, &taken), 1);
		if (taken == s->len) {
			s->is_taken = true;
		} else { /* several acks in one write */
			struct slice copy = arena_copy(&c->arena, slice_of(s->bytes, taken));
			size_t used;

			ck_assert_int_eq(frame_cut(copy, 1u << 24, f, &used), 1);
			memmove(s->bytes, s->bytes + taken, s->len - taken);
			s->len -= taken;
		}
		return true;
	}
	return false;
}

bool core_take(struct core *c, const struct remote *r, struct message *m)
{
	struct frame f;

	while (core_take_frame(c, r, &f)) {
		if (f.type != FRAME_DATA || f.message.len == 0)
			continue;
		ck_assert_int_eq(message_get(f.message, &c->arena, m), 0);
		return true;
	}
	return false;
}

uint16_t core_error_code(const struct message *m)
{
	struct reader r = reader_of(m->contents.body);
	struct error_response e;

	if (m->contents.code != MESSAGE_CODE_ERROR)
		return 0;
	error_response_get(&r, &e);
	ck_assert_int_eq(reader_finish(&r), 0);
	return e.code;
}
