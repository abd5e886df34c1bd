/* SPDX-License-Identifier: MIT */
/* peal-bench: what a ring of real peers does, as a table or as JSON. */
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/bench_exchange.h"
#include "tools/bench_load.h"
#include "tools/bench_media.h"
#include "tools/bench_ring.h"
#include "tools/bench_sip.h"

#define LATENCY_COMMANDS 2000 /* one at a time, so that nothing waits for anything */

struct options {
	size_t peers;
	double seconds;
	const char *links;
	const char *storage;
	size_t media; /* calls; 0: measure the ring instead */
	bool no_hip;
	double flood; /* I1s a second; 0: measure something else */
	bool json;
};

/* One line of the table. */
struct row {
	const char *name;
	const char *unit;
	double median;
	double p99; /* negative: a single figure */
};

struct report {
	struct row rows[32];
	size_t count;
	size_t failed;
};

static void report_add(struct report *r, const char *name, const char *unit, double median, double p99)
{
	r->rows[r->count++] = (struct row){ name, unit, median, p99 };
}

static void report_samples(struct report *r, const char *name, struct bench_samples *s)
{
	report_add(r, name, "ms", bench_samples_quantile(s, 0.5), bench_samples_quantile(s, 0.99));
	bench_samples_free(s);
}

static void report_print(const struct report *r, const struct options *o)
{
	printf("%zu peers, %s links, %s storage\n\n", o->peers, o->links, o->storage);
	printf("%-44s %12s %12s\n", "", "median", "p99");
	for (size_t i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		printf("%-44s %12.3f ", row->name, row->median);
		if (row->p99 >= 0)
			printf("%12.3f ", row->p99);
		else
			printf("%12s ", "");
		printf("%s\n", row->unit);
	}
	printf("%-44s %12zu\n", "failed operations", r->failed);
}

static void report_json(const struct report *r, const struct options *o)
{
	json_t *rows = json_array();
	json_t *whole;

	for (size_t i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];
		json_t *one = json_pack("{s:s,s:s,s:f}", "name", row->name, "unit", row->unit, "median",
					row->median);

		if (row->p99 >= 0)
			json_object_set_new(one, "p99", json_real(row->p99));
		json_array_append_new(rows, one);
	}
	whole = json_pack("{s:I,s:s,s:s,s:I,s:o}", "peers", (json_int_t)o->peers, "links", o->links,
			  "storage", o->storage, "failed", (json_int_t)r->failed, "figures", rows);
	json_dumpf(whole, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(whole);
}

/* Latency with nothing else going on: one command at a time in the whole ring. */
static bool measure_latency(struct bench_ring *ring, const char *command, struct report *r, const char *name)
{
	struct bench_samples all = { 0 };
	struct bench_load load = { command, 1, 30, LATENCY_COMMANDS / ring->count };

	for (size_t i = 0; i < ring->count; i++) {
		struct bench_load_result result;

		if (!bench_load_run_from(ring, i, &load, &result))
			return false;
		for (size_t k = 0; k < result.overlay.count; k++)
			bench_samples_add(&all, result.overlay.ms[k]);
		r->failed += result.failed;
		bench_samples_free(&result.overlay);
		bench_samples_free(&result.caller);
	}
	report_samples(r, name, &all);
	return true;
}

static bool measure_throughput(struct bench_ring *ring, const char *command, double seconds, struct report *r,
			       const char *const names[3])
{
	struct bench_load load = { command, 8, seconds, 0 };
	struct bench_load_result result;

	if (!bench_load_run(ring, &load, &result))
		return false;
	report_add(r, names[0], "/s", (double)result.done / result.seconds, -1);
	report_add(r, names[1], "us", result.done == 0 ? 0 : result.cpu_s * 1e6 / (double)result.done, -1);
	r->failed += result.failed;
	bench_samples_free(&result.overlay);
	report_samples(r, names[2], &result.caller);
	return true;
}

static void measure_memory(struct bench_ring *ring, struct report *r)
{
	struct bench_samples rss = { 0 }, private = { 0 };

	for (size_t i = 0; i < ring->count; i++) {
		struct bench_usage usage;

		bench_usage_read(ring->peers[i].process, &usage);
		bench_samples_add(&rss, usage.rss_mib);
		bench_samples_add(&private, usage.private_mib);
	}
	report_add(r, "RSS of a peer", "MiB", bench_samples_quantile(&rss, 0.5),
		   bench_samples_quantile(&rss, 0.99));
	report_add(r, "private memory of a peer", "MiB", bench_samples_quantile(&private, 0.5),
		   bench_samples_quantile(&private, 0.99));
	bench_samples_free(&rss);
	bench_samples_free(&private);
}

