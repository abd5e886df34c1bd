/* SPDX-License-Identifier: MIT */
/* Hostile peers on the in-memory net: real peers that keep their place on the ring (they answer Ping, Update,
 * Attach, Join), and do harm where their behaviour says. A behaviour works on what is about to reach the
 * node (net_hooks.intercept) and through the node's own request handlers, so all that it says is signed with
 * its own valid certificate, as a participant that turned bad would. */
#ifndef TOOLS_SIM_ATTACKER_H
#define TOOLS_SIM_ATTACKER_H

#include "tools/sim/net.h"

/* X(identifier, word in files and reports, what it does) */
#define ATTACKER_MAP(X)                                                                                  \
	X(HONEST, "honest", "nothing")                                                                    \
	X(DROP, "drop", "drops what it should pass on, and requests to it for data")                      \
	X(LIE, "lie", "passes on, but says of all data it holds that nothing is there")                   \
	X(IMPOSTOR, "impostor", "says so even of data it only should pass the request for")               \
	X(STALE, "stale", "passes on, but serves the first version of a value that it ever saw")          \
	X(MISROUTE, "misroute", "as drop; asked for a route it names the accomplice nearest to the target") \
	X(ON_OFF, "on-off", "as misroute, and honest, in turns")                                          \
	X(SLEEPER, "sleeper", "honest at first, then as misroute")                                        \
	X(LIAR, "liar", "passes on, but names dead, fabricated and hostile neighbours in its Updates, and sends " \
			"Leaves in the name of others")

enum attacker_behaviour {
#define X(id, word, meaning) ATTACKER_##id,
	ATTACKER_MAP(X)
#undef X
	ATTACKER_COUNT
};

const char *attacker_name(enum attacker_behaviour b);
/* ATTACKER_COUNT: no such word. */
enum attacker_behaviour attacker_named(const char *word);

struct attacker_options {
	struct duration period; /* ON_OFF: bad so long, then good so long; 0: 60 s */
	struct duration sleep;  /* SLEEPER: honest so long after attacker_set; 0: 300 s */
	struct duration lie_interval; /* LIAR: between two rounds of lies; 0: 5 s */
};

struct attacker;

/* Options may be NULL. `n` is borrowed. */
struct attacker *attacker_new(struct net *n, const struct attacker_options *options);
void attacker_free(struct attacker *a);

/* From now on the node behaves so. It should run; after a restart of the node it must be called again. STALE
 * nodes should be set before the values they are to serve are stored. */
void attacker_set(struct attacker *a, size_t node, enum attacker_behaviour behaviour);
enum attacker_behaviour attacker_of(const struct attacker *a, size_t node);

/* The `count` nodes of `nodes` (indices) whose Node-IDs are nearest to `point` on either side become hostile: a
 * cluster round a victim. Returns how many did. */
size_t attacker_set_cluster(struct attacker *a, const struct node_id *point, size_t count,
			    enum attacker_behaviour behaviour);

/* To be called by net_hooks.intercept, which has the same parameters and meaning; true for all that reaches
 * honest nodes. */
bool attacker_intercept(struct attacker *a, size_t node, size_t from, struct slice *bytes);

struct attacker_totals {
	uint64_t dropped, lies, stale_answers, false_routes, false_updates, false_leaves, impersonations;
};
void attacker_totals(const struct attacker *a, struct attacker_totals *out);

#endif
