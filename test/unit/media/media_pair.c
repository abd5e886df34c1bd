/* SPDX-License-Identifier: MIT */
/* Nodes with HIP hosts and media relays. */
#include "test/unit/media/media_pair.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void media_pair_begin_with(struct media_pair *p, const struct media_relay_options *options)
{
	static const char *const users[PAIR_NODES] = { "alice@example.org", "bob@example.org", "mallory@example.org" };

	memset(p, 0, sizeof(*p));
	fixture_begin(&p->fixture);
	for (size_t i = 0; i < PAIR_NODES; i++)
		fixture_add(&p->fixture, HIT_SUITE_ECDSA, NULL);
	for (size_t i = 0; i < PAIR_NODES; i++) {
		struct media_node *n = &p->nodes[i];
		struct media_relay_options o = *options;
		char text[ADDRESS_TEXT_SIZE];

		n->host = &p->fixture.hosts[i];
		n->user = users[i];
		n->is_vouched = true;
		n->id.bytes[0] = (uint8_t)(i + 1);
		n->next_port = (uint16_t)(20000 + 1000 * i);
		snprintf(text, sizeof(text), "127.0.%zu.1:5060", i + 1);
		ck_assert_int_eq(address_parse(text, 0, &n->phone_side), 0);
		snprintf(text, sizeof(text), "127.0.%zu.7:5062", i + 1);
		ck_assert_int_eq(address_parse(text, 0, &n->phone), 0);
		o.log = &n->host->log;
		n->relay = media_relay_new(n->host->h, &n->host->counters, &o);
		n->sip = media_relay_sip(n->relay);
	}
	media_pair_drain(p);
}

void media_pair_begin(struct media_pair *p, enum media_policy policy)
{
	media_pair_begin_with(p, &(struct media_relay_options){ .policy = policy });
}

void media_pair_end(struct media_pair *p)
{
	for (size_t i = 0; i < PAIR_NODES; i++)
		media_relay_free(p->nodes[i].relay);
	fixture_end(&p->fixture);
}

static void media_effect_do(struct media_node *n, const struct media_effect *e)
{
	if (e->type == MEDIA_EFFECT_RETURN)
		n->returned++;
	if (e->type == MEDIA_EFFECT_WANT)
		for (size_t i = 0; !n->no_ports && i < e->count; i++, n->lent++, n->next_port += 2)
			media_relay_lend(n->relay, n->next_port);
	if (e->type != MEDIA_EFFECT_SEND)
		return;
	n->sent++;
	n->last = *e;
	snprintf(n->payload, sizeof(n->payload), "%.*s", (int)e->bytes.len, (const char *)e->bytes.data);
}

void media_pair_drain(struct media_pair *p)
{
	const struct media_effect *e;

	for (size_t i = 0; i < PAIR_NODES; i++)
		while ((e = media_relay_next_effect(p->nodes[i].relay)) != NULL)
			media_effect_do(&p->nodes[i], e);
	fixture_drain(&p->fixture);
}

void media_pair_run(struct media_pair *p, uint64_t ms)
{
	for (uint64_t t = 0; t < ms; t += 5) {
		media_pair_drain(p);
		fixture_run(&p->fixture, 5);
		for (size_t i = 0; i < PAIR_NODES; i++) {
			struct usage u = media_relay_port(p->nodes[i].relay);

			if (instant_due(u.ops->deadline(u.ctx), p->fixture.now.mono))
				u.ops->expire(u.ctx, p->fixture.now);
		}
	}
	media_pair_drain(p);
}

