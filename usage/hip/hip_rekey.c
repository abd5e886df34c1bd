/* SPDX-License-Identifier: MIT */
/* New SAs for old (RFC 7402 6.8 to 6.10): each end tells a new inbound SPI and an index into KEYMAT, or a new
 * Diffie-Hellman value; both go over when the other's word and the ACK of the own one are there. */
#include "usage/hip/hip_update.h"

/* What is left of a finished or failed attempt, but for the old SA's timer. */
static void hip_rekey_clear(struct hip_association *a)
{
	struct hip_rekey *r = &a->update->rekey;
	struct hip_host *h = a->host;
	struct timer old_timer = r->old_timer;
	bool must_renew = r->must_renew;

	timer_disarm(&h->timers, &r->timer);
	if (r->dh != NULL)
		h->security.ops->dh_free(h->security.ctx, r->dh);
	esp_sa_free(&r->out);
	explicit_bzero(r, sizeof(*r));
	r->old_timer = old_timer;
	r->must_renew = must_renew;
}

void hip_rekey_free(struct hip_association *a)
{
	timer_disarm(&a->host->timers, &a->update->rekey.old_timer);
	hip_rekey_clear(a);
}

void hip_rekey_abort(struct hip_association *a, const char *why)
{
	struct hip_update_state *u = a->update;
	struct hip_update_sent *s = hip_update_outstanding(u, HIP_UPDATE_REKEY);
	char peer[HIT_TEXT_SIZE];

	log_info(a->host->log, "hip.rekey.failed", "peer=%s why=%s", hit_text(&a->peer, peer), why);
	if (s != NULL)
		hip_update_drop(u, s);
	/* The other end never used the new SA, or the attempt would have ended well. */
	if (u->rekey.is_prepared) {
		hip_payload_drop_sa(a, &a->in);
		a->in = a->in_old;
		a->in_old = (struct esp_sa){ 0 };
	}
	u->rekey.must_renew = true;
	hip_rekey_clear(a);
}

static void hip_rekey_timeout(void *ctx, struct now now)
{
	struct hip_association *a = ctx;

	hip_rekey_abort(a, "timeout");
	hip_update_pump(a, now);
}

/* ---- Asking ---- */

void hip_rekey_begin(struct hip_association *a, struct now now, bool with_dh)
{
	struct hip_update_state *u = hip_update_of(a);

	if (!hip_update_is_open(a) || u->rekey.is_busy || u->wants_rekey)
		return;
	u->rekey.with_dh = with_dh;
	u->wants_rekey = true;
	hip_update_pump(a, now);
}

/* With a new Diffie-Hellman value: what a key of today gives away is then nothing of tomorrow's. */
void hip_update_rekey(struct hip_association *a, struct now now)
{
	hip_rekey_begin(a, now, true);
}

static bool hip_rekey_needs_dh(const struct hip_association *a, size_t index)
{
	const struct hip_rekey *r = &a->update->rekey;
	struct host_esp_shape shape;

	if (r->with_dh || r->must_renew || r->peer_dh_len > 0)
		return true;
	return !host_esp_shape(a->esp_suite, &shape) ||
	       index + 2 * ((size_t)shape.key + shape.authentication) > a->keys.keymat_len;
}

/* ---- Making the new SAs ---- */

/* 6.10 step 1: the old value stands in for the one that is not new. */
static int hip_rekey_renew(struct hip_association *a)
{
	const struct host_security *security = &a->host->security;
	struct hip_rekey *r = &a->update->rekey;
	struct hip_keys *k = &a->keys;
	bool greater = hip_is_greater(a);
	uint8_t kij[HOST_DH_SHARED_MAX], info[2 * HIT_LENGTH], keymat[HIP_KEYMAT_MAX];
	size_t kij_len = 0;
	int err;

	if (r->peer_dh_len > 0) {
		memcpy(a->peer_dh, r->peer_dh, r->peer_dh_len);
		a->peer_dh_len = r->peer_dh_len;
	}
	if (r->dh != NULL) {
		if (a->dh != NULL)
			security->ops->dh_free(security->ctx, a->dh);
		a->dh = r->dh;
		r->dh = NULL;
	}
	if (a->dh == NULL || a->peer_dh_len == 0)
		return ERR_KEY;
	memcpy(info, greater ? a->peer.bytes : a->host->hit.bytes, HIT_LENGTH);
	memcpy(info + HIT_LENGTH, greater ? a->host->hit.bytes : a->peer.bytes, HIT_LENGTH);
	err = security->ops->dh_shared(security->ctx, a->dh, slice_of(a->peer_dh, a->peer_dh_len), kij, &kij_len);
	if (err == 0)
		err = security->ops->derive(security->ctx, k->rhash, slice_of(k->salt, k->salt_len),
					    slice_of(kij, kij_len), slice_of(info, sizeof(info)), keymat,
					    sizeof(keymat));
	if (err == 0) {
		memcpy(k->keymat, keymat, sizeof(keymat));
		k->keymat_len = sizeof(keymat);
		k->keymat_used = 0;
		r->must_renew = false;
	}
	explicit_bzero(kij, sizeof(kij));
	explicit_bzero(keymat, sizeof(keymat));
	return err;
}

