/* SPDX-License-Identifier: MIT */
/* Sums and their printing. */
#include "tools/sim/report.h"

#include <jansson.h>
#include <string.h>

static const char *const verdicts[] = { "found", "stale", "missed", "failed", "excused" };

void report_init(struct report *r, const char *scenario)
{
	memset(r, 0, sizeof(*r));
	r->scenario = scenario;
}

static void seed_add(struct report *r, uint64_t seed)
{
	if (r->seeds == 0 || seed < r->first_seed)
		r->first_seed = seed;
	if (seed > r->last_seed)
		r->last_seed = seed;
	r->seeds++;
}

static void statistics_add(struct net_statistics *to, const struct net_statistics *s)
{
	to->messages += s->messages;
	to->bytes += s->bytes;
	to->lost += s->lost;
	to->duplicated += s->duplicated;
	to->reordered += s->reordered;
	to->flipped += s->flipped;
	to->links_opened += s->links_opened;
	to->links_broken += s->links_broken;
	to->peer_seconds += s->peer_seconds;
}

static void most(uint64_t *to, uint64_t value)
{
	if (value > *to)
		*to = value;
}

static void totals_add(struct world_totals *to, const struct world_totals *t)
{
	to->stores += t->stores;
	to->stores_protected += t->stores_protected;
	to->stores_unprotected += t->stores_unprotected;
	to->stores_failed += t->stores_failed;
	for (int i = 0; i <= LOOKUP_EXCUSED; i++)
		to->lookups[i] += t->lookups[i];
	most(&to->lookup_us_p50, t->lookup_us_p50);
	most(&to->lookup_us_p99, t->lookup_us_p99);
	to->starts_refused += t->starts_refused;
	to->disk_crashes += t->disk_crashes;
}

static void attacks_add(struct attacker_totals *to, const struct attacker_totals *t)
{
	to->dropped += t->dropped;
	to->lies += t->lies;
	to->stale_answers += t->stale_answers;
	to->false_routes += t->false_routes;
	to->false_updates += t->false_updates;
	to->false_leaves += t->false_leaves;
	to->impersonations += t->impersonations;
}

void report_add(struct report *r, const struct run_result *result)
{
	seed_add(r, result->seed);
	r->failed += result->violation_count > 0;
	r->virtual_us += result->virtual_us;
	r->peer_seconds += result->statistics.peer_seconds;
	r->cpu_us += result->cpu_us;
	r->events += result->events;
	r->checks += result->checks;
	r->violations += result->violation_count;
	for (int k = 0; k < ACTION_COUNT; k++)
		r->actions[k] += result->actions[k];
	statistics_add(&r->statistics, &result->statistics);
	totals_add(&r->totals, &result->totals);
	attacks_add(&r->attacks, &result->attacks);
	r->records += result->records;
	most(&r->ideal_us_most, result->liveness.ideal_after.us);
	most(&r->placed_us_most, result->liveness.placed_after.us);
	r->never_ideal += !result->liveness.is_ideal;
	r->never_placed += !result->liveness.is_placed;
	/* A sum over the seeds, so that it does not matter which process was first. */
	r->hash += result->trace_hash;
	r->one = *result;
}

void report_add_crash(struct report *r, uint64_t seed)
{
	seed_add(r, seed);
	r->failed++;
	r->crashed++;
}

/* Of processor time, so that it does not matter what else the machine does. */
static uint64_t events_per_s(const struct report *r)
{
	return r->cpu_us == 0 ? 0 : (uint64_t)((double)r->events * 1e6 / (double)r->cpu_us);
}

static bool is_fault(int kind)
{
	return kind != ACTION_START && kind != ACTION_REGISTER && kind != ACTION_UNREGISTER &&
	       kind != ACTION_LOOKUP && kind != ACTION_ASSOCIATE;
}

