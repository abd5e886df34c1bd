/* SPDX-License-Identifier: MIT */
/* Builds the world, lets time pass from action to action and second to second, and judges the end. */
#include "tools/sim/run.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "overlay/base/invariant.h"
#include "tools/sim/run_state.h"

/* A result goes through a pipe in one piece. */
_Static_assert(sizeof(struct run_result) <= PIPE_BUF, "a run's result is longer than a pipe takes at once");

static const struct run_watch *watch_of(const struct run *r)
{
	static const struct run_watch nobody;

	return r->options->watch != NULL ? r->options->watch : &nobody;
}

uint64_t run_now_ms(const struct run *r)
{
	return instant_since(world_now(r->world).mono, r->began).us / 1000;
}

void run_log(struct run *r, const char *event, const char *format, ...)
{
	const struct run_watch *watch = watch_of(r);
	char name[100], text[600];
	va_list args;

	if (watch->log == NULL)
		return;
	(void)snprintf(name, sizeof(name), "sim.%s", event);
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	watch->log(watch->ctx, world_now(r->world), SIZE_MAX, LOG_INFO, name, text);
}

/* ---- The world's hooks ---- */

static void on_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event, const char *text)
{
	struct run *r = ctx;

	(void)now; /* the node's own clock may be off: a trace goes by the world's */
	watch_of(r)->log(watch_of(r)->ctx, world_now(r->world), node, level, event, text);
}

static void on_stepped(void *ctx, struct world *w, size_t node)
{
	struct run *r = ctx;
	const struct run_watch *watch = watch_of(r);

	if (r->check != NULL)
		check_stepped(r->check, node);
	if (watch->second != NULL && instant_since(world_now(w).mono, r->began).us >= r->next_second_us) {
		r->next_second_us += 1000000;
		watch->second(watch->ctx, w);
	}
}

static bool on_intercept(void *ctx, struct world *w, size_t node, size_t from, struct slice *bytes)
{
	struct run *r = ctx;

	(void)w;
	return attacker_intercept(r->attacker, node, from, bytes);
}

static void on_started(void *ctx, struct world *w, size_t node)
{
	struct run *r = ctx;

	(void)w;
	if (r->attacker != NULL && r->is_hostile[node])
		attacker_set(r->attacker, node, r->behaviour);
}

/* ---- Making it ---- */

static struct net_weather weather_draw(const struct scenario *s, uint64_t seed, enum overlay_link_type *link)
{
	struct net_weather w = { 0 };
	struct prng chance;
	bool is_bad;

	scenario_chance(&chance, seed, PURPOSE_WEATHER);
	w.latency = duration_us((uint64_t)range_draw(s->latency_us, &chance));
	w.jitter = duration_us((uint64_t)range_draw(s->jitter_us, &chance));
	*link = s->link == SCENARIO_LINK_DATAGRAM ||
		(s->link == SCENARIO_LINK_EITHER && prng_below(&chance, 2) == 1) ?
			OVERLAY_LINK_DTLS_UDP_SR_NO_ICE : OVERLAY_LINK_TLS_TCP_FH_NO_ICE;
	is_bad = prng_below(&chance, 100) < (uint64_t)range_draw(s->weather_chance_percent, &chance);
	if (!is_bad)
		return w;
	w.loss_ppm = (uint32_t)range_draw(s->loss_ppm, &chance);
	w.duplicate_ppm = (uint32_t)range_draw(s->duplicate_ppm, &chance);
	w.reorder_ppm = (uint32_t)range_draw(s->reorder_ppm, &chance);
	w.flip_ppm = (uint32_t)range_draw(s->flip_ppm, &chance);
	w.bytes_per_s = (uint64_t)range_draw(s->bytes_per_s, &chance);
	w.mtu = (uint32_t)range_draw(s->mtu, &chance);
	return w;
}

