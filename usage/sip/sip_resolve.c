/* SPDX-License-Identifier: MIT */
/* From an AOR to the proxies that serve it. */
#include "usage/sip/sip_resolve.h"

#include <stdlib.h>

#include "overlay/base/arena.h"
#include "overlay/base/invariant.h"
#include "overlay/resource.h"
#include "overlay/wire/sip_registration.h"
#include "usage/sip/sip_registration.h"

/* One Fetch; the resource service holds a pointer to it until it is answered. */
struct sip_query {
	struct sip_resolution *resolution;
	char aor[SIP_AOR_SIZE];
	unsigned depth;
};

struct sip_resolution {
	struct sip_resolution *next; /* of the usage's list */
	struct sip_usage *usage;
	struct sip_fork *fork; /* NULL: abandoned; freed when the last answer came */
	struct sip_query queries[SIP_RESOLVE_AORS_MAX]; /* all ever asked, so that circles end */
	size_t query_count;
	size_t outstanding;
	size_t routes;   /* registrations seen, removed ones too */
	bool failed;     /* a Fetch failed: "not found" cannot be said */
};

static void sip_resolution_free(struct sip_resolution *r)
{
	struct sip_resolution **at = &r->usage->resolutions;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	free(r);
}

void sip_resolutions_free(struct sip_usage *s)
{
	while (s->resolutions != NULL)
		sip_resolution_free(s->resolutions);
}

static void sip_resolution_end(struct sip_resolution *r, struct now now)
{
	struct sip_fork *fork = r->fork;

	if (r->outstanding > 0)
		return;
	if (fork != NULL) {
		fork->resolution = NULL;
		fork->lookups--;
		if (fork->branch_count == 0)
			sip_fork_note(fork, r->routes > 0 ? 480 : r->failed ? 504 : 404);
	}
	sip_resolution_free(r);
	if (fork != NULL)
		sip_fork_settle(fork, now);
}

void sip_resolution_abandon(struct sip_resolution *r)
{
	r->fork = NULL;
}

static int sip_route_set(struct sip_route *route, const struct destination_list *list)
{
	struct writer w = writer_of(route->bytes, sizeof(route->bytes));
	const struct destination *last;

	if (list->count == 0 || destination_list_has_duplicates(list))
		return ERR_MALFORMED;
	last = &list->items[list->count - 1];
	/* The other end is recognised by its certificate, so it must be named by its Node-ID. */
	if (last->type != DESTINATION_NODE || node_id_is_zero(&last->id.node) ||
	    node_id_is_wildcard(&last->id.node))
		return ERR_MALFORMED;
	destination_list_put(&w, list);
	route->node = last->id.node;
	route->len = w.len;
	return w.err;
}

/* `signer` of the record that held the route; NULL: it came out of a GRUU. */
static void sip_resolution_add_route(struct sip_resolution *r, struct now now, const char *aor,
				     const struct sip_route *route, const struct identity *signer, struct slice prefs)
{
	struct sip_usage *s = r->usage;
	struct sip_target target = { 0 };
	struct sip_text uri = { 0 };
	char text[NODE_ID_TEXT_SIZE];
	struct sip_node node;
	int err;

	r->routes++;
	if (node_id_equal(&route->node, peer_node_id(s->peer))) {
		if (strcmp(aor, s->aor) == 0)
			sip_registration_add_targets(r->fork, now);
		return;
	}
	target.hop.flow.transport = SIP_OVERLAY;
	target.hop.node = route->node;
	target.route = route;
	target.prefs = prefs;
	/* A record may name another of its user's nodes, whose certificate is not known yet. */
	if (signer != NULL && node_id_equal(&signer->node_id, &route->node)) {
		node = (struct sip_node){ route->node, signer->hit, signer->user, signer->is_vouched };
		target.node = &node;
	}
	/* The proxy there serves the AOR that its record stands under, not one that led to it. */
	if (strcmp(aor, r->queries[0].aor) != 0) {
		sip_aor_put_uri(&uri, aor);
		target.request_uri = sip_text_slice(&uri);
	}
	err = sip_fork_add(r->fork, now, &target);
	if (err != 0 && err != ERR_DUPLICATE && err != ERR_CANCELLED)
		log_info(s->log, "sip.target.refused", "node=%s reason=%s", node_id_text(&route->node, text),
			 error_name(err));
	sip_text_free(&uri);
}

static int sip_resolution_ask(struct sip_resolution *r, struct now now, const char *aor, unsigned depth);

/* An entry of type uri: another AOR, or a GRUU. */
static void sip_resolution_follow(struct sip_resolution *r, struct now now, struct slice text, unsigned depth)
{
	struct sip_usage *s = r->usage;
	struct slice params, gr, plain = sip_cut(text, ';', &params);
	char aor[SIP_AOR_SIZE];
	struct sip_route route;
	int err = sip_aor_normalise(plain, aor);

	r->routes++;
	if (err == 0 && sip_param(params, "gr", &gr)) {
		err = sip_gruu_route(gr, &route);
		if (err == 0)
			sip_resolution_add_route(r, now, aor, &route, NULL, SLICE_EMPTY);
	} else if (err == 0) {
		err = sip_resolution_ask(r, now, aor, depth + 1);
	}
	if (err != 0)
		log_info(s->log, "sip.redirection.refused", "depth=%u reason=%s", depth, error_name(err));
}