/* {"kill": 3, ...} of those that happened, with what the weather did. */
static json_t *faults_json(const struct report *r)
{
	const struct net_statistics *s = &r->statistics;
	json_t *faults = json_object();

	for (int k = 0; k < ACTION_COUNT; k++)
		if (is_fault(k) && r->actions[k] != 0)
			json_object_set_new(faults, action_name((enum action_kind)k),
					    json_integer((json_int_t)r->actions[k]));
	if (s->lost != 0)
		json_object_set_new(faults, "lost", json_integer((json_int_t)s->lost));
	if (s->duplicated != 0)
		json_object_set_new(faults, "duplicated", json_integer((json_int_t)s->duplicated));
	if (s->reordered != 0)
		json_object_set_new(faults, "reordered", json_integer((json_int_t)s->reordered));
	if (s->flipped != 0)
		json_object_set_new(faults, "flipped", json_integer((json_int_t)s->flipped));
	return faults;
}

void report_line(const struct report *r, FILE *out)
{
	json_t *faults = faults_json(r), *value;
	const char *name, *separator = "";

	fprintf(out, "%s %s: ", report_revision, r->scenario);
	if (r->first_seed == r->last_seed)
		fprintf(out, "seed %llu", (unsigned long long)r->first_seed);
	else
		fprintf(out, "%llu seeds %llu..%llu", (unsigned long long)r->seeds,
			(unsigned long long)r->first_seed, (unsigned long long)r->last_seed);
	fprintf(out, ", %.2f virtual h, %.2f peer-h, %llu events, %llu messages, faults {",
		(double)r->virtual_us / 3600e6, (double)r->peer_seconds / 3600, (unsigned long long)r->events,
		(unsigned long long)r->statistics.messages);
	json_object_foreach(faults, name, value) {
		fprintf(out, "%s%s %lld", separator, name, (long long)json_integer_value(value));
		separator = ", ";
	}
	fprintf(out, "}, %llu checked, %llu violations", (unsigned long long)r->checks,
		(unsigned long long)r->violations);
	if (r->crashed != 0)
		fprintf(out, ", %llu CRASHED", (unsigned long long)r->crashed);
	fprintf(out, ", %.2f s wall, %.2f s cpu, %llu events/s of cpu, trace %016llx\n", (double)r->wall_us / 1e6,
		(double)r->cpu_us / 1e6,
		(unsigned long long)events_per_s(r), (unsigned long long)r->hash);
	json_decref(faults);
}

static void lookups_print(const struct report *r, FILE *out)
{
	const struct world_totals *t = &r->totals;
	uint64_t judged = 0;
	double low, high;

	for (int i = 0; i < LOOKUP_EXCUSED; i++)
		judged += t->lookups[i];
	if (judged == 0 && t->lookups[LOOKUP_EXCUSED] == 0)
		return;
	run_wilson(t->lookups[LOOKUP_FOUND], judged, &low, &high);
	fprintf(out, "lookups   ");
	for (int i = 0; i <= LOOKUP_EXCUSED; i++)
		fprintf(out, " %s %llu", verdicts[i], (unsigned long long)t->lookups[i]);
	fprintf(out, "; %.4f %% found (95 %%: %.4f to %.4f), median %.1f ms, p99 %.1f ms\n",
		judged == 0 ? 0.0 : 100.0 * (double)t->lookups[LOOKUP_FOUND] / (double)judged, 100 * low, 100 * high,
		(double)t->lookup_us_p50 / 1e3, (double)t->lookup_us_p99 / 1e3);
}

/* In milliseconds since the exchange was asked for. */
static void exchanges_print(const struct run_result *one, FILE *out)
{
	static const char *const names[EXCHANGE_STEPS] = { "I1", "R1", "I2", "R2" };
	const struct world_exchanges *x = &one->exchanges;

	if (x->asked == 0)
		return;
	fprintf(out, "exchanges  %llu of %llu made, %llu failed; %llu through the overlay; mean lookup %.1f ms, "
		"round trip of the path %.1f ms\n",
		(unsigned long long)x->made, (unsigned long long)x->asked, (unsigned long long)x->failed,
		(unsigned long long)x->through_overlay, (double)one->totals.lookup_us_mean / 1e3,
		(double)x->times.round_trip_us / 1e3);
	for (int i = 0; i < EXCHANGE_STEPS; i++)
		fprintf(out, "           %s after %.1f ms in the mean, median %.1f, p99 %.1f\n", names[i],
			(double)x->times.mean_us[i] / 1e3, (double)x->times.p50_us[i] / 1e3,
			(double)x->times.p99_us[i] / 1e3);
}

