/* SPDX-License-Identifier: MIT */
/* The lone peer of storage's tests. */
#include "test/unit/storage/lone.h"

#include <stdio.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"

/* ---- The failing backend ---- */

static int failing_put(void *ctx, const struct backend_record *record)
{
	struct failing_backend *f = ctx;

	return f->fail_put ? ERR_STORAGE : f->inner.ops->put(f->inner.ctx, record);
}

static int failing_remove(void *ctx, struct slice resource, uint32_t kind, struct slice entry, bool all)
{
	struct failing_backend *f = ctx;

	return f->inner.ops->remove(f->inner.ctx, resource, kind, entry, all);
}

static int failing_put_certificate(void *ctx, struct slice hash, struct slice der)
{
	struct failing_backend *f = ctx;

	return f->inner.ops->put_certificate(f->inner.ctx, hash, der);
}

static int failing_remove_certificate(void *ctx, struct slice hash)
{
	struct failing_backend *f = ctx;

	return f->inner.ops->remove_certificate(f->inner.ctx, hash);
}

static int failing_commit(void *ctx)
{
	struct failing_backend *f = ctx;

	f->commits++;
	return f->fail_commit ? ERR_STORAGE : f->inner.ops->commit(f->inner.ctx);
}

static void failing_rollback(void *ctx)
{
	struct failing_backend *f = ctx;

	f->inner.ops->rollback(f->inner.ctx);
}

static int failing_load(void *ctx, int (*certificate)(void *to, struct slice hash, struct slice der),
			int (*record)(void *to, const struct backend_record *record), void *to)
{
	struct failing_backend *f = ctx;

	return f->inner.ops->load(f->inner.ctx, certificate, record, to);
}

static void failing_close(void *ctx)
{
	struct failing_backend *f = ctx;

	f->inner.ops->close(f->inner.ctx);
}

void failing_backend_init(struct failing_backend *f, struct backend inner)
{
	static const struct backend_ops ops = {
		.put = failing_put,
		.remove = failing_remove,
		.put_certificate = failing_put_certificate,
		.remove_certificate = failing_remove_certificate,
		.commit = failing_commit,
		.rollback = failing_rollback,
		.load = failing_load,
		.close = failing_close,
	};

	*f = (struct failing_backend){ .inner = inner };
	f->backend = (struct backend){ &ops, f };
}

/* ---- The peer ---- */

static void lone_log(void *ctx, enum log_level level, const char *event, const char *text)
{
	struct lone *l = ctx;
	int len = snprintf(l->events + l->events_len, sizeof(l->events) - l->events_len, "%s %s\n", event,
			   text);

	(void)level;
	if (len > 0 && (size_t)len < sizeof(l->events) - l->events_len)
		l->events_len += (size_t)len;
}

struct configuration *lone_configuration(void)
{
	static const struct { uint32_t id, model, count, size; } kinds[] = {
		{ LONE_SINGLE, DATA_MODEL_SINGLE, 1, 100 },
		{ LONE_ARRAY, DATA_MODEL_ARRAY, 4, 100 },
		{ LONE_DICTIONARY, DATA_MODEL_DICTIONARY, 4, 100 },
		{ LONE_WIDE, DATA_MODEL_DICTIONARY, 5000, 4000 },
	};
	struct configuration *c = memory_alloc(sizeof(*c));

	configuration_init(c);
	snprintf(c->overlay_name, sizeof(c->overlay_name), "overlay.example");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct kind k = {
			.id = kinds[i].id,
			.model = (enum data_model)kinds[i].model,
			.access = ACCESS_USER_MATCH,
			.max_count = kinds[i].count,
			.max_size = kinds[i].size,
		};

		ck_assert_int_eq(kind_add(&c->kinds, &k), 0);
	}
	return c;
}

struct lone *lone_new_with(struct backend *backend, const struct security *security,
			   const struct configuration *configuration, struct now now, int *err)
{
	struct peer_options *o = memory_alloc(sizeof(*o));
	struct lone *l = memory_alloc(sizeof(*l));

	l->now = now;
	l->backend = backend;
	l->log = (struct log){ lone_log, l, LOG_DEBUG };
	arena_init(&l->arena, 64u << 20);
	l->configuration = *configuration;
	o->configuration = &l->configuration;
	o->security = *security;
	o->log = &l->log;
	o->seed = 7;
	o->first = true;
	l->peer = peer_new(o);
	l->chord = chord_new(l->peer);
	free(o);
	*err = storage_new(&l->storage, l->peer, backend, l->now);
	if (*err != 0) {
		lone_free(l);
		return NULL;
	}
	peer_start(l->peer, l->now, NULL, 0, OVERLAY_LINK_TLS_TCP_FH_NO_ICE);
	lone_run(l);
	ck_assert_int_eq(peer_state(l->peer), PEER_JOINED);
	return l;
}

