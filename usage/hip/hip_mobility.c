/* SPDX-License-Identifier: MIT */
/* Where data goes (RFC 8046): locators told and taken, addresses checked by an echo before any data goes there, and
 * the credit of those that are not checked yet. a->data is the one ACTIVE address; it is stale when the other end
 * withdrew it. */
#include "usage/hip/hip_update.h"

static bool hip_path_is_direct(const struct hip_path *path)
{
	return path->channel == HIP_CHANNEL_UDP || path->channel == HIP_CHANNEL_RAW;
}

/* The same other end, whatever our own is. */
static bool hip_path_same_remote(const struct hip_path *a, const struct hip_path *b)
{
	return a->channel == b->channel && hip_path_is_direct(a) && address_equal(&a->remote, &b->remote);
}

static bool hip_mobility_is_active(const struct hip_association *a)
{
	return a->data.channel != HIP_CHANNEL_NONE && !a->update->is_stale;
}

bool hip_mobility_refresh(const struct hip_host *h, struct hip_path *path)
{
	const struct address *own;

	if (path->channel == HIP_CHANNEL_NONE)
		return false;
	if (path->channel == HIP_CHANNEL_OVERLAY)
		return true;
	for (size_t i = 0; i < h->options.listen_count; i++)
		if (path->channel == HIP_CHANNEL_UDP && address_equal(&h->options.listen[i], &path->local))
			return true;
	own = hip_listen_for(h, &path->remote);
	if (own == NULL)
		return path->channel == HIP_CHANNEL_RAW;
	path->local = *own;
	if (path->channel == HIP_CHANNEL_RAW)
		path->local.port = 0;
	return true;
}

/* ---- Locators ---- */

void hip_mobility_put_locators(struct hip_host *h, uint32_t spi, struct writer *w)
{
	struct hip_locator_set set = { .count = 0 };

	for (size_t i = 0; i < h->options.locator_count && i < HIP_LOCATORS_MAX; i++) {
		struct hip_locator *l = &set.items[set.count++];

		/* RFC 8046's have no port: those on the usual one are told so that everybody can read them. */
		l->address = h->options.locators[i];
		l->type = l->address.port != HIP_UDP_PORT ? 2 : spi != 0 ? 1 : 0;
		l->spi = spi;
		l->preferred = i == 0;
		l->lifetime_s = UINT32_MAX;
	}
	if (set.count > 0)
		hip_locator_set_put(w, &set);
}

void hip_put_locators(struct hip_host *h, struct writer *w)
{
	hip_mobility_put_locators(h, 0, w);
}

/* 8046 5.3: a unicast address. */
static bool hip_locator_is_legal(const struct address *x)
{
	if (x->type == ADDRESS_NONE || address_is_any(x))
		return false;
	if (x->type == ADDRESS_IPV6)
		return x->bytes[0] != 0xff;
	return x->bytes[0] != 0 && x->bytes[0] < 224;
}

/* False: no place for data that we could reach. */
static bool hip_locator_path(const struct hip_association *a, const struct hip_locator *l, struct hip_path *out)
{
	bool raw = l->type != 2 && a->control.channel == HIP_CHANNEL_RAW;

	*out = (struct hip_path){ .channel = raw ? HIP_CHANNEL_RAW : HIP_CHANNEL_UDP, .remote = l->address };
	if (raw)
		out->remote.port = 0;
	else if (out->remote.port == 0)
		out->remote.port = HIP_UDP_PORT;
	return l->lifetime_s != 0 && l->traffic != 1 && hip_locator_is_legal(&out->remote) &&
	       hip_mobility_refresh(a->host, out);
}

static size_t hip_locator_paths(const struct hip_association *a, struct hip_check_wanted out[HIP_LOCATORS_MAX])
{
	size_t count = 0;
	bool has_preferred = false;

	for (size_t i = 0; i < a->peer_locators.count; i++) {
		const struct hip_locator *l = &a->peer_locators.items[i];

		if (!hip_locator_path(a, l, &out[count].path))
			continue;
		/* One only: the more specific rule, data, was not asked for by anybody yet. */
		out[count].is_preferred = l->preferred && !has_preferred;
		has_preferred = has_preferred || l->preferred;
		count++;
	}
	return count;
}