static json_t *exchanges_json(const struct world_exchanges *x)
{
	static const char *const names[EXCHANGE_STEPS] = { "i1", "r1", "i2", "r2" };
	json_t *out = json_pack("{s:I,s:I,s:I,s:I,s:f}", "asked", (json_int_t)x->asked, "made", (json_int_t)x->made,
				"failed", (json_int_t)x->failed, "through_overlay", (json_int_t)x->through_overlay,
				"round_trip_ms", (double)x->times.round_trip_us / 1e3);

	for (int i = 0; i < EXCHANGE_STEPS; i++)
		json_object_set_new(out, names[i],
				    json_pack("{s:f,s:f,s:f}", "mean_ms", (double)x->times.mean_us[i] / 1e3, "p50_ms",
					      (double)x->times.p50_us[i] / 1e3, "p99_ms",
					      (double)x->times.p99_us[i] / 1e3));
	return out;
}

static void run_print(const struct run_result *one, FILE *out)
{
	exchanges_print(one, out);
	fprintf(out, "hops       mean %.2f, p99 %llu, most %llu of %llu sampled, %llu unreached\n",
		(double)one->hops.mean_milli / 1000, (unsigned long long)one->hops.p99,
		(unsigned long long)one->hops.most, (unsigned long long)one->hops.sampled,
		(unsigned long long)one->hops.unreached);
	if (one->memory_per_peer != 0)
		fprintf(out,
			"memory     %.1f KiB of heap for each of %zu peers once formed, the simulator's own "
			"included\n",
			(double)one->memory_per_peer / 1024, one->peers);
	if (one->memory_own != 0)
		fprintf(out, "           %.1f KiB of them at the end a peer's, its storage's and its usages'\n",
			(double)one->memory_own / 1024);
	if (one->rest_peer_seconds != 0)
		fprintf(out, "at rest    %.3f messages and %.0f bytes per peer and second; %.0f events/s of cpu\n",
			(double)one->rest_messages / (double)one->rest_peer_seconds,
			(double)one->rest_bytes / (double)one->rest_peer_seconds,
			one->rest_cpu_us == 0 ? 0.0 : (double)one->rest_events * 1e6 / (double)one->rest_cpu_us);
}

void report_details(const struct report *r, FILE *out)
{
	const struct world_totals *t = &r->totals;

	if (t->stores != 0)
		fprintf(out, "stores     %llu: %llu protected, %llu with fewer replicas, %llu failed\n",
			(unsigned long long)t->stores, (unsigned long long)t->stores_protected,
			(unsigned long long)t->stores_unprotected, (unsigned long long)t->stores_failed);
	lookups_print(r, out);
	fprintf(out, "liveness   ideal after %.1f s, records placed after %.1f s", (double)r->ideal_us_most / 1e6,
		(double)r->placed_us_most / 1e6);
	if (r->never_ideal != 0 || r->never_placed != 0)
		fprintf(out, "; NOT ideal in %llu, not placed in %llu", (unsigned long long)r->never_ideal,
			(unsigned long long)r->never_placed);
	fputc('\n', out);
	if (r->one.hostile != 0)
		fprintf(out,
			"hostile    %zu peers: %llu dropped, %llu lies, %llu stale answers, %llu false routes, "
			"%llu false Updates, %llu false Leaves\n",
			r->one.hostile, (unsigned long long)r->attacks.dropped, (unsigned long long)r->attacks.lies,
			(unsigned long long)r->attacks.stale_answers, (unsigned long long)r->attacks.false_routes,
			(unsigned long long)r->attacks.false_updates, (unsigned long long)r->attacks.false_leaves);
	if (r->seeds == 1 && r->crashed == 0)
		run_print(&r->one, out);
}

void report_violation(const struct violation *v, FILE *out)
{
	fprintf(out, "%s at %.3f s", check_name(v->check), (double)v->at_ms / 1000);
	if (v->node != SIZE_MAX)
		fprintf(out, ", n%02zu", v->node);
	fprintf(out, ": %s\n", v->text);
}