struct lone *lone_new(struct backend *backend)
{
	struct node_id id = { { 0x77 } };
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t len = fake_certificate_put(certificate, &id, 1, LONE_USER, (struct walltime){ 0 },
					  (struct walltime){ 2 * LONE_WALL_MS });
	struct now now = { { 1000000 }, { LONE_WALL_MS } };
	struct fake_security *fake = fake_security_new(1, slice_of(certificate, len));
	struct security security = fake_security_port(fake);
	struct configuration *c = lone_configuration();
	int err;
	struct lone *l = lone_new_with(backend, &security, c, now, &err);

	ck_assert_int_eq(err, 0);
	l->fake = fake;
	free(c);
	return l;
}

void lone_free(struct lone *l)
{
	storage_free(l->storage);
	chord_free(l->chord);
	peer_free(l->peer);
	fake_security_free(l->fake);
	arena_free(&l->arena);
	free(l);
}

void lone_run(struct lone *l)
{
	const struct effect *e;
	bool moved;

	do {
		moved = false;
		while ((e = peer_next_effect(l->peer)) != NULL) {
			moved = true;
			if (e->type == EFFECT_STORE_COMMIT)
				peer_storage(l->peer)->ops->commit(peer_storage(l->peer)->ctx, l->now);
		}
		if (instant_due(peer_deadline(l->peer), l->now.mono)) {
			moved = true;
			peer_expire(l->peer, l->now);
		}
	} while (moved);
}

void lone_pass(struct lone *l, uint64_t ms)
{
	l->now.mono.us += ms * 1000;
	l->now.wall.ms += ms;
	lone_run(l);
}

static void lone_answered(void *ctx, struct now now, const struct response *response)
{
	struct lone *l = ctx;

	(void)now;
	l->responses++;
	l->err = response->err;
	l->body_len = l->info_len = 0;
	ck_assert(response->body.len <= sizeof(l->body) && response->error_info.len <= sizeof(l->info));
	if (response->body.len > 0)
		memcpy(l->body, response->body.data, l->body_len = response->body.len);
	if (response->error_info.len > 0)
		memcpy(l->info, response->error_info.data, l->info_len = response->error_info.len);
}

void lone_send(struct lone *l, enum method method, struct slice body, const struct slice *certificates,
	       size_t certificate_count)
{
	struct destination self = destination_of_node(peer_node_id(l->peer));
	struct request request = {
		.method = method,
		.body = body,
		.destinations = &self,
		.destination_count = 1,
		.certificates = certificates,
		.certificate_count = certificate_count,
		.done = lone_answered,
		.ctx = l,
	};

	ck_assert_int_eq(transport_request(l->peer, l->now, &request, NULL), 0);
	peer_expire(l->peer, l->now);
}

int lone_request(struct lone *l, enum method method, struct slice body, const struct slice *certificates,
		 size_t certificate_count)
{
	unsigned before = l->responses;

	lone_send(l, method, body, certificates, certificate_count);
	lone_run(l);
	ck_assert_uint_eq(l->responses, before + 1);
	return l->err;
}

struct resource_id lone_resource(const struct lone *l, const char *user)
{
	return access_user_resource(peer_security(l->peer), user);
}

struct stored_data lone_sign(struct lone *l, const struct security *security,
			     const struct resource_id *resource, uint32_t kind, struct stored_data data)
{
	const struct security *s = security == NULL ? peer_security(l->peer) : security;
	struct slice covered;

	ck_assert_int_eq(access_signed_data(resource, kind, &data, &l->arena, &covered), 0);
	ck_assert_int_eq(s->ops->sign(s->ctx, &covered, 1, &l->arena, &data.signature), 0);
	return data;
}

