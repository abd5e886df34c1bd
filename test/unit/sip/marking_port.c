/* SPDX-License-Identifier: MIT */
/* The marking port, and the two nodes that have one. */
#include "test/unit/sip/marking_port.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/run.h"

struct marking_port ports[2];

static void keep(char *out, size_t size, struct slice s)
{
	snprintf(out, size, "%.*s", (int)s.len, (const char *)s.data);
}

static int port_rewrite(void *ctx, struct now now, const struct sip_media_message *m, struct sip_text *out,
			char *reason, size_t reason_size)
{
	struct marking_port *p = ctx;
	struct seen *s = &p->seen[p->seen_count++];

	(void)now;
	ck_assert_uint_le(p->seen_count, SEEN_MAX);
	s->m = *m;
	keep(s->call_id, sizeof(s->call_id), m->call_id);
	keep(s->leg, sizeof(s->leg), m->phone);
	keep(s->user, sizeof(s->user), slice_text(m->node_user));
	keep(s->aor, sizeof(s->aor), m->remote_aor);
	keep(s->tag, sizeof(s->tag), m->remote_tag);
	keep(s->prefs, sizeof(s->prefs), m->record_prefs);
	keep(s->body, sizeof(s->body), m->body);
	if (p->refuse != NULL && strstr(s->body, p->refuse) != NULL) {
		snprintf(reason, reason_size, "Media says no");
		return p->err;
	}
	if (m->body.len == 0)
		return 0;
	sip_text_bytes(out, m->body);
	sip_text_add(out, "a=%s-%zu\r\n", m->direction == SIP_MEDIA_OUTWARDS ? "out" : "in", p->node);
	return 0;
}

static void port_ended(void *ctx, struct now now, const struct sip_media_end *end)
{
	struct marking_port *p = ctx;

	(void)now;
	p->ended++;
	keep(p->ended_call, sizeof(p->ended_call), end->call_id);
	keep(p->ended_tag, sizeof(p->ended_tag), end->remote_tag);
}

static void port_answered(void *ctx, const struct sip_media_end *call)
{
	struct marking_port *p = ctx;

	p->answered++;
	keep(p->answered_leg, sizeof(p->answered_leg), call->phone);
}

static bool port_protection(void *ctx, struct slice call_id, struct hit *hit, const char **vouched)
{
	const struct marking_port *p = ctx;

	(void)call_id;
	hit->bytes[0] = 0x20;
	*vouched = "certificate";
	return p->is_hip;
}

static const char *port_prefs(void *ctx, char *text, size_t size)
{
	const struct marking_port *p = ctx;

	snprintf(text, size, "%s", p->prefs);
	return text;
}

struct world *two_nodes(struct phone **alice, struct phone **bob, bool tcp)
{
	static const struct sip_media_ops ops = { port_rewrite, port_ended, port_protection, port_prefs,
						  port_answered };
	struct world *w = world_of(2, ALICE, BOB);

	memset(ports, 0, sizeof(ports));
	for (size_t i = 0; i < 2; i++) {
		ports[i].node = i;
		ports[i].prefs = "(peal.hit=\"2001002400112233445566778899aabb\") (peal.locator=\"192.0.2.1:10500\")";
		ports[i].media = (struct sip_media){ &ops, &ports[i] };
		sip_usage_set_media(w->usages[i], &ports[i].media);
	}
	*alice = phone_new(w, 0, "alice", tcp);
	*bob = phone_new(w, 1, "bob", tcp);
	phone_register(*alice);
	phone_register(*bob);
	return w;
}
