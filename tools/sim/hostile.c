/* SPDX-License-Identifier: MIT */
/* sim-hostile: lookups in an overlay of which a share is hostile, counted.
 *
 *   sim-hostile --peers 1000 --share 30 --behaviour misroute --lookups 10000 --seed 1 [--plain] [--warm 20]
 *
 * All peers join and store one record each while all behave (a hostile owner that never stored anything would be
 * another experiment), then the share turns hostile, honest peers make `warm` lookups each that are not counted, and
 * then those that are. --plain: RFC 6940's routing and one request a lookup. Prints one line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"
#include "overlay/resource.h"
#include "storage/storage.h"
#include "tools/sim/attacker.h"

#define HOSTILE_KIND 0xf0000001u
#define HOSTILE_GAP_MS 10 /* between two lookups */
#define HOSTILE_LIFETIME_S 100000

struct experiment {
	struct net *n;
	struct attacker *attacker;
	struct configuration *configuration;
	struct backend *backends;
	size_t *honest; /* owned: nodes */
	size_t honest_count;
	size_t peers, share, lookups, warm;
	uint64_t seed;
	bool is_plain;
	enum attacker_behaviour behaviour;
	bool is_counting;
	size_t stored, store_failures;
	/* Counted. */
	uint64_t asked, done, found, stale, nothing, failed, possible;
	uint32_t *requests; /* owned: of each counted lookup */
	uint64_t *us;       /* owned: its time */
	struct topology_ops *plain_ops; /* owned: CHORD-RELOAD without next_hops and known owners */
	const struct topology_ops *chord_ops;
};

struct one_lookup {
	struct experiment *x;
	size_t of;
	bool counts;
};

static void *hostile_storage_new(void *ctx, struct net *n, size_t node, struct peer *p, struct now now)
{
	struct experiment *x = ctx;
	struct storage *s;

	(void)n;
	x->backends[node] = backend_memory();
	invariant(storage_new(&s, p, &x->backends[node], now) == 0);
	return s;
}

static void hostile_storage_free(void *ctx, void *s)
{
	(void)ctx;
	storage_free(s);
}

static bool hostile_intercept(void *ctx, struct net *n, size_t node, size_t from, struct slice *bytes)
{
	struct experiment *x = ctx;

	(void)n;
	return x->attacker == NULL || attacker_intercept(x->attacker, node, from, bytes);
}

static void hostile_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
			const char *text)
{
	(void)ctx;
	(void)level;
	if (strncmp(event, "lookup", 6) == 0)
		fprintf(stderr, "%10.3f %4zu %s %s\n", (double)now.mono.us / 1e6, node, event, text);
}

static struct experiment *experiment_new(struct experiment *x)
{
	static const struct kind kind = { .id = HOSTILE_KIND, .model = DATA_MODEL_SINGLE, .max_count = 1,
					  .access = ACCESS_USER_MATCH, .max_size = 1000 };
	struct net_options options = {
		.seed = x->seed,
		.log_level = LOG_INFO,
		.hooks = { .storage_new = hostile_storage_new, .storage_free = hostile_storage_free,
			   .intercept = hostile_intercept },
		.ctx = x,
	};

	if (getenv("SIM_HOSTILE_LOG") != NULL)
		options.hooks.log = hostile_log;
	x->configuration = memory_alloc(sizeof(*x->configuration));
	x->backends = memory_alloc(x->peers * sizeof(*x->backends));
	x->honest = memory_alloc(x->peers * sizeof(*x->honest));
	x->requests = memory_alloc(x->lookups * sizeof(*x->requests));
	x->us = memory_alloc(x->lookups * sizeof(*x->us));
	configuration_init(x->configuration);
	invariant(kind_add(&x->configuration->kinds, &kind) == 0);
	snprintf(x->configuration->overlay_name, sizeof(x->configuration->overlay_name), "example.org");
	options.configuration = x->configuration;
	x->n = net_new(&options);
	net_add_peers(x->n, x->peers);
	return x;
}

static void experiment_form(struct experiment *x)
{
	for (size_t i = 0; i < x->peers; i++) {
		net_start(x->n, i);
		net_run(x->n, duration_ms(i < 20 ? 500 : 60));
	}
	for (unsigned i = 0; i < 60 && !net_ring_is_ideal(x->n, NULL); i++)
		net_run(x->n, duration_s(10));
	fprintf(stderr, "ring: %s at %.0f s\n", net_ring_is_ideal(x->n, NULL) ? "ideal" : net_ring_fault(x->n),
		(double)net_now(x->n).mono.us / 1e6);
	/* Fingers. */
	net_run(x->n, duration_s(60));
}