/* Both ESP_INFOs are known: the inbound SA can be used by the other end from now on. */
static int hip_rekey_prepare(struct hip_association *a)
{
	struct hip_rekey *r = &a->update->rekey;
	struct esp_sa in = { 0 };
	size_t index = r->own.keymat_index > r->peer.keymat_index ? r->own.keymat_index : r->peer.keymat_index;
	size_t used;
	int err = 0;

	if (r->dh != NULL || r->peer_dh_len > 0) {
		err = hip_rekey_renew(a);
		index = 0;
	}
	used = a->keys.keymat_used;
	if (err == 0 && (index < used || index > a->keys.keymat_len))
		err = ERR_LIMIT;
	if (err == 0) {
		a->keys.keymat_used = index;
		err = hip_payload_draw(a, r->own.new_spi, r->peer.new_spi, &in, &r->out);
	}
	if (err < 0) {
		a->keys.keymat_used = used;
		hip_rekey_abort(a, error_name(err));
		return err;
	}
	timer_disarm(&a->host->timers, &r->old_timer);
	hip_payload_drop_sa(a, &a->in_old);
	a->in_old = a->in;
	a->in = in;
	hip_payload_attach_sa(a, &a->in);
	r->is_prepared = true;
	return 0;
}

/* 6.10 step 4. The old inbound SA stays until the new one is used. */
static void hip_rekey_finish(struct hip_association *a, struct now now)
{
	struct hip_update_state *u = a->update;
	struct hip_update_sent *s = hip_update_outstanding(u, HIP_UPDATE_REKEY);
	char peer[HIT_TEXT_SIZE];

	if (s != NULL)
		hip_update_drop(u, s);
	u->out_spi_before = a->out.spi;
	hip_payload_drop_sa(a, &a->out);
	a->out = u->rekey.out;
	u->rekey.out = (struct esp_sa){ 0 };
	a->rekeys++;
	hip_rekey_clear(a);
	log_info(a->host->log, "hip.rekeyed", "peer=%s spi_in=%08x spi_out=%08x", hit_text(&a->peer, peer), a->in.spi,
		 a->out.spi);
	hip_payload_flush(a, now);
	hip_update_pump(a, now);
}

int hip_rekey_prepare_request(struct hip_association *a, struct now now)
{
	const struct host_security *security = &a->host->security;
	struct hip_rekey *r = &a->update->rekey;
	size_t index = a->keys.keymat_used;
	int err;

	/* RECOMMENDED is the index that the other end asked for (6.9.1 step 2). */
	if (r->has_peer && r->peer.keymat_index > index)
		index = r->peer.keymat_index;
	if (hip_rekey_needs_dh(a, index)) {
		err = security->ops->dh_new(security->ctx, a->dh_group, &r->dh, r->dh_public, &r->dh_public_len);
		if (err < 0) {
			hip_rekey_abort(a, error_name(err));
			return err;
		}
		index = 0;
	}
	r->own = (struct hip_esp_info){ (uint16_t)index, a->in.spi, hip_payload_spi(a->host) };
	timer_arm(&a->host->timers, &r->timer, instant_add(now.mono, duration_s(HIP_REKEY_S)), hip_rekey_timeout, a);
	return r->has_peer ? hip_rekey_prepare(a) : 0;
}

/* ---- What the other end says ---- */

