/* SPDX-License-Identifier: MIT */
/* Registrations of this node at servers elsewhere: asked for, kept up, given up. What passes through the servers is
 * hip_vouched_path.c's. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_registrants.h"

static struct hip_registrants *hip_registrants_of(struct hip_host *h)
{
	if (h->registrants == NULL) {
		h->registrants = memory_alloc(sizeof(*h->registrants));
		h->registrants->routes = map_new(h->options.seed ^ 0x726f757465u);
	}
	return h->registrants;
}

static struct hip_registrant *hip_registrant_find(const struct hip_host *h, const struct hit *server, uint8_t type)
{
	struct hip_registrant *r = h->registrants == NULL ? NULL : h->registrants->first;

	while (r != NULL && (!hit_equal(&r->server, server) || r->type != type))
		r = r->next;
	return r;
}

static void hip_registrant_free(struct hip_registrant *r)
{
	struct hip_registrants *t = r->host->registrants;
	struct hip_registrant **at = &t->first;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	t->count--;
	timer_disarm(&r->host->timers, &r->timer);
	hip_host_forget(r->host, r);
	free(r);
}

bool hip_registrant_is_active(const struct hip_registrant *r, struct now now)
{
	return r->registered && !instant_due(r->expires, now.mono);
}

/* ---- Asking ---- */

static void hip_registrant_work(void *ctx, struct now now);
static void hip_registrant_refused(struct hip_registrant *r, struct now now, uint8_t failure);

static void hip_registrant_again(struct hip_registrant *r, struct now now, struct duration after)
{
	timer_arm(&r->host->timers, &r->timer, instant_add(now.mono, after), hip_registrant_work, r);
}

static struct duration hip_registrant_pause(struct hip_registrant *r)
{
	uint64_t s = (uint64_t)HIP_REGISTRANT_RETRY_S << (r->tries < 5 ? r->tries : 5);

	r->tries++;
	return duration_ms(s * 1000 + prng_below(&r->host->prng, 1000));
}

static void hip_registrant_connected(void *ctx, struct now now, const struct hit *hit, int err)
{
	struct hip_registrant *r = ctx;
	char text[HIT_TEXT_SIZE];

	(void)hit;
	r->connecting = false;
	if (err < 0) {
		log_warning(r->host->log, "hip.register.failed", "server=%s reason=%s", hit_text(&r->server, text),
			    error_name(err));
		hip_registrant_again(r, now, hip_registrant_pause(r));
		return;
	}
	/* The I2 asked already, unless the association was there before. */
	if (r->due)
		hip_registrant_again(r, now, duration_us(0));
}

static void hip_registrant_connect(struct hip_registrant *r, struct now now)
{
	struct hip_hint hint = { .locators = { r->address }, .locator_count = 1 };
	int err;

	r->due = true;
	r->connecting = true;
	err = hip_host_connect(r->host, now, &r->server, &hint, hip_registrant_connected, r);
	if (err < 0) {
		r->connecting = false;
		hip_registrant_again(r, now, hip_registrant_pause(r));
	}
}

/* Asks when it is time to; looks whether the association is still there. */
static void hip_registrant_work(void *ctx, struct now now)
{
	struct hip_registrant *r = ctx;
	struct hip_association *a = hip_association_find(r->host, &r->server);

	if (r->connecting)
		return;
	if (a == NULL || !hip_host_is_established(r->host, &r->server)) {
		r->registered = false;
		if (r->lifetime_s == 0)
			hip_registrant_free(r); /* with the association went the registration */
		else
			hip_registrant_connect(r, now);
		return;
	}
	a->last_used = now.mono; /* a registration is use */
	if (!r->due && r->registered && instant_before(now.mono, r->refresh)) {
		hip_registrant_again(r, now, duration_s(HIP_REGISTRANT_CHECK_S));
		return;
	}
	if (r->lifetime_s == 0 && r->tries >= HIP_REGISTRANT_CANCEL_TRIES) {
		hip_registrant_free(r);
		return;
	}
	if ((a->services >> r->type & 1) == 0) {
		hip_registrant_refused(r, now, HIP_REGISTRANT_NOT_OFFERED);
		return;
	}
	r->due = true;
	hip_registrant_again(r, now, hip_registrant_pause(r));
	hip_update_readdress(a, now); /* REG_REQUEST goes with it */
}