static bool hip_mobility_lists(const struct hip_association *a, const struct hip_path *path)
{
	struct hip_check_wanted paths[HIP_LOCATORS_MAX];
	size_t count = hip_locator_paths(a, paths);

	for (size_t i = 0; i < count; i++)
		if (hip_path_same_remote(&paths[i].path, path))
			return true;
	return false;
}

static bool hip_locators_equal(const struct hip_locator_set *a, const struct hip_locator_set *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct hip_locator *x = &a->items[i], *y = &b->items[i];

		if (x->preferred != y->preferred || x->traffic != y->traffic ||
		    !address_equal(&x->address, &y->address))
			return false;
	}
	return true;
}

/* ---- Checks ---- */

/* The way through the ring is asked only whether anybody is there. */
static bool hip_check_is_same(const struct hip_path *a, const struct hip_path *b)
{
	return hip_path_is_direct(a) ? hip_path_same_remote(a, b) : hip_path_equal(a, b);
}

static struct hip_update_sent *hip_check_of(const struct hip_association *a, const struct hip_path *path)
{
	struct hip_update_sent *s = a->update->sent;

	while (s != NULL && !(s->kind == HIP_UPDATE_CHECK && hip_check_is_same(&s->path, path)))
		s = s->next;
	return s;
}

static void hip_check_want(struct hip_association *a, const struct hip_path *path, bool is_preferred)
{
	struct hip_update_state *u = a->update;
	struct hip_update_sent *s = hip_check_of(a, path);

	if (s != NULL) {
		s->is_preferred |= is_preferred;
		return;
	}
	for (size_t i = 0; i < u->wanted_count; i++) {
		if (!hip_check_is_same(&u->wanted[i].path, path))
			continue;
		u->wanted[i].is_preferred |= is_preferred;
		return;
	}
	if (u->wanted_count < HIP_CHECKS_MAX)
		u->wanted[u->wanted_count++] = (struct hip_check_wanted){ *path, is_preferred };
}

struct hip_update_sent *hip_mobility_ask(struct hip_association *a, struct now now, const struct hip_path *path)
{
	hip_check_want(a, path, false);
	hip_update_pump(a, now);
	return hip_check_of(a, path);
}

static void hip_check_want_all(struct hip_association *a)
{
	struct hip_check_wanted paths[HIP_LOCATORS_MAX];
	size_t count = hip_locator_paths(a, paths);

	for (size_t i = 0; i < count; i++)
		hip_check_want(a, &paths[i].path, paths[i].is_preferred);
}

/* Checks that have become needless: all, or those that nobody prefers. */
static void hip_check_cancel(struct hip_association *a, bool all)
{
	struct hip_update_state *u = a->update;
	struct hip_update_sent *s, *next;
	size_t kept = 0;

	for (s = u->sent; s != NULL; s = next) {
		next = s->next;
		if (s->kind == HIP_UPDATE_CHECK && (all || !s->is_preferred))
			hip_update_drop(u, s);
	}
	for (size_t i = 0; i < u->wanted_count; i++)
		if (!all && u->wanted[i].is_preferred)
			u->wanted[kept++] = u->wanted[i];
	u->wanted_count = kept;
}

struct hip_update_sent *hip_mobility_awaits(struct hip_association *a, struct slice nonce)
{
	struct hip_update_sent *s = a->update->sent;

	while (s != NULL && !(s->kind == HIP_UPDATE_CHECK && slice_equal(nonce, slice_of(s->nonce, sizeof(s->nonce)))))
		s = s->next;
	return s;
}