static bool measure(struct bench_ring *ring, const struct options *o, struct report *r)
{
	static const char *const stores[3] = { "Stores sustained, whole ring", "CPU of all peers for a Store",
					       "a Store under that load" };
	static const char *const fetches[3] = { "Fetches sustained, whole ring", "CPU of all peers for a Fetch",
						"a Fetch under that load" };
	struct bench_samples joins = { 0 }, registers = { 0 }, calls = { 0 };

	for (size_t i = 1; i < ring->count; i++)
		bench_samples_add(&joins, ring->peers[i].join_ms);
	report_samples(r, "join, from exec to joined", &joins);
	measure_memory(ring, r);
	if (!measure_latency(ring, "store", r, "Store, acknowledged with two replicas") ||
	    !measure_latency(ring, "fetch", r, "Fetch, verified by its reader") ||
	    !measure_throughput(ring, "store", o->seconds, r, stores) ||
	    !measure_throughput(ring, "fetch", o->seconds, r, fetches))
		return false;
	r->failed += bench_sip_register(ring, 200, &registers);
	report_samples(r, "SIP REGISTER to its 200", &registers);
	r->failed += bench_sip_call(ring, 100, &calls);
	report_samples(r, "SIP INVITE to its 200", &calls);
	return true;
}

/* Packets through two nodes: what is lost, what a node adds to the delay, what it costs. */
static bool measure_media(struct bench_ring *ring, const struct options *o, struct report *r)
{
	struct bench_media_result result;
	double direct, delay;

	if (!bench_media_run(ring, o->media, o->seconds, &result))
		return false;
	report_add(r, "calls at once", "", (double)result.calls, -1);
	report_samples(r, "INVITE to its 200", &result.setup);
	report_add(r, "media packets sent, both ways", "/s", (double)result.sent / result.seconds, -1);
	report_add(r, "media packets lost", "", (double)(result.sent - result.received), -1);
	direct = bench_samples_quantile(&result.direct, 0.5);
	delay = bench_samples_quantile(&result.delay, 0.5);
	report_add(r, "delay added by both nodes (median - median)", "ms", delay - direct, -1);
	report_samples(r, "delay of a packet, phone to phone", &result.delay);
	report_samples(r, "the same without nodes", &result.direct);
	for (size_t i = 0; i < 2; i++) {
		double share = 100 * result.cpu_s[i] / result.seconds;

		report_add(r, i == 0 ? "CPU of the caller's node" : "CPU of the callee's node", "% of a core", share,
			   -1);
		report_add(r, "  for each call", "% of a core", share / (double)result.calls, -1);
		report_add(r, "  for each packet of either direction", "us",
			   result.cpu_s[i] * 1e6 / (double)(result.sent == 0 ? 1 : result.sent), -1);
	}
	r->failed += result.sent - result.received;
	return true;
}

static bool measure_exchanges(struct bench_ring *ring, const struct options *o, struct report *r)
{
	struct bench_exchange_result result;

	if (!bench_exchange_run(ring, o->flood, &result))
		return false;
	report_samples(r, "base exchange in quiet", &result.quiet);
	report_samples(r, "base exchange with the flooded peer", &result.flooded);
	report_add(r, "I1s of the flood", "/s", result.flood_rate, -1);
	report_add(r, "  answered", "of one", result.answered, -1);
	report_add(r, "  CPU of the flooded peer for one", "us", result.cpu_us, -1);
	r->failed += result.failed;
	return true;
}

static void usage(FILE *to)
{
	fputs("usage: peal-bench [--peers N] [--seconds S] [--links tls|dtls] [--storage sqlite|memory] [--json]\n"
	      "       peal-bench --media CALLS [--no-hip] [--peers N] [--seconds S] [--json]\n"
	      "       peal-bench --flood RATE [--peers N] [--json]\n\n"
	      "Starts a ring of N real peers on loopback (default 16), measures it, and takes it down.\n"
	      "With --media: so many calls at once between two of the peers (N defaults to 3), G.711 both ways.\n"
	      "With --flood: base exchanges with one peer, half of them while RATE I1s a second pour in on it.\n"
	      "  -n, --peers N      3 to 128\n"
	      "  -s, --seconds S    length of each throughput run (default 10)\n"
	      "  -l, --links TYPE   tls (default) or dtls\n"
	      "  -m, --storage KIND sqlite (default) or memory, to tell what the disk costs\n"
	      "      --media CALLS  1 to 1000 calls with media instead of Stores and Fetches\n"
	      "      --no-hip       of --media: plain RTP, to compare with\n"
	      "      --flood RATE   1 to 100000 I1s a second\n"
	      "  -j, --json         print JSON instead of a table\n"
	      "  -h, --help         this text\n"
	      "Exit status: 0 every operation succeeded, 1 some failed, 2 wrong usage.\n", to);
}

