/* SPDX-License-Identifier: MIT */
/* By which channels an I1 goes: the ways to a host are tried in parallel, the likelier ones a little earlier, and the
 * first R1 that verifies decides (RFC 7401 6.6.1: at most three I1s in parallel, and only at the first try). */
#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_exchange.h"

#define RACE_LEARNT_S 3600 /* what a record said of a HIT's user is good for so long */
#define RACE_PARALLEL_MAX 3
#define RACE_RENDEZVOUS_MS 30
#define RACE_OVERLAY_MS 60
#define RACE_RETRY_MAX_MS 8000
#define RACE_LINE 600

enum race_kind { RACE_DIRECT, RACE_RENDEZVOUS, RACE_OVERLAY };

struct race_channel {
	enum race_kind kind;
	struct hip_path path;
	struct instant due;     /* of the first I1 */
	bool is_due;            /* it is still to be sent */
	bool is_dead;           /* overlay: no edge serves the HIT */
	struct duration sent, r1; /* since the race began; UINT64_MAX us: not */
};

struct hip_race {
	struct hip_association *a;
	struct instant began;
	struct timer timer;
	struct race_channel channels[HIP_RACE_CHANNELS_MAX];
	size_t count;
	bool is_over, beginning;
	int failed; /* while it begins */
	unsigned tries; /* single I1s sent after the first round */
	size_t next;    /* the channel that was tried last */
	uint64_t retry_ms;
	bool decided;
	struct hip_path winner;
	size_t won; /* channel; count: another one */

	bool located, locating; /* the overlay's records were asked for; and are awaited */
	struct node_id edges[HIP_LOCATED_MAX]; /* to be tried, in this order */
	size_t edge_count, edge_next;
};

static void race_on_timer(void *ctx, struct now now);

#define NOT_YET ((struct duration){ UINT64_MAX })

static bool is_set(struct duration d)
{
	return d.us != UINT64_MAX;
}

/* ---- Channels ---- */

static struct race_channel *race_add(struct hip_race *r, enum race_kind kind, struct instant due)
{
	struct race_channel *c = &r->channels[r->count++];

	invariant(r->count <= HIP_RACE_CHANNELS_MAX);
	*c = (struct race_channel){ .kind = kind, .due = due, .is_due = true, .sent = NOT_YET, .r1 = NOT_YET };
	c->path.channel = kind == RACE_OVERLAY ? HIP_CHANNEL_OVERLAY : HIP_CHANNEL_UDP;
	return c;
}

static bool race_has_udp(const struct hip_race *r, const struct address *remote)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->channels[i].kind != RACE_OVERLAY && address_equal(&r->channels[i].path.remote, remote))
			return true;
	return false;
}

static bool race_add_udp(struct hip_race *r, enum race_kind kind, struct instant due, const struct address *remote)
{
	const struct hip_host *h = r->a->host;
	const struct address *local = hip_listen_for(h, remote);
	struct race_channel *c;

	if (remote->type == ADDRESS_NONE || local == NULL || race_has_udp(r, remote))
		return false;
	c = race_add(r, kind, due);
	c->path.local = *local;
	c->path.remote = *remote;
	return true;
}

static struct race_channel *race_overlay(struct hip_race *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->channels[i].kind == RACE_OVERLAY)
			return &r->channels[i];
	return NULL;
}

static bool race_is_open(const struct hip_race *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (!r->channels[i].is_dead)
			return true;
	return false;
}

/* No channel is left: there is nobody to wait for. */
static void race_fail(struct hip_race *r, struct now now, int err)
{
	struct hip_association *a = r->a;

	if (r->beginning) {
		r->failed = err;
		return;
	}
	a->host->counters->hip_failed++;
	hip_race_end(a);
	hip_association_end(a, now, err);
}

/* The overlay leads nowhere. May end the association. */
static void race_lost_overlay(struct hip_race *r, struct now now)
{
	struct race_channel *c = race_overlay(r);

	if (c != NULL) {
		c->is_due = false;
		c->is_dead = true;
	}
	if (!race_is_open(r))
		race_fail(r, now, ERR_NOT_FOUND);
}

/* ---- Sending ---- */

static void race_on_located(void *ctx, struct now now, int err, const struct hip_located *found, size_t count);
static void race_on_carried(void *ctx, struct now now, int err, int outcome);
static void race_next_edge(struct hip_race *r, struct now now);