void hip_mobility_answered(struct hip_association *a, struct now now, struct slice nonce)
{
	struct hip_update_state *u = a->update;
	struct hip_update_sent *s = hip_mobility_awaits(a, nonce);
	char text[HIP_PATH_TEXT_SIZE], peer[HIT_TEXT_SIZE];
	struct hip_path path;
	bool takes;

	if (s == NULL)
		return;
	path = s->path;
	takes = hip_path_is_direct(&path) && (!hip_mobility_is_active(a) || s->is_preferred);
	hip_update_drop(u, s);
	if (!takes || !hip_mobility_refresh(a->host, &path))
		return;
	a->data = a->control = path;
	u->is_stale = false;
	u->candidate.channel = HIP_CHANNEL_NONE;
	hip_check_cancel(a, false);
	log_info(a->host->log, "hip.data", "peer=%s path=\"%s\"", hit_text(&a->peer, peer), hip_path_text(&path, text));
	hip_payload_flush(a, now);
}

/* ---- What the other end tells ---- */

static void hip_mobility_withdraw(struct hip_association *a, struct now now, const struct hip_path *candidate)
{
	struct hip_update_state *u = a->update;
	char text[HIP_PATH_TEXT_SIZE], peer[HIT_TEXT_SIZE];

	if (!u->is_stale)
		log_info(a->host->log, "hip.withdrawn", "peer=%s path=\"%s\"", hit_text(&a->peer, peer),
			 hip_path_text(&a->data, text));
	u->is_stale = true;
	if (candidate == NULL || hip_path_same_remote(&u->candidate, candidate))
		return;
	u->candidate = *candidate;
	u->credit = 0;
	u->credit_at = now.mono;
}

/* 8046 5.3. The set replaces the one before; what it does not list is deprecated, but for the address that the packet
 * came from, which a NAT may have made. */
static void hip_mobility_locators(struct hip_association *a, struct now now, const struct hip_path *source,
				  const struct hip_locator_set *set)
{
	struct hip_check_wanted paths[HIP_LOCATORS_MAX];
	bool is_known = hip_locators_equal(&a->peer_locators, set), is_listed;
	const struct hip_path *candidate = source;
	size_t count;

	a->peer_locators = *set;
	a->update->locators_at = now.mono;
	count = hip_locator_paths(a, paths);
	is_listed = source != NULL && hip_path_same_remote(source, &a->data);
	for (size_t i = 0; i < count; i++) {
		is_listed = is_listed || hip_path_same_remote(&paths[i].path, &a->data);
		if (candidate == NULL)
			candidate = &paths[i].path;
	}
	if (is_known && is_listed && hip_mobility_is_active(a))
		return;
	hip_check_cancel(a, true);
	if (a->data.channel != HIP_CHANNEL_NONE && !is_listed)
		hip_mobility_withdraw(a, now, candidate);
	if (source != NULL && !hip_mobility_is_active(a))
		hip_check_want(a, source, false);
	for (size_t i = 0; i < count; i++)
		if ((!hip_mobility_is_active(a) || paths[i].is_preferred) &&
		    !(hip_mobility_is_active(a) && hip_path_same_remote(&paths[i].path, &a->data)))
			hip_check_want(a, &paths[i].path, paths[i].is_preferred);
}

void hip_mobility_receive(struct hip_association *a, struct now now, const struct hip_path *path, bool is_direct,
			  const struct hip_locator_set *set)
{
	struct hip_update_sent *s = is_direct ? hip_check_of(a, path) : NULL;
	struct hip_update_state *u = a->update;

	if (set != NULL) {
		hip_mobility_locators(a, now, is_direct ? path : NULL, set);
		return;
	}
	if (!is_direct || hip_mobility_is_active(a))
		return;
	/* Two hosts of which neither gets further must not drive each other on at the speed of their path. */
	if (u->was_urged && instant_since(now.mono, u->urged_at).us < duration_ms(HIP_URGED_MS).us)
		return;
	u->was_urged = true;
	u->urged_at = now.mono;
	/* It is there and listens: what was sent before may have found nobody. */
	if (s != NULL)
		hip_update_hurry(s, now);
	else
		hip_check_want(a, path, false);
}

/* ---- Data ---- */

static void hip_credit_age(struct hip_update_state *u, struct now now)
{
	while (u->credit > 0 && instant_since(now.mono, u->credit_at).us >= duration_s(HIP_CREDIT_AGING_S).us) {
		u->credit -= (u->credit + 7) / 8;
		u->credit_at = instant_add(u->credit_at, duration_s(HIP_CREDIT_AGING_S));
	}
	if (u->credit == 0)
		u->credit_at = now.mono;
}