static struct resource_id experiment_resource(struct experiment *x, size_t node)
{
	char user[64];

	snprintf(user, sizeof(user), "user%zu@example.org", node);
	return access_user_resource(peer_security(net_peer(x->n, node)), user);
}

static void experiment_stored(void *ctx, struct now now, const struct resource_store_result *result)
{
	struct experiment *x = ctx;

	(void)now;
	if (result->err == 0 && result->replica_count == 2)
		x->stored++;
	else
		x->store_failures++;
}

static void experiment_store(struct experiment *x, const char *text)
{
	for (size_t i = 0; i < x->peers; i++) {
		struct resource_id resource = experiment_resource(x, i);
		struct resource_value value = { .exists = true, .value = slice_text(text),
						.lifetime_s = HOSTILE_LIFETIME_S };

		if (resource_store(net_peer(x->n, i), net_now(x->n), &resource, HOSTILE_KIND, &value, 1,
				   experiment_stored, x) != 0)
			x->store_failures++;
		net_flush(x->n, i);
		net_run(x->n, duration_ms(20));
	}
	net_run(x->n, duration_s(20));
}

/* ---- RFC 6940's routing ---- */

/* 10.3: the Node-ID itself when linked, else the largest in (self, target) of the Routing Table, else the smallest
 * behind the target. */
static bool plain_next_hop(void *ctx, const struct node_id *target, struct node_id *hop);
static struct experiment *plain_experiment; /* topology_ops carry the plug-in's context, not ours */

static void plain_consider(const struct node_id *self, const struct node_id *target, const struct node_id *id,
			   struct node_id *before, struct node_id *behind)
{
	if (node_id_is_zero(id) || node_id_equal(id, self))
		return;
	if (node_id_between(id, self, target)) {
		if (node_id_is_zero(before) || node_id_between(id, before, target))
			*before = *id;
	} else if (node_id_is_zero(behind) || node_id_between(id, target, behind)) {
		*behind = *id;
	}
}

static bool plain_next_hop(void *ctx, const struct node_id *target, struct node_id *hop)
{
	const struct topology_ops *ops = plain_experiment->chord_ops;
	struct node_id before = { { 0 } }, behind = { { 0 } }, usual;
	struct topology_view view;

	if (!ops->next_hop(ctx, target, &usual))
		return false;
	*hop = usual;
	if (node_id_equal(&usual, target))
		return true;
	ops->view(ctx, &view);
	/* A node's own place follows from its neighbours: it is before its first successor. */
	for (size_t i = 0; i < net_count(plain_experiment->n); i++) {
		const struct topology *t = peer_topology(net_peer(plain_experiment->n, i));

		if (t->ctx != ctx)
			continue;
		for (size_t k = 0; k < view.successor_count; k++)
			plain_consider(net_node_id(plain_experiment->n, i), target, &view.successors[k], &before,
				       &behind);
		for (size_t k = 0; k < view.predecessor_count; k++)
			plain_consider(net_node_id(plain_experiment->n, i), target, &view.predecessors[k], &before,
				       &behind);
		for (size_t k = 0; k < view.finger_count; k++)
			plain_consider(net_node_id(plain_experiment->n, i), target, &view.fingers[k], &before,
				       &behind);
		break;
	}
	*hop = !node_id_is_zero(&before) ? before : !node_id_is_zero(&behind) ? behind : usual;
	return true;
}

static void experiment_make_plain(struct experiment *x)
{
	plain_experiment = x;
	x->plain_ops = memory_alloc(sizeof(*x->plain_ops));
	x->chord_ops = peer_topology(net_peer(x->n, 0))->ops;
	*x->plain_ops = *x->chord_ops;
	x->plain_ops->next_hops = NULL;
	x->plain_ops->next_hop = plain_next_hop;
	for (size_t i = 0; i < x->peers; i++)
		peer_set_topology(net_peer(x->n, i), x->plain_ops, peer_topology(net_peer(x->n, i))->ctx);
}

/* ---- Hostility and lookups ---- */