static void make_world(struct run *r)
{
	const struct scenario *s = r->scenario;
	const struct run_watch *watch = watch_of(r);
	struct world_options options = { .seed = r->options->seed, .ctx = r };
	struct check_options checks = { .has_hostile = r->attacker != NULL || s->hostile_percent.high > 0 };

	r->weather = weather_draw(s, r->options->seed, &options.link_type);
	options.weather = r->weather;
	options.bootstrap_count = PLAN_BOOTSTRAP_NODES;
	options.disk = s->disk == SCENARIO_DISK_SQLITE ? DISK_SQLITE : DISK_MEMORY;
	options.hosts = s->hosts == SCENARIO_HOSTS_OVERLAY ? WORLD_HOSTS_OVERLAY
			: s->hosts == SCENARIO_HOSTS_DIRECT ? WORLD_HOSTS_DIRECT
							    : WORLD_HOSTS_NONE;
	options.real_security = s->security == SCENARIO_SECURITY_REAL;
	options.log_level = watch->log_level;
	options.log = watch->log != NULL ? on_log : NULL;
	options.stepped = on_stepped;
	options.started = on_started;
	options.intercept = s->hostile_percent.high > 0 ? on_intercept : NULL;
	r->world = world_new(&options);
	if (s->hostile_percent.high > 0)
		r->attacker = attacker_new(world_net(r->world), NULL);
	world_add_peers(r->world, r->result->peers);
	r->began = world_now(r->world).mono;
	checks.repair_window = duration_ms((uint64_t)s->repair_window_ms.high);
	checks.every_event = s->checks == SCENARIO_CHECKS_EVENT && r->result->peers <= 200;
	r->check = check_new(r->world, &checks);
	if (watch->made != NULL)
		watch->made(watch->ctx, r->world);
}

/* Some peers turn hostile, never those in the configuration: they are the operator's. */
static void make_hostile(struct run *r)
{
	size_t peers = r->result->peers, wanted;
	struct prng chance;

	if (r->attacker == NULL)
		return;
	scenario_chance(&chance, r->options->seed, PURPOSE_HOSTILE);
	wanted = peers * (size_t)range_draw(r->scenario->hostile_percent, &chance) / 100;
	if (strcmp(r->scenario->hostile_behaviour, "any") == 0)
		r->behaviour = (enum attacker_behaviour)(1 + prng_below(&chance, ATTACKER_COUNT - 1));
	if (r->scenario->hostile_at == SCENARIO_PLACE_CLUSTER) {
		size_t victim = (size_t)prng_below(&chance, peers);

		(void)attacker_set_cluster(r->attacker, net_node_id(world_net(r->world), victim), wanted, r->behaviour);
	}
	while (r->scenario->hostile_at == SCENARIO_PLACE_RANDOM && wanted > 0 && peers > PLAN_BOOTSTRAP_NODES) {
		size_t node = PLAN_BOOTSTRAP_NODES + (size_t)prng_below(&chance, peers - PLAN_BOOTSTRAP_NODES);

		if (r->is_hostile[node])
			continue;
		r->is_hostile[node] = true;
		wanted--;
		if (net_is_running(world_net(r->world), node))
			attacker_set(r->attacker, node, r->behaviour);
	}
	for (size_t i = 0; i < peers; i++) {
		if (attacker_of(r->attacker, i) != ATTACKER_HONEST)
			r->is_hostile[i] = true;
		if (!r->is_hostile[i])
			continue;
		r->result->hostile++;
		check_set_hostile(r->check, i);
		if (watch_of(r)->hostile != NULL)
			watch_of(r)->hostile(watch_of(r)->ctx, i);
	}
	run_log(r, "hostile", "count=%zu behaviour=%s", r->result->hostile, attacker_name(r->behaviour));
}

static void load_begin(struct run *r)
{
	uint64_t peers = r->result->peers;
	struct prng chance;
	uint64_t stores, lookups, lifetime;

	scenario_chance(&chance, r->options->seed, PURPOSE_LOAD);
	stores = (uint64_t)range_draw(r->scenario->stores_per_peer_hour, &chance) * peers * 1000 / 3600;
	lookups = (uint64_t)range_draw(r->scenario->lookups_per_peer_hour, &chance) * peers * 1000 / 3600;
	lifetime = (uint64_t)range_draw(r->scenario->lifetime_s, &chance);
	world_set_load(r->world, (uint32_t)stores, (uint32_t)lookups, (uint32_t)lifetime);
}