bool hip_mobility_data_path(struct hip_association *a, struct now now, size_t len, struct hip_path *out)
{
	struct hip_update_state *u = hip_update_of(a);

	if (hip_mobility_is_active(a)) {
		*out = a->data;
		return true;
	}
	if (u->candidate.channel == HIP_CHANNEL_NONE)
		return false;
	hip_credit_age(u, now);
	if (u->credit < len)
		return false;
	u->credit -= len;
	*out = u->candidate;
	return true;
}

void hip_mobility_heard(struct hip_association *a, struct now now, const struct hip_path *path, size_t len,
			bool is_newest)
{
	struct hip_update_state *u = hip_update_of(a);

	if (!hip_path_is_direct(path) || hip_path_same_remote(path, &a->data))
		return;
	if (hip_path_same_remote(path, &u->candidate)) {
		hip_credit_age(u, now);
		u->credit += len;
		if (a->waiting_first != NULL)
			hip_payload_flush(a, now);
	}
	/* Late packets from an old address say nothing of where the other end is now; and which of its listed addresses
	 * it likes best it has told. */
	if (!is_newest || hip_check_of(a, path) != NULL || (hip_mobility_is_active(a) && hip_mobility_lists(a, path)) ||
	    (u->has_heard && instant_since(now.mono, u->heard_at).us < duration_s(HIP_HEARD_S).us))
		return;
	u->has_heard = true;
	u->heard_at = now.mono;
	if (!hip_mobility_is_active(a) && u->candidate.channel == HIP_CHANNEL_NONE) {
		u->candidate = *path;
		u->credit = len;
		u->credit_at = now.mono;
	}
	hip_check_want(a, path, true);
	hip_update_pump(a, now);
}

/* ---- What is told to the other end ---- */

void hip_update_readdress(struct hip_association *a, struct now now)
{
	struct hip_update_state *u = hip_update_of(a);
	struct hip_update_sent *s;

	if (!hip_update_is_open(a))
		return;
	/* From the new address, even if the old one is still there. */
	a->control.local.type = a->data.local.type = ADDRESS_NONE;
	(void)hip_mobility_refresh(a->host, &a->control);
	if (a->data.channel != HIP_CHANNEL_NONE && !hip_mobility_refresh(a->host, &a->data))
		hip_mobility_withdraw(a, now, NULL);
	s = hip_update_outstanding(u, HIP_UPDATE_READDRESS);
	if (s != NULL)
		hip_update_drop(u, s); /* overtaken by events (7401 5.3.5) */
	for (s = u->sent; s != NULL; s = s->next)
		hip_update_hurry(s, now);
	u->wants_readdress = true;
	if (!hip_mobility_is_active(a))
		hip_check_want_all(a);
	hip_update_pump(a, now);
}

static void hip_mobility_located(void *ctx, struct now now, int err, const struct hip_located *found, size_t count)
{
	struct hip_update_state *u = ctx;
	struct hip_path path = { .channel = HIP_CHANNEL_OVERLAY };

	u->is_locating = false;
	if (err < 0)
		return;
	for (struct hip_update_sent *s = u->sent; s != NULL; s = s->next) {
		for (size_t i = 0; s->kind != HIP_UPDATE_CHECK && i < count && i < 2; i++) {
			path.node = found[i].edge;
			hip_output_packet(u->association->host, now, &path, slice_of(s->packet, s->len));
		}
	}
}