static void run_json(const struct run_result *one, json_t *to)
{
	json_t *violations = json_array();

	json_object_set_new(to, "peers", json_integer((json_int_t)one->peers));
	json_object_set_new(to, "plan", json_integer((json_int_t)one->plan_count));
	json_object_set_new(to, "hops",
			    json_pack("{s:f,s:I,s:I,s:I,s:I}", "mean", (double)one->hops.mean_milli / 1000, "p99",
				      (json_int_t)one->hops.p99, "most", (json_int_t)one->hops.most, "sampled",
				      (json_int_t)one->hops.sampled, "unreached", (json_int_t)one->hops.unreached));
	json_object_set_new(to, "memory_per_peer_bytes", json_integer((json_int_t)one->memory_per_peer));
	json_object_set_new(to, "memory_own_bytes", json_integer((json_int_t)one->memory_own));
	json_object_set_new(to, "rest",
			    json_pack("{s:I,s:I,s:I,s:I,s:f}", "messages", (json_int_t)one->rest_messages, "bytes",
				      (json_int_t)one->rest_bytes, "peer_seconds",
				      (json_int_t)one->rest_peer_seconds, "events", (json_int_t)one->rest_events,
				      "cpu_s", (double)one->rest_cpu_us / 1e6));
	json_object_set_new(to, "hostile", json_integer((json_int_t)one->hostile));
	json_object_set_new(to, "exchanges", exchanges_json(&one->exchanges));
	for (size_t i = 0; i < one->violation_count && i < RUN_VIOLATIONS_KEPT; i++) {
		const struct violation *v = &one->violations[i];

		json_array_append_new(violations,
				      json_pack("{s:s,s:f,s:I,s:s}", "check", check_name(v->check), "at_s",
						(double)v->at_ms / 1000, "node",
						v->node == SIZE_MAX ? (json_int_t)-1 : (json_int_t)v->node, "text",
						v->text));
	}
	json_object_set_new(to, "first_violations", violations);
}

static json_t *lookups_json(const struct report *r)
{
	json_t *lookups = json_object();

	for (int i = 0; i <= LOOKUP_EXCUSED; i++)
		json_object_set_new(lookups, verdicts[i], json_integer((json_int_t)r->totals.lookups[i]));
	json_object_set_new(lookups, "p50_ms", json_real((double)r->totals.lookup_us_p50 / 1e3));
	json_object_set_new(lookups, "p99_ms", json_real((double)r->totals.lookup_us_p99 / 1e3));
	return lookups;
}

void report_json(const struct report *r, FILE *out)
{
	char hash[20];
	json_t *whole;

	(void)snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)r->hash);
	whole = json_pack("{s:s,s:s,s:I,s:I,s:I,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:I,s:s}", "revision",
			  report_revision, "scenario", r->scenario, "seeds", (json_int_t)r->seeds, "first_seed",
			  (json_int_t)r->first_seed, "last_seed", (json_int_t)r->last_seed, "virtual_h",
			  (double)r->virtual_us / 3600e6, "peer_h", (double)r->peer_seconds / 3600, "events",
			  (json_int_t)r->events, "messages", (json_int_t)r->statistics.messages, "bytes",
			  (json_int_t)r->statistics.bytes, "checked", (json_int_t)r->checks, "violations",
			  (json_int_t)r->violations, "failed", (json_int_t)r->failed, "crashed",
			  (json_int_t)r->crashed, "wall_s", (double)r->wall_us / 1e6, "cpu_s",
			  (double)r->cpu_us / 1e6, "events_per_s",
			  (json_int_t)events_per_s(r), "trace_hash", hash);
	json_object_set_new(whole, "faults", faults_json(r));
	json_object_set_new(whole, "lookups", lookups_json(r));
	json_object_set_new(whole, "stores",
			    json_pack("{s:I,s:I,s:I,s:I}", "all", (json_int_t)r->totals.stores, "protected",
				      (json_int_t)r->totals.stores_protected, "unprotected",
				      (json_int_t)r->totals.stores_unprotected, "failed",
				      (json_int_t)r->totals.stores_failed));
	json_object_set_new(whole, "liveness",
			    json_pack("{s:f,s:f,s:I,s:I}", "ideal_after_s", (double)r->ideal_us_most / 1e6,
				      "placed_after_s", (double)r->placed_us_most / 1e6, "never_ideal",
				      (json_int_t)r->never_ideal, "never_placed", (json_int_t)r->never_placed));
	if (r->seeds == 1 && r->crashed == 0)
		run_json(&r->one, whole);
	json_dumpf(whole, out, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	fputc('\n', out);
	json_decref(whole);
}