/* How often `text` stands in `prefs`. */
static size_t sip_prefs_count(struct slice prefs, const char *text)
{
	size_t len = strlen(text), count = 0;

	for (size_t i = 0; i + len <= prefs.len; i++)
		count += sip_is(slice_of(prefs.data + i, len), text);
	return count;
}

/* RFC 7904 3.2, 5.1: one who takes only SIPS says so; what we speak is SIP (application 5060). Other feature tags may
 * stand beside (RFC 2533). */
static bool sip_prefs_admit_sip(struct slice prefs)
{
	return sip_prefs_count(prefs, "(sip.schemes=SIPS)") == 0 || sip_prefs_count(prefs, "(sip.schemes=SIP)") > 0;
}

static void sip_resolution_take(struct sip_resolution *r, struct now now, const struct sip_query *query,
				const struct resource_fetched *value)
{
	struct reader reader = reader_of(value->data.value.data.value);
	struct sip_registration registration;
	struct sip_route route;
	struct arena arena;
	int err;

	/* A removed registration, signed by its user: there is such a user, without a phone now. */
	if (!value->data.value.data.exists) {
		r->routes += !value->is_synthetic;
		return;
	}
	arena_init(&arena, 65536);
	err = sip_registration_get(&reader, &arena, &registration);
	if (err == 0)
		err = reader_finish(&reader);
	if (err == 0 && registration.type == SIP_REGISTRATION_URI) {
		sip_resolution_follow(r, now, registration.uri, query->depth);
	} else if (err == 0 && registration.type == SIP_REGISTRATION_ROUTE) {
		err = sip_route_set(&route, &registration.destinations);
		if (err == 0 && sip_prefs_admit_sip(registration.contact_prefs))
			sip_resolution_add_route(r, now, query->aor, &route, &value->signer,
						 registration.contact_prefs);
		else
			r->routes++;
	}
	if (err != 0)
		log_info(r->usage->log, "sip.registration.unusable", "aor=%s reason=%s", query->aor,
			 error_name(err));
	arena_free(&arena);
}

static void sip_resolution_on_fetch(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct sip_query *query = ctx;
	struct sip_resolution *r = query->resolution;

	if (result->err != 0) {
		log_info(r->usage->log, "sip.lookup.failed", "aor=%s reason=%s", query->aor,
			 error_name(result->err));
		r->failed = r->failed || result->err != ERR_NOT_FOUND;
	} else {
		log_info(r->usage->log, "sip.lookup.done", "aor=%s values=%zu discarded=%zu rtt_us=%llu",
			 query->aor, result->count, result->discarded,
			 (unsigned long long)result->round_trip.us);
	}
	for (size_t i = 0; result->err == 0 && i < result->count && r->fork != NULL; i++)
		sip_resolution_take(r, now, query, &result->values[i]);
	r->outstanding--;
	sip_resolution_end(r, now);
}

static int sip_resolution_ask(struct sip_resolution *r, struct now now, const char *aor, unsigned depth)
{
	struct sip_usage *s = r->usage;
	const struct configuration *c = peer_configuration(s->peer);
	struct resource_id id = security_resource_id(peer_security(s->peer), slice_text(aor));
	struct sip_query *query;
	int err;

	for (size_t i = 0; i < r->query_count; i++)
		if (strcmp(r->queries[i].aor, aor) == 0)
			return ERR_DUPLICATE;
	if (depth > SIP_RESOLVE_DEPTH_MAX || r->query_count == SIP_RESOLVE_AORS_MAX)
		return ERR_LIMIT;
	if (!sip_domain_is_admitted(kind_find(&c->kinds, KIND_SIP_REGISTRATION), c->overlay_name,
				    sip_aor_domain(aor)))
		return ERR_FORBIDDEN;
	query = &r->queries[r->query_count];
	query->resolution = r;
	query->depth = depth;
	memcpy(query->aor, aor, strlen(aor) + 1);
	err = resource_fetch(s->peer, now, &id, KIND_SIP_REGISTRATION, sip_resolution_on_fetch, query);
	if (err != 0)
		return err;
	r->query_count++;
	r->outstanding++;
	return 0;
}

int sip_resolve(struct sip_fork *fork, struct now now, const char *aor)
{
	struct sip_usage *s = fork->usage;
	struct sip_resolution *r;
	int err;

	if (peer_state(s->peer) != PEER_JOINED)
		return ERR_NOT_JOINED;
	r = memory_alloc(sizeof(*r));
	r->usage = s;
	r->fork = fork;
	r->next = s->resolutions;
	s->resolutions = r;
	err = sip_resolution_ask(r, now, aor, 0);
	if (err != 0) {
		sip_resolution_free(r);
		return err;
	}
	fork->resolution = r;
	fork->lookups++;
	return 0;
}

int sip_gruu_route(struct slice gr, struct sip_route *route)
{
	uint8_t bytes[sizeof(route->bytes)];
	struct destination_list list;
	struct arena arena;
	size_t len;
	int err;

	/* RFC 4648 table 1 with "~" for "=" (RFC 7904 section 6). */
	while (gr.len > 0 && gr.data[gr.len - 1] == '~')
		gr.len--;
	err = sip_base64(gr, bytes, sizeof(bytes), &len);
	if (err != 0)
		return err;
	arena_init(&arena, 65536);
	err = destination_list_get(slice_of(bytes, len), &arena, &list);
	if (err == 0)
		err = sip_route_set(route, &list);
	arena_free(&arena);
	return err;
}