static struct slice race_i1(const struct hip_race *r, bool padded, uint8_t bytes[HIP_PACKET_MAX])
{
	struct writer w = writer_of(bytes, HIP_PACKET_MAX);

	hip_exchange_put_i1(r->a, padded, &w);
	return writer_slice(&w);
}

static void race_note_sent(const struct hip_race *r, struct now now, struct race_channel *c)
{
	c->is_due = false;
	if (!is_set(c->sent))
		c->sent = instant_since(now.mono, r->began);
}

/* The carrier says what became of it, so that another edge can be tried at once. */
static void race_send_overlay(struct hip_race *r, struct now now, struct race_channel *c)
{
	struct hip_host *h = r->a->host;
	uint8_t bytes[HIP_PACKET_MAX];
	struct slice packet = race_i1(r, false, bytes);
	int err = hip_carry_send(h, now, &c->path.node, 0, NULL, packet, race_on_carried, r);

	if (err != 0) {
		h->counters->hip_lost++;
		race_next_edge(r, now);
		return;
	}
	hip_log_packet(h, now, "sent", &c->path, HIP_I1, &r->a->peer);
	if (h->capture != NULL)
		h->capture(h->capture_ctx, now, &c->path, true, packet);
	race_note_sent(r, now, c);
}

/* The records are asked for when the overlay's turn comes, not before: mostly another channel has won by then. */
static void race_locate(struct hip_race *r, struct now now)
{
	struct race_channel *c = race_overlay(r);
	int err;

	c->is_due = false;
	r->located = true;
	r->locating = true;
	err = hip_locate(r->a->host, now, &r->a->peer, race_on_located, r);
	if (err == 0)
		return;
	r->locating = false;
	race_lost_overlay(r, now);
}

static void race_next_edge(struct hip_race *r, struct now now)
{
	struct race_channel *c = race_overlay(r);

	if (r->edge_next < r->edge_count) {
		c->path.node = r->edges[r->edge_next++];
		race_send_overlay(r, now, c);
	} else if (!r->located) {
		race_locate(r, now);
	} else {
		race_lost_overlay(r, now);
	}
}

static void race_send(struct hip_race *r, struct now now, struct race_channel *c)
{
	uint8_t bytes[HIP_PACKET_MAX];

	if (c->kind != RACE_OVERLAY) {
		race_note_sent(r, now, c);
		hip_output_packet(r->a->host, now, &c->path, race_i1(r, true, bytes));
	} else if (node_id_is_zero(&c->path.node)) {
		race_next_edge(r, now);
	} else {
		race_send_overlay(r, now, c);
	}
}

/* ---- What the overlay says ---- */

/* Where the host takes HIP directly, as its record says: one more channel, when there is room for it. */
static void race_add_recorded(struct hip_race *r, struct now now, const struct hip_located *found)
{
	size_t before = r->count;

	for (size_t i = 0; i < found->locator_count && r->count < RACE_PARALLEL_MAX; i++)
		if (race_add_udp(r, RACE_DIRECT, now.mono, &found->locators[i]))
			break;
	for (size_t i = before; i < r->count; i++)
		race_send(r, now, &r->channels[i]);
}

/* A record that the host's own certificate signed says whose HIT it is. */
static void race_learn(struct hip_race *r, struct now now, const struct hip_located *found)
{
	struct hip_known known = { .hit = r->a->peer, .vouched = HIP_VOUCHED_CERTIFICATE,
				   .expires = instant_add(now.mono, duration_s(RACE_LEARNT_S)) };

	if (!found->is_own || !found->user_is_vouched || found->user[0] == '\0')
		return;
	memcpy(known.user, found->user, sizeof(known.user));
	if (hip_pool_learn(r->a->host->known, now, &known) < 0)
		r->a->host->counters->hip_forbidden++;
}

static void race_on_located(void *ctx, struct now now, int err, const struct hip_located *found, size_t count)
{
	struct hip_race *r = ctx;

	r->locating = false;
	if (r->is_over || r->decided)
		return;
	for (size_t i = 0; err == 0 && i < count; i++) {
		r->edges[i] = found[i].edge;
		race_learn(r, now, &found[i]);
	}
	r->edge_count = err == 0 ? count : 0;
	r->edge_next = 0;
	if (err == 0 && count > 0 && found[0].proof != HIP_PROOF_NONE)
		race_add_recorded(r, now, &found[0]);
	race_next_edge(r, now);
}

