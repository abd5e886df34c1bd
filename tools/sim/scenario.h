/* SPDX-License-Identifier: MIT */
/* A scenario: what kind of runs there are. Each number may be a range from which the seed draws, so that
 * seeds differ in size, weather and faults. Read from a file; docs/simulator.md lists the options. */
#ifndef TOOLS_SIM_SCENARIO_H
#define TOOLS_SIM_SCENARIO_H

#include <stdio.h>

#include "overlay/base/error.h"
#include "overlay/base/prng.h"
#include "tools/sim/plan.h"

#define SCENARIO_TEXT_MAX 200

/* Both ends are among what may be drawn. */
struct range {
	int64_t low, high;
};

enum scenario_link { SCENARIO_LINK_STREAM, SCENARIO_LINK_DATAGRAM, SCENARIO_LINK_EITHER };
enum scenario_disk { SCENARIO_DISK_MEMORY, SCENARIO_DISK_SQLITE };
enum scenario_security { SCENARIO_SECURITY_FAKE, SCENARIO_SECURITY_REAL };
enum scenario_place { SCENARIO_PLACE_RANDOM, SCENARIO_PLACE_CLUSTER };
enum scenario_hosts { SCENARIO_HOSTS_NONE, SCENARIO_HOSTS_OVERLAY, SCENARIO_HOSTS_DIRECT };
enum scenario_checks { SCENARIO_CHECKS_EVENT, SCENARIO_CHECKS_SECOND };

/* How often one kind of action happens, and how. */
struct scenario_action {
	bool is_set;                    /* its section stands in the file */
	struct range chance_percent;    /* that it happens in a run at all */
	struct range per_run;           /* occurrences */
	struct range per_peer_hour_milli;
	struct range at_ms;             /* after the trouble began; below 0: at any time of it */
	struct range share_percent;     /* of all peers hit by one occurrence; 0: one peer */
	struct range spread_ms;         /* over which those are spread evenly */
	struct range lasts_ms;
	struct range strength;
	struct range back_after_ms;     /* until a peer that stopped begins again; below 0: never */
};

struct scenario {
	char name[SCENARIO_TEXT_MAX + 1]; /* the file's name without folder and ending */
	char about[SCENARIO_TEXT_MAX + 1];

	struct range peers;
	struct range duration_ms; /* of the trouble */

	/* start: */
	struct range start_spacing_ms; /* between one peer's start and the next one's */
	struct range start_settle_ms;  /* after the last start, until the trouble begins */
	struct range start_late_percent; /* of the peers start at some time of the trouble instead */

	/* weather: */
	struct range weather_chance_percent; /* of anything but latency and jitter */
	struct range latency_us, jitter_us, loss_ppm, duplicate_ppm, reorder_ppm, flip_ppm;
	struct range bytes_per_s, mtu;
	int link; /* enum scenario_link */

	/* load: */
	struct range stores_per_peer_hour, lookups_per_peer_hour, lifetime_s;

	/* contract: what the plan does not ask of the peers */
	struct range failures_max;      /* inside one repair window; 0: no limit */
	struct range repair_window_ms;
	struct range peers_kept;        /* so many run at any time */

	/* hostile: */
	struct range hostile_percent;
	char hostile_behaviour[SCENARIO_TEXT_MAX + 1]; /* a word of tools/sim/attacker.h */
	int hostile_at; /* enum scenario_place */

	/* liveness: */
	struct range ideal_ms, placed_ms, after_partition_ms;
	struct range found_ppm; /* so many of the lookups during the trouble find what they should */
	struct range exchange_lookups; /* a base exchange takes so many lookups and two round trips of its path */
	struct range rest_ms; /* then nothing happens for so long, and the cost of that is measured */

	int disk, security, checks;
	int hosts; /* enum scenario_hosts */

	struct scenario_action actions[ACTION_COUNT];
};

/* ERR_IO, ERR_CONFIG; `detail` is "file:line: option: what is wrong". */
int MUST_CHECK scenario_read(struct scenario *s, const char *path, char *detail, size_t detail_size);

/* All options with their meaning, as the documentation lists them. */
void scenario_print_options(FILE *out);

int64_t range_draw(struct range r, struct prng *p);

/* The stream of chance for one purpose of a run, so that purposes do not shift each other. */
void scenario_chance(struct prng *p, uint64_t seed, uint64_t purpose);
enum scenario_purpose { PURPOSE_PEERS = 1, PURPOSE_TIMES, PURPOSE_WEATHER, PURPOSE_HOSTILE, PURPOSE_START,
			PURPOSE_LOAD, PURPOSE_MEASURE, PURPOSE_ACTION = 100 };

size_t scenario_peers(const struct scenario *s, uint64_t seed);

#endif