static void experiment_turn(struct experiment *x)
{
	struct prng *chance = net_chance(x->n, NET_CHANCE_FAULTS);
	size_t wanted = x->peers * x->share / 100;
	size_t count = 0;

	while (count < wanted) {
		size_t node = (size_t)prng_below(chance, x->peers);

		if (attacker_of(x->attacker, node) != ATTACKER_HONEST)
			continue;
		attacker_set(x->attacker, node, x->behaviour);
		count++;
	}
}

static void experiment_find_honest(struct experiment *x)
{
	for (size_t i = 0; i < x->peers; i++)
		if (attacker_of(x->attacker, i) == ATTACKER_HONEST)
			x->honest[x->honest_count++] = i;
}

/* One of the three holders is honest. */
static bool experiment_is_possible(struct experiment *x, size_t of)
{
	struct resource_id resource = experiment_resource(x, of);
	struct node_id point;

	invariant(node_id_from_resource_id(&resource, &point) == 0);
	for (unsigned i = 0; i < 3; i++) {
		size_t holder = net_owner(x->n, &point);

		if (attacker_of(x->attacker, holder) == ATTACKER_HONEST)
			return true;
		point = node_id_next(net_node_id(x->n, holder));
	}
	return false;
}

static void experiment_count(struct experiment *x, const struct resource_fetch_result *result, const char *verdict)
{
	x->requests[x->done] = (uint32_t)result->requests;
	x->us[x->done] = result->round_trip.us;
	x->done++;
	x->found += strcmp(verdict, "found") == 0;
	x->stale += strcmp(verdict, "stale") == 0;
	x->nothing += strcmp(verdict, "nothing") == 0;
	x->failed += strcmp(verdict, "failed") == 0;
}

static void experiment_fetched(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct one_lookup *one = ctx;
	const char *verdict = result->err != 0 ? "failed" : "nothing";

	(void)now;
	for (size_t i = 0; result->err == 0 && i < result->count; i++) {
		if (result->values[i].is_synthetic || !result->values[i].data.value.data.exists)
			continue;
		verdict = slice_equal(result->values[i].data.value.data.value, slice_text("new")) ? "found" : "stale";
	}
	if (one->counts)
		experiment_count(one->x, result, verdict);
	free(one);
}

static void experiment_lookups(struct experiment *x, size_t count, bool counts)
{
	struct prng *chance = net_chance(x->n, NET_CHANCE_WORKLOAD);

	for (size_t i = 0; i < count; i++) {
		struct one_lookup *one = memory_alloc(sizeof(*one));
		size_t from = x->honest[prng_below(chance, x->honest_count)];
		size_t of = x->honest[prng_below(chance, x->honest_count)];
		struct resource_id resource = experiment_resource(x, of);
		const struct resource_fetch_options options = { .plain = x->is_plain };

		*one = (struct one_lookup){ x, of, counts };
		x->asked += counts;
		x->possible += counts && experiment_is_possible(x, of);
		if (resource_fetch_with(net_peer(x->n, from), net_now(x->n), &resource, HOSTILE_KIND, &options,
					experiment_fetched, one) != 0) {
			const struct resource_fetch_result none = { .err = ERR_NO_ROUTE };

			experiment_fetched(one, net_now(x->n), &none);
		}
		net_flush(x->n, from);
		net_run(x->n, duration_ms(HOSTILE_GAP_MS));
	}
	net_run(x->n, duration_s(20));
}

static int hostile_compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int hostile_compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Wilson's interval at 95 %, without libm: the root by Newton. For the report alone. */
static double hostile_root(double v)
{
	double r = v > 1 ? v : 1;

	for (int i = 0; i < 60; i++)
		r = (r + v / r) / 2;
	return v <= 0 ? 0 : r;
}

static uint64_t experiment_messages(struct experiment *x)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < x->peers; i++)
		sum += peer_counters(net_peer(x->n, i))->messages_sent +
		       peer_counters(net_peer(x->n, i))->messages_forwarded;
	return sum;
}