static void race_on_carried(void *ctx, struct now now, int err, int outcome)
{
	struct hip_race *r = ctx;

	if (r->is_over || r->decided || (err == 0 && outcome != HIP_CARRY_NOT_SERVED && outcome != HIP_CARRY_REFUSED))
		return;
	/* What the cache says is wrong: whoever asks next looks again. */
	hip_locate_forget(r->a->host, &r->a->peer);
	race_next_edge(r, now);
}

/* ---- Time ---- */

static void race_arm(struct hip_race *r, struct now now)
{
	struct instant at = instant_add(r->began, duration_ms(HIP_RETRY_FIRST_MS));

	if (r->tries > 0)
		at = instant_add(now.mono, duration_ms(r->retry_ms));
	for (size_t i = 0; i < r->count; i++)
		if (r->channels[i].is_due)
			at = instant_min(at, r->channels[i].due);
	timer_arm(&r->a->host->timers, &r->timer, at, race_on_timer, r);
}

/* One I1 by one channel: the overlay first, which reaches a host wherever it is, then the others in turn. */
static void race_retry(struct hip_race *r, struct now now)
{
	struct hip_association *a = r->a;

	if (r->tries == HIP_I1_RETRIES_MAX) {
		hip_race_end(a);
		hip_exchange_failed(a, now, "no-r1");
		return;
	}
	r->retry_ms = r->tries++ == 0 ? 2 * HIP_RETRY_FIRST_MS : 2 * r->retry_ms;
	if (r->retry_ms > RACE_RETRY_MAX_MS)
		r->retry_ms = RACE_RETRY_MAX_MS;
	race_arm(r, now);
	for (size_t i = 0; i < r->count; i++) {
		struct race_channel *c;

		r->next = (r->next + r->count - 1) % r->count;
		c = &r->channels[r->next];
		if (c->is_dead || (c->kind == RACE_OVERLAY && r->locating))
			continue;
		race_send(r, now, c); /* may end the association */
		return;
	}
}

static void race_on_timer(void *ctx, struct now now)
{
	struct hip_race *r = ctx;

	if (r->is_over || r->decided)
		return;
	for (size_t i = 0; i < r->count; i++) {
		struct race_channel *c = &r->channels[i];

		if (!c->is_due || !instant_due(c->due, now.mono))
			continue;
		c->is_due = false;
		race_arm(r, now);
		race_send(r, now, c); /* may end the association */
		return;
	}
	race_retry(r, now);
}

/* ---- The page ---- */

static void race_add_channels(struct hip_race *r, struct now now, const struct hip_hint *hint)
{
	const struct hip_host *h = r->a->host;
	bool overlay = h->peer != NULL && h->carrier != NULL && h->joined;
	bool rendezvous = hint != NULL && hint->rendezvous.type != ADDRESS_NONE;
	size_t direct = RACE_PARALLEL_MAX - (size_t)overlay - (size_t)rendezvous;
	struct instant at;

	for (size_t i = 0; hint != NULL && i < hint->locator_count && i < HIP_LISTEN_MAX && r->count < direct; i++)
		(void)race_add_udp(r, RACE_DIRECT, now.mono, &hint->locators[i]);
	at = instant_add(now.mono, duration_ms(r->count > 0 ? RACE_RENDEZVOUS_MS : 0));
	if (rendezvous)
		(void)race_add_udp(r, RACE_RENDEZVOUS, at, &hint->rendezvous);
	if (!overlay)
		return;
	at = instant_add(now.mono, duration_ms(r->count > 0 ? RACE_OVERLAY_MS : 0));
	(void)race_add(r, RACE_OVERLAY, at);
	if (hint != NULL && !node_id_is_zero(&hint->edge))
		r->edges[r->edge_count++] = hint->edge;
}

int hip_race_begin(struct hip_association *a, struct now now, const struct hip_hint *hint)
{
	struct hip_race *r = memory_alloc(sizeof(*r));
	int err;

	hip_race_free(a);
	a->race = r;
	r->a = a;
	r->began = now.mono;
	race_add_channels(r, now, hint);
	r->beginning = true;
	for (size_t i = 0; i < r->count; i++) {
		struct race_channel *c = &r->channels[i];

		if (!c->is_due || !instant_due(c->due, now.mono))
			continue;
		c->is_due = false;
		race_send(r, now, c);
	}
	r->beginning = false;
	err = r->count == 0 ? ERR_NOT_FOUND : r->failed;
	if (err != 0) {
		hip_race_free(a);
		return err;
	}
	race_arm(r, now);
	return 0;
}

