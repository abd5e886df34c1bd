/* SPDX-License-Identifier: MIT */
/* Whether the other end still has its association with us. A host that lost its state cannot say so in a way
 * that could be believed (RFC 7401 4.5.4): so it is asked, by an UPDATE with an echo request, and its silence
 * ends the association. What anybody might have sent makes us ask, at most. */
#include "usage/hip/hip_update.h"

#define HIP_HINT_BYTES 60 /* of the NOTIFY, with the marker */

static struct hip_update_sent *hip_liveness_question(const struct hip_association *a)
{
	struct hip_update_sent *s = a->update == NULL ? NULL : a->update->sent;

	while (s != NULL && !s->asks_life)
		s = s->next;
	return s;
}

bool hip_liveness_is_asking(const struct hip_association *a)
{
	return hip_liveness_question(a) != NULL;
}

void hip_liveness_heard(struct hip_association *a, struct now now)
{
	struct hip_update_state *u = hip_update_of(a);

	u->alive_at = now.mono;
	u->has_spoken = false;
}

static bool hip_has_passed(struct instant since, struct now now, unsigned seconds)
{
	return instant_since(now.mono, since).us >= duration_s(seconds).us;
}

bool hip_liveness_ask(struct hip_association *a, struct now now, bool is_wanted)
{
	struct hip_update_state *u = hip_update_of(a);
	const struct hip_path *path = a->data.channel == HIP_CHANNEL_NONE || u->is_stale ? &a->control : &a->data;
	char text[HIP_PATH_TEXT_SIZE], peer[HIT_TEXT_SIZE];
	struct hip_path where = *path;
	struct hip_update_sent *s;

	if (hip_liveness_is_asking(a)) {
		u->is_wanted |= is_wanted;
		return true;
	}
	if (!hip_update_is_open(a) || (u->has_asked && !hip_has_passed(u->asked_at, now, HIP_HINT_S)))
		return false;
	s = hip_mobility_ask(a, now, &where);
	if (s == NULL)
		return false; /* new SAs are being agreed on: that UPDATE asks as well */
	s->asks_life = true;
	u->has_asked = true;
	u->asked_at = now.mono;
	u->is_wanted = is_wanted;
	log_debug(a->host->log, "hip.silent", "peer=%s path=\"%s\"", hit_text(&a->peer, peer),
		  hip_path_text(&where, text));
	return true;
}

void hip_liveness_spoke(struct hip_association *a, struct now now)
{
	struct hip_update_state *u = hip_update_of(a);

	u->payload_at = now.mono;
	if (!u->has_spoken) {
		u->has_spoken = true;
		u->spoke_at = now.mono;
	} else if (hip_has_passed(u->spoke_at, now, HIP_SILENCE_S)) {
		(void)hip_liveness_ask(a, now, false);
	}
}

/* ---- Hints ---- */

void hip_liveness_stray(struct hip_host *h, struct now now, const struct hip_path *path, uint32_t spi, size_t len)
{
	static const struct hit whoever;
	uint8_t data[4];
	struct writer w = writer_of(data, sizeof(data));

	/* A host that refuses strangers does not tell them that it is there. */
	if (h->stopping || len < HIP_HINT_BYTES || h->options.unknown == HIP_UNKNOWN_REFUSE)
		return;
	writer_u32(&w, spi);
	hip_notify(h, now, path, &whoever, HIP_UNKNOWN_SPI, writer_slice(&w));
}

void hip_liveness_hint(struct hip_association *a, struct now now, uint32_t spi)
{
	if (hip_update_is_open(a) && a->out.key != NULL && a->out.spi == spi &&
	    hip_has_passed(hip_update_of(a)->alive_at, now, HIP_HINT_S))
		(void)hip_liveness_ask(a, now, false);
}

/* ---- The end ---- */

static void hip_liveness_add_locator(struct hip_hint *hint, struct address address)
{
	if (address.port == 0)
		address.port = HIP_UDP_PORT;
	for (size_t i = 0; i < hint->locator_count; i++)
		if (address_equal(&hint->locators[i], &address))
			return;
	if (hint->locator_count < HIP_LISTEN_MAX)
		hint->locators[hint->locator_count++] = address;
}

/* Where it was before is where it may well be again. */
static struct hip_hint hip_liveness_hints(const struct hip_association *a)
{
	struct hip_hint hint = { .locator_count = 0 };

	if (a->data.channel == HIP_CHANNEL_UDP || a->data.channel == HIP_CHANNEL_RAW)
		hip_liveness_add_locator(&hint, a->data.remote);
	for (size_t i = 0; i < a->peer_locators.count; i++)
		hip_liveness_add_locator(&hint, a->peer_locators.items[i].address);
	return hint;
}

/* A new exchange takes the place of what the other end forgot; what waits goes on waiting. */
static void hip_liveness_begin_anew(struct hip_association *a, struct now now)
{
	struct hip_hint hint = hip_liveness_hints(a);
	struct hip_host *h = a->host;
	struct hit peer = a->peer;
	int err;

	hip_retry_stop(a);
	hip_update_free(a);
	hip_payload_drop_sas(a);
	a->data = (struct hip_path){ .channel = HIP_CHANNEL_NONE };
	a->rekeys = 0;
	if (h->edge != NULL)
		hip_edge_forget(h, now, &peer);
	err = hip_exchange_begin(a, now, &hint);
	a = hip_association_find(h, &peer);
	if (err < 0 && a != NULL)
		hip_association_end(a, now, err);
}

void hip_liveness_unanswered(struct hip_association *a, struct now now, struct instant began)
{
	struct hip_update_state *u = a->update;
	char peer[HIT_TEXT_SIZE];
	bool goes_on;

	if (!instant_before(u->alive_at, began))
		return; /* it did not answer just that */
	goes_on = !a->host->stopping && (u->is_wanted || a->waiting_first != NULL ||
					 (u->has_spoken && !instant_before(u->payload_at, u->asked_at)));
	goes_on = hip_ping_restart(a, now) || goes_on;
	log_info(a->host->log, "hip.gone", "peer=%s silent_ms=%llu next=%s", hit_text(&a->peer, peer),
		 (unsigned long long)(instant_since(now.mono, u->alive_at).us / 1000), goes_on ? "exchange" : "end");
	if (goes_on)
		hip_liveness_begin_anew(a, now);
	else
		hip_association_end(a, now, ERR_REQUEST_TIMEOUT);
}
