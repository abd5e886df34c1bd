/* SPDX-License-Identifier: MIT */
/* The registrar. */
#include "usage/sip/sip_registration.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/sip/sip_record.h"
#include "usage/sip/sip_stream.h"

#define SIP_STOP_S 3
#define SIP_RETRY_AFTER_S 10

struct sip_contact {
	struct sip_contact *next;
	struct sip_text uri;
	char q[8];
	char instance[128]; /* +sip.instance with reg-id (RFC 5626): one phone, whatever its address is now */
	char call_id[256];
	uint32_t cseq;
	struct sip_flow flow;
	struct instant expires;
};

/* A REGISTER that waits for the overlay. */
struct sip_waiter {
	struct sip_waiter *next;
	struct sip_server *server; /* lives until it is answered */
	bool wants_record;
};

struct sip_registrar {
	struct sip_usage *usage;
	struct sip_contact *contacts; /* in order of registration */
	size_t count;
	struct sip_waiter *waiters;
	struct sip_record record;
	struct timer expiry; /* of the contact that expires first */
	struct timer stop;
	void (*stop_done)(void *ctx, struct now now);
	void *stop_ctx;
};

/* One Contact of a REGISTER. */
struct sip_contact_request {
	struct slice text;
	struct sip_uri uri;
	uint32_t expires_s;
	struct slice q;
	char instance[128];
};

static void sip_registrar_on_expiry(void *ctx, struct now now);

struct sip_registrar *sip_registrar_new(struct sip_usage *s)
{
	struct sip_registrar *r = memory_alloc(sizeof(*r));

	r->usage = s;
	sip_record_init(&r->record, s, s->options.registration_default_s);
	return r;
}

static void sip_contact_free(struct sip_contact *c)
{
	sip_text_free(&c->uri);
	free(c);
}

void sip_registrar_free(struct sip_registrar *r)
{
	while (r->contacts != NULL) {
		struct sip_contact *c = r->contacts;

		r->contacts = c->next;
		sip_contact_free(c);
	}
	while (r->waiters != NULL) {
		struct sip_waiter *w = r->waiters;

		r->waiters = w->next;
		free(w);
	}
	sip_record_end(&r->record);
	timer_disarm(&r->usage->timers, &r->expiry);
	timer_disarm(&r->usage->timers, &r->stop);
	free(r);
}

size_t sip_registration_count(const struct sip_usage *s)
{
	return s->registrar->count;
}

/* ---- Contacts ---- */

static bool sip_contact_is(const struct sip_contact *c, const struct sip_uri *uri)
{
	struct sip_uri mine;

	return sip_uri_parse(sip_text_slice(&c->uri), &mine) == 0 && sip_uri_equal(&mine, uri);
}

static struct sip_contact *sip_contact_find(struct sip_registrar *r, const struct sip_uri *uri)
{
	for (struct sip_contact *c = r->contacts; c != NULL; c = c->next)
		if (sip_contact_is(c, uri))
			return c;
	return NULL;
}

static void sip_contact_remove(struct sip_registrar *r, struct sip_contact *gone, const char *why)
{
	char uri[256];

	for (struct sip_contact **at = &r->contacts; *at != NULL; at = &(*at)->next) {
		if (*at != gone)
			continue;
		*at = gone->next;
		r->count--;
		log_info(r->usage->log, "sip.register.removed", "aor=%s contact=%s why=%s", r->usage->aor,
			 sip_copy(uri, sizeof(uri), sip_text_slice(&gone->uri)), why);
		sip_contact_free(gone);
		return;
	}
}

static void sip_registrar_arm(struct sip_registrar *r)
{
	struct instant first = INSTANT_NEVER;

	for (struct sip_contact *c = r->contacts; c != NULL; c = c->next)
		first = instant_min(first, c->expires);
	if (instant_is_never(first))
		timer_disarm(&r->usage->timers, &r->expiry);
	else
		timer_arm(&r->usage->timers, &r->expiry, first, sip_registrar_on_expiry, r);
}

static void sip_registrar_on_expiry(void *ctx, struct now now)
{
	struct sip_registrar *r = ctx;
	struct sip_contact *next;

	for (struct sip_contact *c = r->contacts; c != NULL; c = next) {
		next = c->next;
		if (instant_due(c->expires, now.mono))
			sip_contact_remove(r, c, "expired");
	}
	sip_registrar_arm(r);
	if (r->count == 0 && r->waiters == NULL)
		(void)sip_record_want(&r->record, now, false);
}