enum { OPTION_MEDIA = 256, OPTION_NO_HIP, OPTION_FLOOD };

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = { { "peers", required_argument, NULL, 'n' },
					       { "seconds", required_argument, NULL, 's' },
					       { "links", required_argument, NULL, 'l' },
					       { "storage", required_argument, NULL, 'm' },
					       { "media", required_argument, NULL, OPTION_MEDIA },
					       { "no-hip", no_argument, NULL, OPTION_NO_HIP },
					       { "flood", required_argument, NULL, OPTION_FLOOD },
					       { "json", no_argument, NULL, 'j' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	char *end = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "n:s:l:m:jh", names, NULL)) != -1) {
		if (c == 'n')
			o->peers = strtoul(optarg, &end, 10);
		else if (c == 's')
			o->seconds = strtod(optarg, &end);
		else if (c == 'l')
			o->links = optarg;
		else if (c == 'm')
			o->storage = optarg;
		else if (c == OPTION_MEDIA)
			o->media = strtoul(optarg, &end, 10);
		else if (c == OPTION_FLOOD)
			o->flood = strtod(optarg, &end);
		else if (c == OPTION_NO_HIP)
			o->no_hip = true;
		else if (c == 'j')
			o->json = true;
		else if (c == 'h') {
			usage(stdout);
			exit(0);
		} else
			return false;
		if (end != NULL && *end != '\0') {
			fprintf(stderr, "peal-bench: \"%s\" is not a number\n", optarg);
			return false;
		}
		end = NULL;
	}
	if (o->peers == 0)
		o->peers = o->media > 0 ? 3 : 16;
	if (o->media > BENCH_CALLS_MAX || o->flood < 0 || o->flood > 100000) {
		fprintf(stderr, "peal-bench: at most %d calls, or 100000 I1s a second\n", BENCH_CALLS_MAX);
		return false;
	}
	if (o->peers < 3 || o->peers > BENCH_PEERS_MAX || o->seconds <= 0 || o->seconds > 3600 ||
	    (strcmp(o->links, "tls") != 0 && strcmp(o->links, "dtls") != 0) ||
	    (strcmp(o->storage, "sqlite") != 0 && strcmp(o->storage, "memory") != 0)) {
		fprintf(stderr,
			"peal-bench: peers 3 to %d, seconds up to 3600, links tls or dtls, storage sqlite or memory\n",
			BENCH_PEERS_MAX);
		return false;
	}
	return optind == argc;
}

/* The build folder, from where this program lies: BUILD/tools/peal-bench. Installed, it lies beside the others. */
static void find_programs(struct bench_ring *ring)
{
	char path[256], peald[280];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (len <= 0)
		return;
	path[len] = '\0';
	for (int up = 0; up < 2; up++) {
		slash = strrchr(path, '/');
		if (slash == NULL)
			return;
		*slash = '\0';
	}
	snprintf(peald, sizeof(peald), "%s/node/peald", path);
	if (access(peald, X_OK) == 0)
		snprintf(ring->programs, sizeof(ring->programs), "%s", path);
}

int main(int argc, char **argv)
{
	struct options o = { .seconds = 10, .links = "tls", .storage = "sqlite" };
	static struct bench_ring ring;
	struct report report = { 0 };
	bool ok;

	if (!parse(argc, argv, &o)) {
		usage(stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	ring.links = o.links;
	ring.storage = o.storage;
	ring.no_hip = o.no_hip;
	find_programs(&ring);
	ok = bench_ring_start(&ring, o.peers) &&
	     (o.media > 0 ? measure_media(&ring, &o, &report)
			  : o.flood > 0 ? measure_exchanges(&ring, &o, &report) : measure(&ring, &o, &report));
	bench_ring_stop(&ring);
	if (o.json)
		report_json(&report, &o);
	else
		report_print(&report, &o);
	return ok && report.failed == 0 ? 0 : 1;
}