/* One of the other end's inbound SPIs. */
static bool hip_rekey_knows(const struct hip_association *a, uint32_t spi)
{
	const struct hip_update_state *u = a->update;

	return spi != 0 && (spi == a->out.spi || spi == u->out_spi_before || spi == u->rekey.peer.new_spi);
}

bool hip_rekey_is_valid(const struct hip_association *a, const struct hip_esp_info *info,
			const struct hip_diffie_hellman *dh)
{
	if (dh != NULL && (info->keymat_index != 0 || dh->group != a->dh_group || dh->value.len == 0 ||
			   dh->value.len > HOST_DH_PUBLIC_MAX))
		return false;
	if (info->new_spi != 0 && info->new_spi < HIP_SPI_FIRST)
		return false;
	if (info->old_spi == 0)
		return info->new_spi != 0;
	return hip_rekey_knows(a, info->old_spi);
}

/* Each answer costs a Diffie-Hellman value, and two ends that take each other's answers for requests would never come
 * to an end: a few in a row, then one now and then. */
static bool hip_rekey_may_answer(struct hip_update_state *u, struct now now)
{
	while (u->rekeys_answered > 0 &&
	       instant_since(now.mono, u->rekeys_at).us >= duration_s(HIP_REKEY_ANSWERS_S).us) {
		u->rekeys_answered--;
		u->rekeys_at = instant_add(u->rekeys_at, duration_s(HIP_REKEY_ANSWERS_S));
	}
	if (u->rekeys_answered >= HIP_REKEY_ANSWERS_MAX)
		return false;
	if (u->rekeys_answered++ == 0)
		u->rekeys_at = now.mono;
	return true;
}

void hip_rekey_receive(struct hip_association *a, struct now now, const struct hip_esp_info *info,
		       const struct hip_diffie_hellman *dh)
{
	struct hip_rekey *r = &a->update->rekey;
	char peer[HIT_TEXT_SIZE];

	if (info->old_spi == info->new_spi)
		return; /* for those that watch on the way (8046 5.3) */
	if (info->new_spi == 0 || r->is_prepared) {
		log_info(a->host->log, "hip.rekey.ignored", "peer=%s spi=%08x", hit_text(&a->peer, peer),
			 info->new_spi);
		return;
	}
	if (!r->is_busy && !hip_rekey_may_answer(a->update, now)) {
		a->host->counters->hip_limit++;
		log_warning(a->host->log, "hip.rekey.refused", "peer=%s answered=%u why=limit",
			    hit_text(&a->peer, peer), a->update->rekeys_answered);
		return;
	}
	r->has_peer = true;
	r->peer = *info;
	r->peer_dh_len = dh != NULL ? dh->value.len : 0;
	if (dh != NULL)
		memcpy(r->peer_dh, dh->value.data, dh->value.len);
	if (!r->is_busy) {
		/* hip_update_pump answers; a wish of our own is fulfilled by that. */
		r->is_busy = true;
		a->update->wants_rekey = false;
		return;
	}
	if (r->own.new_spi != 0 && hip_rekey_prepare(a) == 0 && r->is_acked)
		hip_rekey_finish(a, now);
}

void hip_rekey_acked(struct hip_association *a, struct now now)
{
	struct hip_rekey *r = &a->update->rekey;

	r->is_acked = true;
	if (r->is_prepared)
		hip_rekey_finish(a, now);
	else
		timer_arm(&a->host->timers, &r->timer, instant_add(now.mono, duration_s(HIP_REKEY_ANSWER_S)),
			  hip_rekey_timeout, a);
}

/* ---- The old SA ---- */

static void hip_rekey_forget_old(void *ctx, struct now now)
{
	struct hip_association *a = ctx;

	(void)now;
	hip_payload_drop_sa(a, &a->in_old);
}

void hip_rekey_used(struct hip_association *a, struct now now)
{
	struct hip_rekey *r = &hip_update_of(a)->rekey;

	if (r->is_busy && r->is_prepared)
		hip_rekey_finish(a, now);
	if (a->in_old.key != NULL && !timer_is_armed(&r->old_timer))
		timer_arm(&a->host->timers, &r->old_timer, instant_add(now.mono, duration_s(HIP_OLD_SA_S)),
			  hip_rekey_forget_old, a);
}