/* The Contact elements one after the other. 0 at the end (*done), or a status. */
static int sip_contact_next(struct sip_usage *s, const struct sip_message *m, struct sip_walk *walk,
			    struct sip_contact_request *out, bool *done)
{
	struct slice element, value;
	struct sip_name_addr name;
	uint64_t seconds = m->expires >= 0 ? (uint64_t)m->expires : s->options.registration_default_s;

	*done = !sip_message_walk(m, SIP_HEADER_CONTACT, walk, &element);
	if (*done)
		return 0;
	memset(out, 0, sizeof(*out));
	out->text = element;
	if (slice_equal(element, slice_text("*")))
		return 0;
	if (sip_name_addr_parse(element, &name) != 0 || name.uri.len > SIP_CONTACT_MAX ||
	    sip_uri_parse(name.uri, &out->uri) != 0)
		return 400;
	/* A value that is no number counts as 3,600 (20.10). */
	if (sip_param(name.params, "expires", &value) && !sip_number(value, UINT32_MAX, &seconds))
		seconds = 3600;
	if (sip_param(name.params, "q", &out->q) && out->q.len > 5)
		return 400;
	if (sip_param(name.params, "+sip.instance", &value) && value.len > 0 && value.len < 100) {
		char instance[101], reg_id[12];
		struct slice id;

		sip_param(name.params, "reg-id", &id);
		snprintf(out->instance, sizeof(out->instance), "%s/%s",
			 sip_copy(instance, sizeof(instance), value), sip_copy(reg_id, sizeof(reg_id), id));
	}
	out->expires_s = (uint32_t)(seconds > s->options.registration_max_s ? s->options.registration_max_s
									    : seconds);
	return 0;
}

/* What is wrong with the REGISTER as a whole: it is done wholly or not at all (10.3 step 7). 0: nothing;
 * then *left is how many contacts there would be and *contacts how many it names. */
static int sip_register_check(struct sip_registrar *r, const struct sip_message *m, size_t *contacts,
			      size_t *left)
{
	struct sip_walk walk = { 0 };
	struct sip_contact_request request;
	bool done, star = false;
	int status;

	*contacts = 0;
	*left = r->count;
	for (;; ++*contacts) {
		struct sip_contact *known;

		status = sip_contact_next(r->usage, m, &walk, &request, &done);
		if (status != 0 || done)
			break;
		if (slice_equal(request.text, slice_text("*"))) {
			star = true;
			continue;
		}
		known = sip_contact_find(r, &request.uri);
		if (known != NULL && sip_is(m->call_id, known->call_id) && m->cseq <= known->cseq)
			return 500;
		if (request.expires_s == 0) {
			*left -= known != NULL;
			continue;
		}
		if (request.expires_s < r->usage->options.registration_min_s)
			return 423;
		*left += known == NULL;
	}
	if (status != 0)
		return status;
	if (star) {
		*left = 0;
		return *contacts == 1 && m->expires == 0 ? 0 : 400;
	}
	return *left > r->usage->options.registrations_max ? 403 : 0;
}

static void sip_contact_set(struct sip_registrar *r, struct now now, const struct sip_message *m,
			    const struct sip_flow *flow, const struct sip_contact_request *request)
{
	struct sip_contact *c = sip_contact_find(r, &request->uri);
	char remote[ADDRESS_TEXT_SIZE + 8], uri[256];
	struct sip_hop hop = { .flow = *flow };

	if (c == NULL) {
		struct sip_contact **at = &r->contacts;

		while (*at != NULL)
			at = &(*at)->next;
		*at = c = memory_alloc(sizeof(*c));
		r->count++;
	}
	sip_text_set(&c->uri, request->uri.text);
	sip_copy(c->q, sizeof(c->q), request->q);
	memcpy(c->instance, request->instance, sizeof(c->instance));
	sip_copy(c->call_id, sizeof(c->call_id), m->call_id);
	c->cseq = m->cseq;
	c->flow = *flow;
	c->expires = instant_add(now.mono, duration_s(request->expires_s));
	log_info(r->usage->log, "sip.register.ok", "aor=%s contact=%s expires_s=%u source=%s", r->usage->aor,
		 sip_copy(uri, sizeof(uri), sip_text_slice(&c->uri)), request->expires_s,
		 sip_hop_text(&hop, remote));
}