/* ---- Letting it run ---- */

static void violations_tell(struct run *r)
{
	const struct run_watch *watch = watch_of(r);

	for (; r->violations_told < check_violation_count(r->check); r->violations_told++) {
		const struct violation *v = check_violation(r->check, r->violations_told);

		run_log(r, "violation", "check=%s node=%lld at_ms=%llu %s", check_name(v->check),
			v->node == SIZE_MAX ? -1LL : (long long)v->node, (unsigned long long)v->at_ms, v->text);
		if (watch->violated != NULL)
			watch->violated(watch->ctx, v);
	}
}

static void turn(struct run *r, const char *what)
{
	const struct run_watch *watch = watch_of(r);

	run_log(r, what, "peers=%zu", r->result->peers);
	if (watch->turn != NULL)
		watch->turn(watch->ctx, r->world, what);
}

/* To that time, looking at everything once a second on the way, and at actions that are over. */
static void run_to(struct run *r, uint64_t until_ms)
{
	for (;;) {
		uint64_t now = run_now_ms(r), next = (now / 1000 + 1) * 1000, end = run_next_end_ms(r);

		if (end < next)
			next = end;
		if (until_ms < next)
			next = until_ms;
		if (next > now)
			world_run(r->world, duration_ms(next - now));
		run_end_due(r, false);
		if (next % 1000 == 0 && next > now)
			check_second(r->check);
		violations_tell(r);
		if (next >= until_ms)
			return;
	}
}

/* The plan up to that time. */
static void perform_to(struct run *r, size_t *at, uint64_t until_ms)
{
	for (; *at < r->plan.count && r->plan.actions[*at].at_ms <= until_ms; (*at)++) {
		if (r->plan.actions[*at].at_ms > run_now_ms(r))
			run_to(r, r->plan.actions[*at].at_ms);
		run_perform(r, &r->plan.actions[*at]);
	}
	if (run_now_ms(r) < until_ms)
		run_to(r, until_ms);
}

static void trouble(struct run *r)
{
	const struct plan_times *t = &r->times;
	uint64_t heap;
	size_t at = 0;

	while (at < r->plan.count && r->plan.actions[at].at_ms < t->trouble_from_ms) {
		uint64_t next = r->plan.actions[at].at_ms;

		perform_to(r, &at, next);
	}
	if (run_now_ms(r) < t->trouble_from_ms)
		run_to(r, t->trouble_from_ms);
	heap = r->options->measure_memory ? run_heap_bytes() : 0;
	r->result->memory_per_peer = heap > r->heap_before ? (heap - r->heap_before) / r->result->peers : 0;
	turn(r, "formed");
	make_hostile(r);
	if (t->trouble_until_ms > t->trouble_from_ms)
		load_begin(r);
	perform_to(r, &at, t->trouble_from_ms + (t->trouble_until_ms - t->trouble_from_ms) / 2);
	turn(r, "halfway");
	perform_to(r, &at, t->trouble_until_ms);
	run_end_due(r, true);
	world_set_load(r->world, 0, 0, 1);
	turn(r, "faults-stop");
}

/* What the run itself finds wrong. */
static void __attribute__((format(printf, 3, 4))) violation_own(struct run *r, enum check_id check,
								const char *format, ...)
{
	struct run_result *out = r->result;
	struct violation *v = &out->violations[out->violation_count];
	va_list args;

	invariant(out->violation_count < RUN_VIOLATIONS_KEPT);
	*v = (struct violation){ .check = check, .at_ms = run_now_ms(r), .node = SIZE_MAX };
	va_start(args, format);
	(void)vsnprintf(v->text, sizeof(v->text), format, args);
	va_end(args);
	out->violation_count++;
	run_log(r, "violation", "check=%s node=-1 at_ms=%llu %s", check_name(v->check), (unsigned long long)v->at_ms,
		v->text);
	if (watch_of(r)->violated != NULL)
		watch_of(r)->violated(watch_of(r)->ctx, v);
}