static void experiment_report(struct experiment *x, uint64_t messages)
{
	double n = (double)x->done, p = (double)x->found / n, z = 1.96;
	double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
	double half = z * hostile_root(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
	double mean = 0, one = 0;

	for (size_t i = 0; i < x->done; i++) {
		mean += x->requests[i];
		one += x->requests[i] == 1;
	}
	qsort(x->requests, x->done, sizeof(x->requests[0]), hostile_compare_u32);
	qsort(x->us, x->done, sizeof(x->us[0]), hostile_compare_u64);
	printf("peers=%zu share=%zu behaviour=%s plain=%d seed=%llu lookups=%llu found=%.2f%% interval=%.2f-%.2f "
	       "bound=%.2f%% stale=%.2f%% nothing=%.2f%% failed=%.2f%% one_request=%.2f%% requests_median=%u p90=%u "
	       "p99=%u mean=%.2f "
	       "ms_median=%.0f p90=%.0f p99=%.0f messages_per_lookup=%.1f stores_protected=%zu\n",
	       x->peers, x->share, attacker_name(x->behaviour), x->is_plain, (unsigned long long)x->seed,
	       (unsigned long long)x->done, 100 * p, 100 * (middle - half), 100 * (middle + half),
	       100 * (double)x->possible / (double)x->asked, 100 * (double)x->stale / n,
	       100 * (double)x->nothing / n, 100 * (double)x->failed / n, 100 * one / n, x->requests[x->done / 2],
	       x->requests[x->done * 9 / 10], x->requests[x->done * 99 / 100], mean / n,
	       (double)x->us[x->done / 2] / 1000, (double)x->us[x->done * 9 / 10] / 1000,
	       (double)x->us[x->done * 99 / 100] / 1000, (double)messages / n, x->stored);
	fflush(stdout);
}

static void experiment_run(struct experiment *x)
{
	uint64_t before, idle;

	experiment_form(x);
	x->attacker = attacker_new(x->n, NULL);
	if (x->behaviour == ATTACKER_STALE)
		experiment_turn(x);
	experiment_store(x, "old");
	experiment_store(x, "new");
	if (x->behaviour != ATTACKER_STALE)
		experiment_turn(x);
	experiment_find_honest(x);
	if (x->is_plain)
		experiment_make_plain(x);
	if (x->behaviour == ATTACKER_SLEEPER)
		net_run(x->n, duration_s(300));
	experiment_lookups(x, x->warm * x->honest_count, false);
	/* What the ring says without lookups is no cost of theirs. */
	idle = experiment_messages(x);
	net_run(x->n, duration_s(30));
	before = experiment_messages(x);
	idle = (before - idle) * (x->lookups * HOSTILE_GAP_MS / 1000 + 20) / 30;
	experiment_lookups(x, x->lookups, true);
	experiment_report(x, experiment_messages(x) - before > idle ? experiment_messages(x) - before - idle : 0);
}

static bool experiment_options(struct experiment *x, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "peers", 1, NULL, 'p' },   { "share", 1, NULL, 's' }, { "behaviour", 1, NULL, 'b' },
		{ "lookups", 1, NULL, 'l' }, { "seed", 1, NULL, 'e' },  { "warm", 1, NULL, 'w' },
		{ "plain", 0, NULL, 'P' },   { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'p': x->peers = strtoul(optarg, NULL, 10); break;
		case 's': x->share = strtoul(optarg, NULL, 10); break;
		case 'b': x->behaviour = attacker_named(optarg); break;
		case 'l': x->lookups = strtoul(optarg, NULL, 10); break;
		case 'e': x->seed = strtoull(optarg, NULL, 10); break;
		case 'w': x->warm = strtoul(optarg, NULL, 10); break;
		case 'P': x->is_plain = true; break;
		default: return false;
		}
	}
	return x->peers >= 4 && x->share < 100 && x->lookups > 0 && x->behaviour != ATTACKER_COUNT;
}

int main(int argc, char **argv)
{
	struct experiment x = { .peers = 1000, .share = 30, .behaviour = ATTACKER_MISROUTE, .lookups = 10000,
				.seed = 1, .warm = 20 };

	if (!experiment_options(&x, argc, argv)) {
		fprintf(stderr, "usage: sim-hostile [--peers N] [--share PERCENT] [--behaviour WORD] [--lookups N] "
				"[--seed S] [--warm N] [--plain]\n");
		return 2;
	}
	experiment_new(&x);
	experiment_run(&x);
	net_free(x.n);
	attacker_free(x.attacker);
	for (size_t i = 0; i < x.peers; i++)
		if (x.backends[i].ops != NULL)
			x.backends[i].ops->close(x.backends[i].ctx);
	free(x.configuration);
	free(x.backends);
	free(x.honest);
	free(x.requests);
	free(x.us);
	free(x.plain_ops);
	return 0;
}