int hip_host_register(struct hip_host *h, struct now now, const struct hit *rvs_hit,
		      const struct address *rvs_address, uint8_t type, uint32_t lifetime_s)
{
	struct hip_registrants *t = hip_registrants_of(h);
	struct hip_registrant **at, *r = hip_registrant_find(h, rvs_hit, type);

	if (hit_is_zero(rvs_hit) || hit_equal(rvs_hit, &h->hit) || (type != 1 && type != 2)
	    || (lifetime_s > 0 && rvs_address->type == ADDRESS_NONE))
		return ERR_MALFORMED;
	if (r == NULL && lifetime_s == 0)
		return ERR_NOT_FOUND;
	if (r == NULL) {
		if (t->count == HIP_REGISTRANTS_MAX)
			return ERR_LIMIT;
		r = memory_alloc(sizeof(*r));
		r->host = h;
		r->server = *rvs_hit;
		r->type = type;
		r->failure = HIP_REGISTRANT_NO_FAILURE;
		for (at = &t->first; *at != NULL; at = &(*at)->next)
			;
		*at = r;
		t->count++;
	}
	if (lifetime_s > 0)
		r->address = *rvs_address;
	r->lifetime_s = lifetime_s;
	r->due = true;
	r->tries = 0;
	hip_registrant_again(r, now, duration_us(0));
	return 0;
}

/* ---- In the packets ---- */

/* What the R1, or an UPDATE after it, says the server does: nothing else may be asked for (RFC 8003 4.3). */
static void hip_registrant_note_offer(struct hip_association *a, const struct hip_packet *p)
{
	struct hip_parameter parameter;
	struct hip_reg_info info;
	struct reader r;

	if (!hip_parameter_find(p, HIP_PARAMETER_REG_INFO, &parameter))
		return;
	r = reader_of(parameter.contents);
	hip_reg_info_get(&r, &info);
	if (reader_finish(&r) < 0)
		return;
	a->services = 0;
	for (size_t i = 0; i < info.types.count; i++)
		if (info.types.items[i] < 32)
			a->services |= UINT32_C(1) << info.types.items[i];
}

/* One REG_REQUEST for all types that are due with the same lifetime (RFC 8003 4.3: one at most). */
void hip_registrant_put_request(struct hip_association *a, const struct hip_packet *r1, struct writer *w)
{
	struct hip_registration request = { .lifetime = 0 };
	struct hip_registrant *r = a->host->registrants == NULL ? NULL : a->host->registrants->first;

	if (r1 != NULL) {
		a->services = 0;
		hip_registrant_note_offer(a, r1);
	}
	for (; r != NULL; r = r->next) {
		uint8_t coded = r->lifetime_s == 0 ? 0 : hip_lifetime_code(r->lifetime_s);

		if (!r->due || !hit_equal(&r->server, &a->peer) || (a->services >> r->type & 1) == 0
		    || (request.types.count > 0 && coded != request.lifetime) || request.types.count == HIP_LIST_MAX)
			continue;
		request.lifetime = coded;
		request.types.items[request.types.count++] = r->type;
		r->due = false;
	}
	if (request.types.count > 0)
		hip_reg_request_put(w, &request);
}

static void hip_registrant_granted(struct hip_registrant *r, struct now now, uint8_t coded)
{
	uint64_t s = hip_lifetime_s(coded);
	char text[HIT_TEXT_SIZE];

	log_info(r->host->log, "hip.register.granted", "server=%s type=%u lifetime=%llu", hit_text(&r->server, text),
		 r->type, (unsigned long long)s);
	r->tries = 0;
	r->due = false;
	r->failure = HIP_REGISTRANT_NO_FAILURE;
	if (s == 0) {
		bool was_wanted = r->lifetime_s > 0;

		r->registered = false;
		if (!was_wanted) {
			hip_registrant_free(r);
			return;
		}
		/* The server gave it up (RFC 8003 5): asked again, later. */
		hip_registrant_again(r, now, hip_registrant_pause(r));
		return;
	}
	if (!r->registered && r->type == 2)
		hip_r1_pool_change(r->host->r1s); /* they tell NAT_TRAVERSAL_MODE from now on */
	r->registered = true;
	r->expires = instant_add(now.mono, duration_s(s));
	r->refresh = instant_add(now.mono, duration_ms(s * 500));
	s = s / 2 < HIP_REGISTRANT_CHECK_S ? s / 2 : HIP_REGISTRANT_CHECK_S;
	hip_registrant_again(r, now, duration_s(s > 0 ? s : 1));
}