/* Among hostile peers not every lookup can succeed, but a share of them must. */
static void judge_lookups(struct run *r)
{
	uint64_t judged = 0, wanted = (uint64_t)r->scenario->found_ppm.high;
	struct world_totals totals;
	double low, high;

	world_totals(r->world, &totals);
	for (int i = 0; i < LOOKUP_EXCUSED; i++)
		judged += totals.lookups[i];
	run_wilson(totals.lookups[LOOKUP_FOUND], judged, &low, &high);
	if (judged == 0 || high * 1e6 >= (double)wanted)
		return;
	violation_own(r, CHECK_FOUND, "%llu of %llu lookups found what they should, not %llu.%02llu %%",
		      (unsigned long long)totals.lookups[LOOKUP_FOUND], (unsigned long long)judged,
		      (unsigned long long)(wanted / 10000), (unsigned long long)(wanted % 10000 / 100));
}

/* All of them, however long the last one took; and their mean. */
static void judge_exchanges(struct run *r)
{
	uint64_t lookups = (uint64_t)r->scenario->exchange_lookups.high, limit, took;
	struct world_exchanges x;
	struct world_totals totals;

	world_totals(r->world, &totals);
	world_exchanges(r->world, &x);
	if (lookups == 0)
		return;
	limit = lookups * totals.lookup_us_mean + 2 * x.times.round_trip_us;
	took = x.times.mean_us[EXCHANGE_R2];
	if (x.made != x.asked)
		violation_own(r, CHECK_EXCHANGES, "%llu of %llu base exchanges were made, %llu failed",
			      (unsigned long long)x.made, (unsigned long long)x.asked, (unsigned long long)x.failed);
	else if (took > limit)
		violation_own(r, CHECK_EXCHANGES, "a base exchange took %llu us, more than %llu lookups of %llu us and "
			      "two round trips of %llu us", (unsigned long long)took, (unsigned long long)lookups,
			      (unsigned long long)totals.lookup_us_mean, (unsigned long long)x.times.round_trip_us);
}

static void judge(struct run *r)
{
	const struct scenario *s = r->scenario;
	bool was_partitioned = r->result->actions[ACTION_PARTITION] > 0;
	uint64_t ideal = (uint64_t)(was_partitioned ? s->after_partition_ms.high : s->ideal_ms.high);
	uint64_t placed = (uint64_t)(was_partitioned ? s->after_partition_ms.high : s->placed_ms.high);

	judge_lookups(r);
	judge_exchanges(r);
	check_disturbed(r->check);
	check_liveness(r->check, duration_ms(ideal), duration_ms(placed), &r->result->liveness);
	violations_tell(r);
	if (r->attacker == NULL)
		check_all_found(r->check);
	violations_tell(r);
	run_measure_hops(r);
	if (s->rest_ms.high > 0)
		run_measure_rest(r, (uint64_t)s->rest_ms.high);
	turn(r, "end");
}

static void result_fill(struct run *r)
{
	struct run_result *out = r->result;
	struct net *n = world_net(r->world);

	out->virtual_us = instant_since(world_now(r->world).mono, r->began).us;
	out->events = net_event_count(n);
	out->trace_hash = net_trace_hash(n);
	out->checks = check_count(r->check);
	net_statistics(n, &out->statistics);
	world_totals(r->world, &out->totals);
	world_exchanges(r->world, &out->exchanges);
	out->records = world_record_count(r->world);
	for (size_t i = 0; i < check_violation_count(r->check); i++, out->violation_count++)
		if (out->violation_count < RUN_VIOLATIONS_KEPT)
			out->violations[out->violation_count] = *check_violation(r->check, i);
	if (r->attacker != NULL)
		attacker_totals(r->attacker, &out->attacks);
}