/* A phone that came back with another address replaces what it left behind. */
static void sip_contact_displace(struct sip_registrar *r, struct now now)
{
	for (struct sip_contact *c = r->contacts; c != NULL; c = c->next) {
		struct sip_contact *next;

		if (c->instance[0] == '\0')
			continue;
		for (struct sip_contact *other = r->contacts; other != NULL; other = next) {
			next = other->next;
			/* Contacts of one REGISTER stand beside each other. */
			if (other != c && strcmp(other->instance, c->instance) == 0 &&
			    !(strcmp(other->call_id, c->call_id) == 0 && other->cseq == c->cseq) &&
			    other->expires.us <= c->expires.us && !instant_due(c->expires, now.mono))
				sip_contact_remove(r, other, "replaced");
		}
	}
}

/* Does what sip_register_check found to be right. */
static void sip_register_apply(struct sip_registrar *r, struct now now, const struct sip_message *m,
			       const struct sip_flow *flow)
{
	struct sip_walk walk = { 0 };
	struct sip_contact_request request;
	bool done;

	while (sip_contact_next(r->usage, m, &walk, &request, &done) == 0 && !done) {
		struct sip_contact *c;

		if (slice_equal(request.text, slice_text("*"))) {
			while (r->contacts != NULL)
				sip_contact_remove(r, r->contacts, "asked");
			break;
		}
		c = sip_contact_find(r, &request.uri);
		if (request.expires_s > 0)
			sip_contact_set(r, now, m, flow, &request);
		else if (c != NULL)
			sip_contact_remove(r, c, "asked");
	}
	sip_contact_displace(r, now);
	sip_registrar_arm(r);
}

/* ---- REGISTER ---- */

static void sip_register_ok(struct sip_registrar *r, struct now now, struct sip_server *server)
{
	struct sip_text extra = { 0 };

	for (struct sip_contact *c = r->contacts; c != NULL; c = c->next) {
		uint64_t left = instant_since(c->expires, now.mono).us / 1000000;
		const char *slash = strrchr(c->instance, '/');

		sip_text_add(&extra, "Contact: <");
		sip_text_bytes(&extra, sip_text_slice(&c->uri));
		sip_text_add(&extra, ">;expires=%llu", (unsigned long long)left);
		if (c->q[0] != '\0')
			sip_text_add(&extra, ";q=%s", c->q);
		if (slash != NULL)
			sip_text_add(&extra, ";+sip.instance=%.*s%s%s", (int)(slash - c->instance),
				     c->instance, slash[1] != '\0' ? ";reg-id=" : "", slash + 1);
		sip_text_add(&extra, "\r\n");
	}
	sip_text_bytes(&extra, slice_of("", 1));
	sip_server_answer(server, now, 200, NULL, (const char *)extra.data);
	sip_text_free(&extra);
}

static void sip_register_unavailable(struct sip_usage *s, struct now now, struct sip_server *server, int err)
{
	struct sip_text extra = { 0 };

	sip_text_add(&extra, "Retry-After: %d\r\nWarning: 399 peal \"%s\"\r\n", SIP_RETRY_AFTER_S,
		     error_text(err));
	log_warning(s->log, "sip.register.failed", "aor=%s reason=%s", s->aor, error_name(err));
	sip_server_answer(server, now, err == ERR_REQUEST_TIMEOUT ? 504 : 503, NULL,
			  (const char *)extra.data);
	sip_text_free(&extra);
}

static void sip_register_refuse(struct sip_usage *s, struct now now, struct sip_server *server, int status)
{
	struct sip_text extra = { 0 };
	const char *reason = NULL;

	sip_text_add(&extra, "%s", "");
	if (status == 423)
		sip_text_add(&extra, "Min-Expires: %u\r\n", s->options.registration_min_s);
	if (status == 403)
		reason = "Too Many Contacts";
	if (status == 500)
		reason = "CSeq out of order";
	log_info(s->log, "sip.register.refused", "aor=%s status=%d", s->aor, status);
	sip_server_answer(server, now, status, reason, (const char *)extra.data);
	sip_text_free(&extra);
}