static void hip_registrant_refused(struct hip_registrant *r, struct now now, uint8_t failure)
{
	char text[HIT_TEXT_SIZE];

	log_warning(r->host->log, "hip.register.refused", "server=%s type=%u failure=%u", hit_text(&r->server, text),
		    r->type, failure);
	r->registered = false;
	r->due = false;
	r->failure = failure;
	/* Not at once (4.5); more so when nothing about us will change the answer. */
	r->tries = failure == 2 ? 3 : 5;
	hip_registrant_again(r, now, hip_registrant_pause(r));
}

static void hip_registrant_seen(struct hip_association *a, struct slice contents)
{
	struct hip_registrant *relay = hip_registrant_find(a->host, &a->peer, 2);
	struct hip_transport_address from;
	struct reader r = reader_of(contents);

	hip_transport_address_get(&r, &from);
	if (relay != NULL && reader_finish(&r) == 0)
		relay->seen = from.address;
}

void hip_registrant_receive(struct hip_association *a, struct now now, const struct hip_packet *p)
{
	struct hip_parameter parameter;
	size_t cursor = 0;

	if (p->type == HIP_UPDATE)
		hip_registrant_note_offer(a, p);
	while (a->host->registrants != NULL && hip_parameter_next(p, &cursor, &parameter)) {
		struct hip_registration response = { .lifetime = 0 };
		struct hip_reg_failed failed = { .failure = 0 };
		struct reader r = reader_of(parameter.contents);
		struct hip_list *types = &response.types;

		if (parameter.type == HIP_PARAMETER_REG_FROM)
			hip_registrant_seen(a, parameter.contents);
		if (parameter.type == HIP_PARAMETER_REG_RESPONSE) {
			hip_reg_response_get(&r, &response);
		} else if (parameter.type == HIP_PARAMETER_REG_FAILED) {
			hip_reg_failed_get(&r, &failed);
			types = &failed.types;
		} else {
			continue;
		}
		for (size_t i = 0; reader_finish(&r) == 0 && i < types->count; i++) {
			struct hip_registrant *x = hip_registrant_find(a->host, &a->peer, (uint8_t)types->items[i]);

			if (x != NULL && types == &response.types)
				hip_registrant_granted(x, now, response.lifetime);
			else if (x != NULL)
				hip_registrant_refused(x, now, failed.failure);
		}
	}
}

/* ---- Views and end ---- */

bool hip_registrant_is_relayed(const struct hip_host *h)
{
	for (struct hip_registrant *r = h->registrants == NULL ? NULL : h->registrants->first; r != NULL; r = r->next)
		if (r->type == 2 && r->registered)
			return true;
	return false;
}

bool hip_host_next_registrant(const struct hip_host *h, struct now now, size_t *cursor,
			      struct hip_registrant_info *out)
{
	struct hip_registrant *r = h->registrants == NULL ? NULL : h->registrants->first;

	for (size_t i = 0; r != NULL && i < *cursor; i++)
		r = r->next;
	if (r == NULL)
		return false;
	++*cursor;
	*out = (struct hip_registrant_info){
		.server = r->server,
		.address = r->address,
		.type = r->type,
		.registered = hip_registrant_is_active(r, now),
		.failure = r->failure,
		.seen = r->seen,
	};
	if (out->registered)
		out->remaining_s = (uint32_t)(instant_since(r->expires, now.mono).us / duration_s(1).us);
	return true;
}

size_t hip_host_rendezvous(const struct hip_host *h, struct address out[HIP_REGISTRANTS_MAX])
{
	size_t count = 0;

	for (struct hip_registrant *r = h->registrants == NULL ? NULL : h->registrants->first; r != NULL; r = r->next) {
		bool is_new = r->registered && count < HIP_REGISTRANTS_MAX;

		for (size_t i = 0; is_new && i < count; i++)
			is_new = !address_equal(&out[i], &r->address);
		if (is_new)
			out[count++] = r->address;
	}
	return count;
}

void hip_registrants_free(struct hip_host *h)
{
	if (h->registrants == NULL)
		return;
	while (h->registrants->first != NULL)
		hip_registrant_free(h->registrants->first);
	hip_routes_free(h->registrants);
	free(h->registrants);
	h->registrants = NULL;
}