struct stored_data lone_value(struct lone *l, uint32_t kind, uint32_t index, const char *key,
			      const char *text, uint64_t time_ms)
{
	struct resource_id resource = lone_resource(l, LONE_USER);
	struct stored_data data = {
		.storage_time = time_ms,
		.lifetime = 1000,
		.value = {
			.model = (uint8_t)kind_find(&peer_configuration(l->peer)->kinds, kind)->model,
			.index = index,
			.key = key == NULL ? SLICE_EMPTY : slice_text(key),
			.data = {
				.exists = text != NULL,
				.value = text == NULL ? SLICE_EMPTY : slice_text(text),
			},
		},
	};

	return lone_sign(l, NULL, &resource, kind, data);
}

struct store_kind_data lone_kind_data(struct lone *l, uint32_t kind, uint64_t generation,
				      const struct stored_data *values, size_t count)
{
	struct writer w = writer_of(arena_alloc(&l->arena, 65536), 65536);

	for (size_t i = 0; i < count; i++)
		stored_data_put(&w, &values[i]);
	ck_assert_int_eq(w.err, 0);
	return (struct store_kind_data){ kind, generation, writer_slice(&w) };
}

struct slice lone_store_body(struct lone *l, const struct resource_id *resource, uint8_t replica_number,
			     const struct store_kind_data *kinds, size_t count)
{
	struct store_req req = {
		.resource = *resource,
		.replica_number = replica_number,
		.kinds = (struct store_kind_data *)kinds,
		.kind_count = count,
	};
	struct writer w = writer_of(arena_alloc(&l->arena, 65536), 65536);

	store_req_put(&w, &req);
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

int lone_store(struct lone *l, uint32_t kind, const struct stored_data *value)
{
	struct resource_id resource = lone_resource(l, LONE_USER);
	struct store_kind_data data = lone_kind_data(l, kind, 0, value, 1);

	return lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, &data, 1), NULL, 0);
}

struct slice lone_fetch_body(struct lone *l, const struct resource_id *resource, uint32_t kind,
			     uint64_t generation, struct slice selector)
{
	struct stored_data_specifier specifier = { kind, generation, selector };
	struct fetch_req req = { .resource = *resource, .specifiers = &specifier, .specifier_count = 1 };
	struct writer w = writer_of(arena_alloc(&l->arena, 8192), 8192);

	fetch_req_put(&w, &req);
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

struct fetch_kind_response lone_fetch(struct lone *l, uint32_t kind, struct stored_data **values,
				      size_t *count)
{
	static const struct array_range all = { 0, ARRAY_INDEX_LAST };
	const struct kind *k = kind_find(&peer_configuration(l->peer)->kinds, kind);
	struct resource_id resource = lone_resource(l, LONE_USER);
	struct writer selector = writer_of(arena_alloc(&l->arena, 64), 64);
	struct reader r;
	struct fetch_ans ans;
	uint8_t *copy;

	if (k->model == DATA_MODEL_ARRAY)
		array_ranges_put(&selector, &all, 1);
	else if (k->model == DATA_MODEL_DICTIONARY)
		dictionary_keys_put(&selector, NULL, 0);
	ck_assert_int_eq(lone_request(l, METHOD_FETCH,
				      lone_fetch_body(l, &resource, kind, 0, writer_slice(&selector)), NULL,
				      0), 0);
	copy = arena_alloc(&l->arena, l->body_len);
	memcpy(copy, l->body, l->body_len);
	r = reader_of(slice_of(copy, l->body_len));
	fetch_ans_get(&r, &l->arena, &ans);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(ans.kind_count, 1);
	ck_assert_uint_eq(ans.kinds[0].kind, kind);
	ck_assert_int_eq(stored_data_list_get(ans.kinds[0].values, (uint8_t)k->model, &l->arena, values,
					      count), 0);
	return ans.kinds[0];
}

uint64_t lone_generation(struct lone *l)
{
	struct reader r = reader_of(slice_of(l->body, l->body_len));
	struct store_ans ans;

	store_ans_get(&r, &l->arena, &ans);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(ans.kind_count, 1);
	return ans.kinds[0].generation_counter;
}

unsigned lone_logged(const struct lone *l, const char *event, const char *text)
{
	unsigned count = 0;

	for (const char *line = l->events; *line != '\0';) {
		const char *end = strchr(line, '\n');
		const char *found = strstr(line, text);

		if (strncmp(line, event, strlen(event)) == 0 && found != NULL && found < end)
			count++;
		line = end + 1;
	}
	return count;
}