/* The channel that an R1 came by. A rendezvous server passes the I1 on and the R1 comes directly, from an address
 * that was unknown (RFC 8004 3.3). */
static size_t race_channel_of(const struct hip_race *r, const struct hip_path *path)
{
	size_t guess = r->count;

	for (size_t i = 0; i < r->count; i++) {
		const struct race_channel *c = &r->channels[i];

		if (!is_set(c->sent))
			continue;
		if (path->channel == HIP_CHANNEL_OVERLAY ? c->kind == RACE_OVERLAY
							 : c->kind != RACE_OVERLAY &&
								   address_equal(&c->path.remote, &path->remote))
			return i;
		if (path->channel != HIP_CHANNEL_OVERLAY && c->kind == RACE_RENDEZVOUS)
			guess = i;
	}
	return guess;
}

bool hip_race_r1(struct hip_association *a, struct now now, const struct hip_path *path)
{
	struct hip_race *r = a->race;
	size_t i;

	if (r == NULL)
		return false;
	i = race_channel_of(r, path);
	if (i < r->count && !is_set(r->channels[i].r1))
		r->channels[i].r1 = instant_since(now.mono, r->began);
	if (r->decided)
		return hip_path_equal(&r->winner, path);
	if (r->is_over)
		return false;
	r->decided = true;
	r->winner = *path;
	r->won = i;
	timer_disarm(&a->host->timers, &r->timer);
	return true;
}

void hip_race_turn(struct hip_association *a, const struct hip_path *path)
{
	struct hip_race *r = a->race;

	if (r == NULL || !r->decided)
		return;
	r->winner = *path;
	r->won = race_channel_of(r, path);
}

static void race_log(const struct hip_race *r)
{
	char line[RACE_LINE] = "", hit[HIT_TEXT_SIZE], path[HIP_PATH_TEXT_SIZE];
	size_t len = 0;

	for (size_t i = 0; i < r->count && len < sizeof(line); i++) {
		static const char *const kinds[] = { "direct", "rendezvous", "overlay" };
		const struct race_channel *c = &r->channels[i];
		char sent[24] = "-", r1[24] = "-";
		int more;

		if (is_set(c->sent))
			snprintf(sent, sizeof(sent), "%llu.%llu", (unsigned long long)c->sent.us / 1000,
				 (unsigned long long)c->sent.us / 100 % 10);
		if (is_set(c->r1))
			snprintf(r1, sizeof(r1), "%llu.%llu", (unsigned long long)c->r1.us / 1000,
				 (unsigned long long)c->r1.us / 100 % 10);
		more = snprintf(line + len, sizeof(line) - len, " %s=\"%s\" sent_ms=%s r1_ms=%s", kinds[c->kind],
				hip_path_text(&c->path, path), sent, r1);
		len += more > 0 ? (size_t)more : 0;
	}
	log_info(r->a->host->log, "hip.race", "hit=%s winner=\"%s\" i1s=%zu retries=%u%s",
		 hit_text(&r->a->peer, hit), r->decided ? hip_path_text(&r->winner, path) : "none", r->count, r->tries,
		 line);
}

void hip_race_end(struct hip_association *a)
{
	struct hip_race *r = a->race;

	if (r == NULL || r->is_over)
		return;
	r->is_over = true;
	timer_disarm(&a->host->timers, &r->timer);
	hip_locate_cancel(a->host, r);
	hip_carry_cancel(a->host, r);
	race_log(r);
}

void hip_race_free(struct hip_association *a)
{
	struct hip_race *r = a->race;

	if (r == NULL)
		return;
	timer_disarm(&a->host->timers, &r->timer);
	hip_locate_cancel(a->host, r);
	hip_carry_cancel(a->host, r);
	a->race = NULL;
	free(r);
}

size_t hip_race_info(const struct hip_association *a, struct hip_race_info out[HIP_RACE_CHANNELS_MAX])
{
	const struct hip_race *r = a->race;

	for (size_t i = 0; r != NULL && i < r->count; i++)
		out[i] = (struct hip_race_info){
			.path = r->channels[i].path,
			.sent = r->channels[i].sent,
			.r1 = r->channels[i].r1,
			.won = r->decided && r->won == i,
		};
	return r == NULL ? 0 : r->count;
}
