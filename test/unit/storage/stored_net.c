/* SPDX-License-Identifier: MIT */
/* Peers with storage on the in-memory net. */
#include "test/unit/storage/stored_net.h"

#include <stdio.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"

static void *net_storage_new(void *ctx, struct net *n, size_t node, struct peer *p, struct now now)
{
	struct stored_net *s = ctx;
	struct storage *storage;

	(void)n;
	if (s->backends[node].ops == NULL)
		s->backends[node] = backend_memory();
	ck_assert_int_eq(storage_new(&storage, p, &s->backends[node], now), 0);
	return storage;
}

static void net_storage_free(void *ctx, void *storage)
{
	(void)ctx;
	storage_free(storage);
}

static void net_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
		    const char *text)
{
	struct stored_net *s = ctx;

	(void)level;
	if (strcmp(event, "resource.discarded") == 0)
		s->logged_discards++;
	if (getenv("STORED_NET_LOG") != NULL)
		fprintf(stderr, "%8.3f %2zu %s %s\n", (double)now.mono.us / 1e6, node, event, text);
}

struct stored_net *stored_net_new(size_t count, uint64_t seed)
{
	static const struct kind kinds[] = {
		{ .id = STORED_NET_KIND, .model = DATA_MODEL_SINGLE, .access = ACCESS_USER_MATCH,
		  .max_count = 1, .max_size = 1000 },
		{ .id = STORED_NET_ARRAY, .model = DATA_MODEL_ARRAY, .access = ACCESS_USER_MATCH,
		  .max_count = 100, .max_size = 2000 },
	};
	struct configuration *c = memory_alloc(sizeof(*c));
	struct stored_net *s = memory_alloc(sizeof(*s));
	struct net_options options = {
		.seed = seed,
		.configuration = c,
		.hooks = { .storage_new = net_storage_new, .storage_free = net_storage_free,
			   .log = net_log },
		.log_level = LOG_DEBUG,
		.ctx = s,
	};

	configuration_init(c);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(kind_add(&c->kinds, &kinds[i]), 0);
	snprintf(c->overlay_name, sizeof(c->overlay_name), "example.org");
	s->n = net_new(&options);
	s->configuration = c;
	net_add_peers(s->n, count);
	for (size_t i = 0; i < count; i++) {
		net_start(s->n, i);
		net_run(s->n, duration_ms(300));
	}
	stored_net_settle(s, 60);
	return s;
}

void stored_net_free(struct stored_net *s)
{
	net_free(s->n);
	free(s->configuration);
	for (size_t i = 0; i < STORED_NET_NODES_MAX; i++)
		stored_net_wipe(s, i);
	free(s);
}

void stored_net_wipe(struct stored_net *s, size_t node)
{
	if (s->backends[node].ops != NULL)
		s->backends[node].ops->close(s->backends[node].ctx);
	s->backends[node] = (struct backend){ 0 };
}

void stored_net_settle(struct stored_net *s, uint64_t limit_s)
{
	ck_assert_msg(net_run_until(s->n, net_ring_is_ideal, NULL, duration_s(limit_s)), "%s",
		      net_ring_fault(s->n));
}

struct resource_id stored_net_resource(struct stored_net *s, size_t node)
{
	char user[64];
	const struct security *security = NULL;

	for (size_t i = 0; i < net_count(s->n) && security == NULL; i++)
		if (net_peer(s->n, i) != NULL)
			security = peer_security(net_peer(s->n, i));
	snprintf(user, sizeof(user), "user%zu@example.org", node);
	return access_user_resource(security, user);
}

struct node_id stored_net_point(struct stored_net *s, size_t node)
{
	struct resource_id resource = stored_net_resource(s, node);
	struct node_id point;

	ck_assert_int_eq(node_id_from_resource_id(&resource, &point), 0);
	return point;
}

struct store_call {
	bool called;
	struct resource_store_result result;
};

static void store_done(void *ctx, struct now now, const struct resource_store_result *result)
{
	struct store_call *call = ctx;

	(void)now;
	call->called = true;
	call->result = *result;
}

static bool store_is_done(struct net *n, void *ctx)
{
	(void)n;
	return ((struct store_call *)ctx)->called;
}

struct resource_store_result stored_net_store(struct stored_net *s, size_t node, const char *text,
					      uint32_t lifetime_s)
{
	struct resource_id resource = stored_net_resource(s, node);
	struct resource_value value = {
		.exists = text != NULL,
		.value = text == NULL ? SLICE_EMPTY : slice_text(text),
		.lifetime_s = lifetime_s,
	};
	struct store_call call = { 0 };

	ck_assert_int_eq(resource_store(net_peer(s->n, node), net_now(s->n), &resource, STORED_NET_KIND,
					&value, 1, store_done, &call), 0);
	net_flush(s->n, node);
	ck_assert(net_run_until(s->n, store_is_done, &call, duration_s(60)));
	return call.result;
}

static void fetch_done(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct stored_net_fetched *f = ctx;

	(void)now;
	f->called = true;
	f->err = result->err;
	f->discarded = result->discarded;
	f->generation = result->generation;
	f->owner = result->owner;
	for (size_t i = 0; i < result->count; i++) {
		struct slice value = result->values[i].data.value.data.value;

		if (result->values[i].is_synthetic || !result->values[i].data.value.data.exists)
			continue;
		if (f->count++ == 0)
			snprintf(f->text, sizeof(f->text), "%.*s", (int)value.len,
				 (const char *)value.data);
	}
}

static bool fetch_is_done(struct net *n, void *ctx)
{
	(void)n;
	return ((struct stored_net_fetched *)ctx)->called;
}

struct stored_net_fetched stored_net_fetch(struct stored_net *s, size_t from, size_t of)
{
	struct resource_id resource = stored_net_resource(s, of);
	struct stored_net_fetched f = { 0 };

	ck_assert_int_eq(resource_fetch(net_peer(s->n, from), net_now(s->n), &resource, STORED_NET_KIND,
					fetch_done, &f), 0);
	net_flush(s->n, from);
	ck_assert(net_run_until(s->n, fetch_is_done, &f, duration_s(60)));
	return f;
}

bool stored_net_holds(struct stored_net *s, size_t node, size_t of, const char *text)
{
	struct resource_id resource = stored_net_resource(s, of);
	struct storage_row row;
	size_t cursor = 0;

	if (net_peer(s->n, node) == NULL)
		return false;
	while (storage_next(net_storage(s->n, node), net_now(s->n), &cursor, &row))
		if (row.kind == STORED_NET_KIND && resource_id_equal(&row.resource, &resource) &&
		    slice_equal(row.data.value.data.value, slice_text(text)))
			return true;
	return false;
}

size_t stored_net_holders(struct stored_net *s, size_t of, const char *text)
{
	size_t count = 0;

	for (size_t i = 0; i < net_count(s->n); i++)
		count += stored_net_holds(s, i, of, text);
	return count;
}

bool stored_net_is_protected(struct stored_net *s, size_t of, const char *text)
{
	struct node_id point = stored_net_point(s, of);

	for (int i = 0; i < 3; i++) {
		size_t node = net_owner(s->n, &point);

		if (!stored_net_holds(s, node, of, text))
			return false;
		point = node_id_next(net_node_id(s->n, node));
	}
	return true;
}