/* The AOR in To must be this node's (RFC 7904 3.3: nothing else could be stored). */
static bool sip_register_aor(struct sip_usage *s, struct now now, struct sip_server *server,
			     const struct sip_message *m)
{
	const struct configuration *c = peer_configuration(s->peer);
	char aor[SIP_AOR_SIZE];
	struct sip_uri uri;
	bool served;

	if (sip_uri_parse(m->to.uri, &uri) != 0 || sip_aor_of_uri(&uri, aor) != 0) {
		sip_server_answer(server, now, 400, "To holds no Address-of-Record", "");
		return false;
	}
	if (strcmp(aor, s->aor) == 0 && !uri.is_sips)
		return true;
	served = strcmp(sip_aor_domain(aor), sip_aor_domain(s->aor)) == 0 ||
		 sip_is(uri.host, c->overlay_name);
	log_info(s->log, "sip.register.refused", "aor=%s status=%d", aor, served ? 403 : 404);
	if (served)
		sip_server_answer(server, now, 403, "Not this node's user", "");
	else
		sip_server_answer(server, now, 404, "Domain not served here", "");
	return false;
}

void sip_registration_request(struct sip_usage *s, struct now now, struct sip_server *server,
			      const struct sip_message *m)
{
	struct sip_registrar *r = s->registrar;
	struct sip_waiter *waiter;
	size_t contacts, left;
	int status;

	if (!sip_register_aor(s, now, server, m))
		return;
	status = sip_register_check(r, m, &contacts, &left);
	if (status != 0) {
		sip_register_refuse(s, now, server, status);
		return;
	}
	if (s->stopping || (left > 0 && contacts > 0 && peer_state(s->peer) != PEER_JOINED)) {
		sip_register_unavailable(s, now, server, ERR_NOT_JOINED);
		return;
	}
	/* A phone that leaves is not kept by an overlay that fails; one that comes is there only once it can
	 * be found. */
	if (left == 0)
		sip_register_apply(r, now, m, &server->source.flow);
	waiter = memory_alloc(sizeof(*waiter));
	*waiter = (struct sip_waiter){ r->waiters, server, left > 0 };
	r->waiters = waiter;
	if (contacts == 0 || sip_record_want(&r->record, now, left > 0)) {
		/* Nothing to ask of the overlay: it is as it should be. The waiter is still the first. */
		r->waiters = waiter->next;
		free(waiter);
		if (left > 0)
			sip_register_apply(r, now, m, &server->source.flow);
		sip_register_ok(r, now, server);
	}
}

static void sip_waiter_answer(struct sip_registrar *r, struct now now, const struct sip_waiter *w, int err)
{
	struct sip_message m;

	if (err != 0) {
		sip_register_unavailable(r->usage, now, w->server, err);
		return;
	}
	if (w->wants_record && sip_message_parse(&m, sip_text_slice(&w->server->request), false) == 0)
		sip_register_apply(r, now, &m, &w->server->source.flow);
	sip_register_ok(r, now, w->server);
}

void sip_registration_record_settled(struct sip_usage *s, struct now now, int err)
{
	struct sip_registrar *r = s->registrar;
	struct sip_waiter *waiters = r->waiters, **at = &waiters;
	bool wanted;

	r->waiters = NULL;
	while (*at != NULL) {
		struct sip_waiter *w = *at;

		if (err == 0 && w->wants_record != r->record.stored) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		sip_waiter_answer(r, now, w, err);
		free(w);
	}
	r->waiters = waiters;
	wanted = !s->stopping && (r->count > 0 || waiters != NULL);
	if (err == 0)
		(void)sip_record_want(&r->record, now, wanted);
	else
		r->record.wanted = wanted; /* its timer tries again */
	if (r->stop_done != NULL && !r->record.busy)
		timer_arm(&s->timers, &r->stop, now.mono, r->stop.fire, r);
}

/* ---- For the proxy ---- */

