/* SPDX-License-Identifier: MIT */
/* What the files of the world share. */
#ifndef TOOLS_SIM_WORLD_STATE_H
#define TOOLS_SIM_WORLD_STATE_H

#include "overlay/base/map.h"
#include "overlay/base/timer.h"
#include "overlay/usage.h"
#include "tools/sim/world.h"

#define WORLD_SOON_US 1000 /* a clock that runs at another rate is looked at again at least so much later */

struct certificate_usage;
struct world_host;
struct world_hosts;
struct world_security;

struct world_node {
	struct world *world;
	size_t index;
	struct disk *disk;
	struct backend *backend; /* borrowed while the disk is open */
	struct storage *storage; /* NULL: not running */
	struct certificate_usage *certificates;
	struct usage usage;
	struct timer timer; /* of the usage */
	struct world_host *host; /* owned; NULL: it carries none */
	struct timer search; /* of a bootstrap node, for a ring */
	struct instant started;
	struct address *cached; /* owned; peers known from before, as the disk has them */
	size_t cached_count;
	enum world_stop stop; /* how it is about to end */
	bool is_silent;
};

struct world {
	struct world_options options;
	struct configuration *configuration; /* owned */
	struct net *net;
	struct world_node **nodes;
	size_t count;
	struct map *by_id; /* Node-ID -> struct world_node */
	struct timer_heap timers; /* on the world's clock */
	struct ledger *ledger;
	struct world_security *security; /* NULL: the keyed hash */
	struct world_hosts *hosts; /* NULL: no peer carries one */
	struct world_observer observer;
	struct world_totals totals;
	size_t crashed; /* a node whose disk ended it in the latest event; SIZE_MAX: none */
};

#endif