int run_check(const struct scenario *s, const struct run_options *o, char *detail, size_t size)
{
	size_t peers = o->peers != 0 ? o->peers : (size_t)s->peers.high;

	if (s->hostile_percent.high > 0 && strcmp(s->hostile_behaviour, "any") != 0 &&
	    attacker_named(s->hostile_behaviour) == ATTACKER_COUNT)
		(void)snprintf(detail, size, "%s: there is no hostile behaviour \"%s\"", s->name, s->hostile_behaviour);
	else if (s->security == SCENARIO_SECURITY_REAL && peers > 200)
		(void)snprintf(detail, size, "%s: more than 200 peers with real security", s->name);
	else
		return 0;
	return ERR_CONFIG;
}

int run_scenario(const struct scenario *s, const struct run_options *options, struct run_result *out, char *detail,
		 size_t detail_size)
{
	struct run r = { .scenario = s, .options = options, .result = out };
	uint64_t wall = run_wall_us(), cpu = run_cpu_us();
	int err = run_check(s, options, detail, detail_size);

	memset(out, 0, sizeof(*out));
	out->seed = options->seed;
	out->peers = options->peers != 0 ? options->peers : scenario_peers(s, options->seed);
	if (err != 0)
		return err;
	plan_draw(&r.plan, s, options->seed, out->peers, options->duration_ms, &r.times);
	out->plan_count = r.plan.count;
	if (options->keep != NULL)
		err = plan_keep(&r.plan, options->keep);
	if (err != 0) {
		(void)snprintf(detail, detail_size, "\"%s\" is not a list of actions like 0-11,14", options->keep);
		plan_free(&r.plan);
		return err;
	}
	r.is_hostile = memory_alloc(out->peers);
	r.behaviour = attacker_named(s->hostile_behaviour);
	if (options->measure_memory)
		r.heap_before = run_heap_bytes();
	make_world(&r);
	trouble(&r);
	judge(&r);
	result_fill(&r);
	check_free(r.check);
	r.check = NULL;
	if (options->measure_memory && r.attacker == NULL)
		run_measure_memory(&r);
	if (r.attacker != NULL)
		attacker_free(r.attacker);
	world_free(r.world);
	plan_free(&r.plan);
	free(r.is_hostile);
	free(r.ends);
	out->wall_us = run_wall_us() - wall;
	out->cpu_us = run_cpu_us() - cpu;
	return 0;
}

static void read_whole(int fd, void *to, size_t size, size_t *got)
{
	ssize_t n;

	*got = 0;
	while (*got < size && (n = read(fd, (uint8_t *)to + *got, size - *got)) > 0)
		*got += (size_t)n;
}

int run_isolated(const struct scenario *s, const struct run_options *options, unsigned wall_limit_s,
		 struct run_result *out, int *signal_number)
{
	char detail[300];
	int ends[2], status = 0;
	size_t got;
	pid_t child;

	*signal_number = 0;
	if (run_check(s, options, detail, sizeof(detail)) != 0)
		return ERR_CONFIG;
	invariant(pipe(ends) == 0);
	child = fork();
	invariant(child >= 0);
	if (child == 0) {
		close(ends[0]);
		alarm(wall_limit_s);
		if (run_scenario(s, options, out, detail, sizeof(detail)) != 0 ||
		    write(ends[1], out, sizeof(*out)) != (ssize_t)sizeof(*out))
			_exit(2);
		_exit(0);
	}
	close(ends[1]);
	read_whole(ends[0], out, sizeof(*out), &got);
	close(ends[0]);
	invariant(waitpid(child, &status, 0) == child);
	if (got == sizeof(*out))
		return 0;
	memset(out, 0, sizeof(*out));
	out->seed = options->seed;
	/* A sanitizer ends a process with an exit code of its own. */
	*signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : SIGABRT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 2 ? ERR_CONFIG : 0;
}