static bool sip_is_same_host(const struct address *a, const struct address *b)
{
	return a->type == b->type && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Where requests for this contact go: its own open connection; else the address it names, when that is the
 * host the REGISTER came from; else (behind a NAT, or a name) the address the REGISTER came from. */
static void sip_contact_hop(struct sip_usage *s, const struct sip_contact *c, struct sip_hop *hop)
{
	struct address named;
	struct slice transport;
	struct sip_uri uri;

	memset(hop, 0, sizeof(*hop));
	hop->flow = c->flow;
	if (c->flow.transport == SIP_TCP && sip_stream_is_open(s, c->flow.stream))
		return;
	hop->flow.stream = 0;
	if (sip_uri_parse(sip_text_slice(&c->uri), &uri) != 0)
		return;
	if (sip_param(uri.params, "transport", &transport))
		hop->flow.transport = sip_is(transport, "tcp") ? SIP_TCP : SIP_UDP;
	if (sip_uri_address(&uri, SIP_PORT, &named) && sip_is_same_host(&named, &c->flow.remote))
		hop->flow.remote = named;
	if (hop->flow.transport == SIP_TCP)
		hop->flow.stream = sip_stream_of_phone(s, &hop->flow.remote);
}

void sip_registration_add_targets(struct sip_fork *fork, struct now now)
{
	struct sip_usage *s = fork->usage;

	for (struct sip_contact *c = s->registrar->contacts; c != NULL; c = c->next) {
		struct sip_target target = { .request_uri = sip_text_slice(&c->uri) };
		struct sip_hop direct = { .flow = c->flow };
		int err;

		sip_contact_hop(s, c, &target.hop);
		if (sip_hop_equal(&target.hop, &fork->server->source) ||
		    sip_hop_equal(&direct, &fork->server->source))
			continue;
		err = sip_fork_add(fork, now, &target);
		if (err != 0 && err != ERR_DUPLICATE)
			log_info(s->log, "sip.target.refused", "aor=%s reason=%s", s->aor, error_name(err));
	}
}

bool sip_registration_find_contact(struct sip_usage *s, const struct sip_uri *uri, struct sip_hop *hop)
{
	struct sip_contact *c = sip_contact_find(s->registrar, uri);

	if (c == NULL)
		return false;
	sip_contact_hop(s, c, hop);
	return true;
}

void sip_registration_stream_gone(struct sip_usage *s, uint64_t stream)
{
	for (struct sip_contact *c = s->registrar->contacts; c != NULL; c = c->next)
		if (c->flow.transport == SIP_TCP && c->flow.stream == stream)
			c->flow.stream = 0;
}

void sip_registration_stream_open(struct sip_usage *s, const struct sip_flow *flow)
{
	for (struct sip_contact *c = s->registrar->contacts; c != NULL; c = c->next)
		if (c->flow.transport == SIP_TCP && c->flow.stream == 0 &&
		    address_equal(&c->flow.remote, &flow->remote))
			c->flow.stream = flow->stream;
}

/* ---- Life ---- */

void sip_registration_joined(struct sip_usage *s, struct now now)
{
	sip_record_renew(&s->registrar->record, now);
}

static void sip_registrar_on_stop(void *ctx, struct now now)
{
	struct sip_registrar *r = ctx;
	void (*done)(void *, struct now) = r->stop_done;

	r->stop_done = NULL;
	if (done != NULL)
		done(r->stop_ctx, now);
}

void sip_registration_stop(struct sip_usage *s, struct now now, void (*done)(void *ctx, struct now now),
			   void *ctx)
{
	struct sip_registrar *r = s->registrar;

	r->stop_done = done;
	r->stop_ctx = ctx;
	timer_arm(&s->timers, &r->stop, instant_add(now.mono, duration_s(SIP_STOP_S)), sip_registrar_on_stop,
		  r);
	if (sip_record_want(&r->record, now, false))
		timer_arm(&s->timers, &r->stop, now.mono, sip_registrar_on_stop, r);
}

bool sip_usage_next_registration(const struct sip_usage *s, struct now now, size_t *cursor,
				 struct sip_registration_info *out)
{
	const struct sip_registrar *r = s->registrar;
	size_t i = 0;

	for (const struct sip_contact *c = r->contacts; c != NULL; c = c->next, i++) {
		if (i != *cursor)
			continue;
		++*cursor;
		memset(out, 0, sizeof(*out));
		sip_copy(out->aor, sizeof(out->aor), slice_text(s->aor));
		sip_copy(out->contact, sizeof(out->contact), sip_text_slice(&c->uri));
		out->remaining_s = (uint32_t)(instant_since(c->expires, now.mono).us / 1000000);
		out->flow = c->flow;
		out->stored = r->record.stored;
		return true;
	}
	return false;
}