void hip_mobility_send_widely(struct hip_association *a, struct now now, struct slice packet)
{
	struct hip_check_wanted paths[HIP_LOCATORS_MAX + 2];
	struct hip_update_state *u = a->update;
	struct hip_host *h = a->host;
	size_t count = hip_locator_paths(a, paths), sent = 0;

	paths[count++].path = a->data;
	paths[count++].path = a->control;
	for (size_t i = 0; i < count; i++) {
		bool seen = false;

		for (size_t k = 0; k < i && !seen; k++)
			seen = hip_path_equal(&paths[k].path, &paths[i].path);
		if (seen || !hip_mobility_refresh(h, &paths[i].path))
			continue;
		hip_output_packet(h, now, &paths[i].path, packet);
		sent++;
	}
	/* Both may have moved: who serves the other end's HIT knows where it is (8046 3.2.3, by our ring). */
	if (h->records == NULL || a->control.channel == HIP_CHANNEL_OVERLAY || u->is_locating)
		return;
	u->is_locating = true;
	if (hip_locate(h, now, &a->peer, hip_mobility_located, u) < 0)
		u->is_locating = false;
}

/* ---- Silence ---- */

/* The only locator in use may have ended (8046 5.1): another one is asked, and data goes on meanwhile. */
static void hip_mobility_expire(struct hip_association *a, struct now now)
{
	struct hip_update_state *u = a->update;
	uint64_t age_s = instant_since(now.mono, u->locators_at).us / 1000000;
	bool ended = false;

	for (size_t i = 0; i < a->peer_locators.count; i++) {
		struct hip_locator *l = &a->peer_locators.items[i];
		struct hip_path path;

		if (l->lifetime_s == UINT32_MAX || l->lifetime_s > age_s || !hip_locator_path(a, l, &path))
			continue;
		ended = ended || hip_path_same_remote(&path, &a->data);
		l->lifetime_s = 0;
	}
	if (ended)
		hip_check_want_all(a);
}

static void hip_mobility_silent(void *ctx, struct now now)
{
	struct hip_association *a = ctx;
	struct hip_update_state *u = a->update;
	const struct hip_path *path = a->data.channel == HIP_CHANNEL_UDP ? &a->data : &a->control;
	struct instant due = instant_add(u->sent_at, duration_s(HIP_KEEPALIVE_S));

	if (!hip_update_is_open(a))
		return;
	hip_mobility_expire(a, now);
	if (path->channel == HIP_CHANNEL_UDP && instant_due(due, now.mono)) {
		hip_notify(a->host, now, path, &a->peer, HIP_NAT_KEEPALIVE, SLICE_EMPTY);
		u->sent_at = now.mono;
	}
	due = instant_add(u->sent_at, duration_s(HIP_KEEPALIVE_S));
	if (instant_due(due, now.mono))
		due = instant_add(now.mono, duration_s(HIP_KEEPALIVE_S));
	timer_arm(&a->host->timers, &u->keepalive, due, hip_mobility_silent, a);
	hip_update_pump(a, now);
}

void hip_mobility_look(struct hip_association *a, struct now now)
{
	struct hip_update_state *u = hip_update_of(a);

	if (!hip_update_is_open(a) || hip_mobility_is_active(a) || u->wanted_count > 0 ||
	    hip_update_outstanding(u, HIP_UPDATE_CHECK) != NULL ||
	    !instant_due(instant_add(u->looked_at, duration_s(HIP_LOOK_S)), now.mono))
		return;
	u->looked_at = now.mono;
	hip_check_want_all(a);
	hip_update_pump(a, now);
}

void hip_mobility_begin(struct hip_association *a, struct now now)
{
	struct hip_update_state *u = a->update;

	u->locators_at = u->sent_at = u->looked_at = now.mono;
	hip_liveness_heard(a, now);
	timer_arm(&a->host->timers, &u->keepalive, instant_add(now.mono, duration_s(HIP_KEEPALIVE_S)),
		  hip_mobility_silent, a);
	if (a->data.channel == HIP_CHANNEL_NONE)
		hip_check_want_all(a);
}

void hip_mobility_unanswered(struct hip_association *a, const struct hip_path *path)
{
	if (hip_path_same_remote(path, &a->update->candidate))
		a->update->candidate.channel = HIP_CHANNEL_NONE;
}

void hip_mobility_free(struct hip_association *a)
{
	struct hip_update_state *u = a->update;

	timer_disarm(&a->host->timers, &u->keepalive);
	if (u->is_locating)
		hip_locate_cancel(a->host, u);
}
