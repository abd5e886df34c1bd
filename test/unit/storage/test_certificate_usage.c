/* SPDX-License-Identifier: MIT */
/* The certificate store usage on a ring: stored by user and by node, refreshed in place, kept on stopping. */
#include <stdio.h>

#include "overlay/access.h"
#include "test/unit/storage/stored_net.h"
#include "usage/certificate/certificate_usage.h"

#define PEERS 5

static struct certificate_usage *usages[PEERS];

/* Runs the net for `seconds`, and the usages' timers as node/ does. */
static void run(struct stored_net *s, uint64_t seconds)
{
	for (uint64_t i = 0; i < 4 * seconds; i++) {
		for (size_t k = 0; k < PEERS; k++) {
			struct usage u = certificate_usage_port(usages[k]);

			if (instant_due(u.ops->deadline(u.ctx), net_now(s->n).mono))
				u.ops->expire(u.ctx, net_now(s->n));
			net_flush(s->n, k);
		}
		net_run(s->n, duration_ms(250));
	}
}

static struct stored_net *begin(void)
{
	struct stored_net *s = stored_net_new(PEERS, 21);

	for (size_t i = 0; i < PEERS; i++) {
		struct usage u;

		usages[i] = certificate_usage_new(net_peer(s->n, i));
		u = certificate_usage_port(usages[i]);
		ck_assert(instant_is_never(u.ops->deadline(u.ctx)));
		u.ops->joined(u.ctx, net_now(s->n));
	}
	run(s, 5);
	return s;
}

static void end(struct stored_net *s)
{
	for (size_t i = 0; i < PEERS; i++)
		certificate_usage_free(usages[i]);
	stored_net_free(s);
}

struct fetched {
	bool called;
	size_t existing;
	bool is_certificate; /* the first value is `of`'s certificate */
	struct slice certificate;
};

static void fetch_done(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct fetched *f = ctx;

	(void)now;
	f->called = true;
	for (size_t i = 0; i < result->count; i++)
		if (result->values[i].data.value.data.exists && f->existing++ == 0)
			f->is_certificate = slice_equal(result->values[i].data.value.data.value,
							f->certificate);
}

static bool fetch_is_done(struct net *n, void *ctx)
{
	(void)n;
	return ((struct fetched *)ctx)->called;
}

static struct fetched fetch(struct stored_net *s, size_t of, uint32_t kind)
{
	struct peer *p = net_peer(s->n, (of + 2) % PEERS);
	const struct security *own = peer_security(net_peer(s->n, of));
	struct resource_id resource = stored_net_resource(s, of);
	struct fetched f = { .certificate = own->ops->own_certificate(own->ctx) };

	if (kind == KIND_CERTIFICATE_BY_NODE)
		resource = security_resource_id(own, slice_of(net_node_id(s->n, of)->bytes,
							      NODE_ID_LENGTH));
	ck_assert_int_eq(resource_fetch(p, net_now(s->n), &resource, kind, fetch_done, &f), 0);
	net_flush(s->n, (of + 2) % PEERS);
	ck_assert(net_run_until(s->n, fetch_is_done, &f, duration_s(30)));
	return f;
}

static void expect_stored(struct stored_net *s)
{
	for (size_t i = 0; i < PEERS; i++) {
		struct fetched f = fetch(s, i, KIND_CERTIFICATE_BY_USER);

		ck_assert_uint_eq(f.existing, 1);
		ck_assert(f.is_certificate);
		f = fetch(s, i, KIND_CERTIFICATE_BY_NODE);
		ck_assert_uint_eq(f.existing, 1);
		ck_assert(f.is_certificate);
	}
}

START_TEST(certificates_are_stored_by_user_and_node)
{
	struct stored_net *s = begin();

	expect_stored(s);
	end(s);
}
END_TEST

START_TEST(certificates_are_refreshed_in_place)
{
	struct stored_net *s = begin();

	/* Beyond the lifetime of what was stored first, in steps that the usages take part in. */
	for (int hour = 0; hour < 30; hour++) {
		net_run(s->n, duration_s(3595));
		run(s, 5);
	}
	expect_stored(s);
	end(s);
}
END_TEST

static void stopped(void *ctx, struct now now)
{
	(void)now;
	++*(unsigned *)ctx;
}

START_TEST(certificates_outlive_stopping)
{
	struct stored_net *s = begin();
	unsigned calls = 0;

	for (size_t i = 0; i < PEERS; i++) {
		struct usage u = certificate_usage_port(usages[i]);

		u.ops->stop(u.ctx, net_now(s->n), stopped, &calls);
		ck_assert(instant_is_never(u.ops->deadline(u.ctx)));
	}
	ck_assert_uint_eq(calls, PEERS);
	run(s, 5);
	expect_stored(s);
	end(s);
}
END_TEST

START_TEST(freed_usage_is_not_called_back)
{
	struct stored_net *s = begin();
	struct usage u = certificate_usage_port(usages[0]);

	u.ops->joined(u.ctx, net_now(s->n));
	u.ops->expire(u.ctx, net_now(s->n));
	net_flush(s->n, 0);
	certificate_usage_free(usages[0]);
	usages[0] = certificate_usage_new(net_peer(s->n, 0));
	run(s, 5);
	expect_stored(s);
	end(s);
}
END_TEST

int main(void)
{
	return RUN_TESTS("certificate usage", certificates_are_stored_by_user_and_node,
			 certificates_are_refreshed_in_place, certificates_outlive_stopping,
			 freed_usage_is_not_called_back);
}