static int media_show(struct media_pair *p, size_t at, size_t other, enum sip_media_direction direction,
		      const char *body, struct media_said said)
{
	struct media_node *n = &p->nodes[at], *o = &p->nodes[other];
	char leg[ADDRESS_TEXT_SIZE], prefs[SIP_MEDIA_PREFS_MAX] = "";
	struct sip_text out = { 0 };
	struct sip_media_message m = {
		.direction = direction,
		.call_id = slice_text(said.call_id != NULL ? said.call_id : "c1"),
		.phone = slice_text(address_text(&n->phone, leg)),
		.node = o->id,
		.node_user = o->user,
		.node_user_is_vouched = o->is_vouched,
		.remote_aor = slice_text(said.aor != NULL ? said.aor : o->user),
		.remote_tag = slice_text(said.tag != NULL ? said.tag : ""),
		.phone_side = &n->phone_side,
		.phone_at = &n->phone,
		.is_request = said.status == 0,
		.is_invite = !said.update,
		.is_update = said.update,
		.in_dialog = said.in_dialog,
		.status = said.status,
		.body = slice_text(body),
	};
	int err;

	if (!said.no_hit)
		m.node_hit = o->host->hit;
	if (said.prefs != NULL)
		snprintf(prefs, sizeof(prefs), "%s", said.prefs);
	else if (direction == SIP_MEDIA_OUTWARDS && said.status == 0 && !said.in_dialog)
		snprintf(prefs, sizeof(prefs), "(& (sip.schemes=SIP) %s)",
			 o->sip.ops->record_prefs(o->sip.ctx, (char[SIP_MEDIA_PREFS_MAX]){ 0 }, SIP_MEDIA_PREFS_MAX));
	m.record_prefs = slice_text(prefs);
	err = n->sip.ops->rewrite(n->sip.ctx, p->fixture.now, &m, &out, p->reason, sizeof(p->reason));
	snprintf(p->out, sizeof(p->out), "%.*s", out.len > 0 ? (int)out.len : (int)strlen(body),
		 out.len > 0 ? (const char *)out.data : body);
	sip_text_free(&out);
	media_pair_drain(p);
	return err;
}

int media_out(struct media_pair *p, size_t from, size_t to, const char *body, struct media_said said)
{
	return media_show(p, from, to, SIP_MEDIA_OUTWARDS, body, said);
}

int media_in(struct media_pair *p, size_t at, size_t from, const char *body, struct media_said said)
{
	return media_show(p, at, from, SIP_MEDIA_INWARDS, body, said);
}

const char *media_pass(struct media_pair *p, size_t from, size_t to, const char *body, struct media_said said)
{
	char between[PAIR_TEXT];

	ck_assert_msg(media_out(p, from, to, body, said) == 0, "%s", p->reason);
	snprintf(between, sizeof(between), "%s", p->out);
	ck_assert_msg(media_in(p, to, from, between, said) == 0, "%s", p->reason);
	return p->out;
}

void media_over(struct media_pair *p, size_t at, size_t other, const char *call_id, const char *tag)
{
	struct media_node *n = &p->nodes[at];
	struct sip_media_end end = { .call_id = slice_text(call_id), .node = p->nodes[other].id,
				     .remote_tag = slice_text(tag) };

	n->sip.ops->ended(n->sip.ctx, p->fixture.now, &end);
	media_pair_run(p, 1100);
}

uint16_t media_port_of(const char *description, unsigned n)
{
	const char *line = strstr(description, "\nm=");

	for (; line != NULL && n > 0; n--)
		line = strstr(line + 1, "\nm=");
	ck_assert_ptr_nonnull(line);
	return (uint16_t)strtoul(strchr(line, ' '), NULL, 10);
}

void media_send_from(struct media_pair *p, size_t node, const char *from, uint16_t to_port, const char *text)
{
	struct address a;

	ck_assert_int_eq(address_parse(from, 0, &a), 0);
	media_relay_datagram(p->nodes[node].relay, p->fixture.now, to_port, &a, slice_text(text));
	media_pair_run(p, 30);
}

void media_send(struct media_pair *p, size_t node, uint16_t from_port, uint16_t to_port, const char *text)
{
	char from[ADDRESS_TEXT_SIZE];

	snprintf(from, sizeof(from), "127.0.%zu.7:%u", node + 1, from_port);
	media_send_from(p, node, from, to_port, text);
}
