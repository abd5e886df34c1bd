/* SPDX-License-Identifier: MIT */
/* What the files of the checks share: what is remembered of each node and each record. */
#ifndef TOOLS_SIM_CHECK_INTERNAL_H
#define TOOLS_SIM_CHECK_INTERNAL_H

#include "overlay/base/arena.h"
#include "overlay/base/prng.h"
#include "tools/sim/check.h"

#define CHECK_COPIES (TOPOLOGY_REPLICAS + 1)
#define CHECK_GROUPS 8          /* parts told apart */
#define CHECK_HOPS_MAX 256
#define CHECK_TRANSACTIONS 4096 /* requests under way that are remembered; a power of two */
#define CHECK_NONE UINT32_MAX

/* A stored value as it was last seen at a node. */
struct check_value {
	uint64_t key; /* of Resource-ID, Kind and entry */
	uint64_t storage_time;
	uint64_t generation;
	uint64_t expires_ms; /* virtual */
	uint64_t serial;     /* of a record's content, else 0 */
	uint32_t record;     /* index, or CHECK_NONE */
};

struct check_node {
	bool is_hostile;
	bool is_member;   /* joined, running, not paused: as of the latest look */
	bool is_paused;
	unsigned group;   /* index of its part, below CHECK_GROUPS */
	uint64_t joined_ms;  /* since when it is a member; 0: it is none */
	uint64_t disk_ms;    /* when its disk was last seen failing; 0: never */
	uint64_t gone_ms;    /* when it last stopped, left or stood still; 0: never */
	uint32_t place;      /* among the members of its part */
	uint32_t next;       /* node: the first live one of its successors; CHECK_NONE: none */
	/* ring: when a state that may only pass began; 0: it is not so */
	uint64_t alone_ms, unclaimed_ms, crowded_ms, doubled_ms;
	bool is_out; /* all its successors were lost out of contract, until it has one again */
	uint32_t successors[TOPOLOGY_NEIGHBORS_MAX]; /* nodes: its last list that was not empty */
	size_t successor_count;
	/* storage */
	uint64_t changes; /* storage_changes when it was last looked at */
	struct check_value *values; /* owned; by key; of a stopped node: what its disk holds */
	size_t value_count;
	bool is_uncertain; /* stopped within a turn: what its disk holds is not known exactly */
};

struct check_holder {
	uint32_t node;
	bool is_running;
	uint64_t serial;
};

struct check_record {
	struct check_holder *holders; /* owned */
	uint32_t holder_count, holder_room;
	uint64_t failed_ms[CHECK_COPIES]; /* the latest failures of holders */
	unsigned failed_group;            /* where the latest of them was */
	unsigned next_failure;
	bool is_dirty;
};

/* One part of the net. */
struct check_part {
	uint32_t *members; /* owned; nodes by Node-ID */
	size_t count, room;
	/* Since when its ring is not as it should be; 0: it is. */
	uint64_t split_ms, loopy_ms, principals_ms;
	bool is_excused; /* the faults broke the ring themselves: until it is one again */
};

/* A request on its way, as far as it was seen. */
struct check_transaction {
	uint64_t id;
	uint64_t at_ms;
	uint16_t hops;
	bool is_source_routed; /* passing a node twice is what it was told to */
	bool is_whole;         /* seen from its first hop on: else the entry was another's meanwhile */
};

struct check {
	struct world *world;
	struct check_options options;
	uint64_t window_ms, settle_ms;
	struct prng prng;
	uint64_t looked;
	uint64_t excused[CHECK_COUNT];
	struct violation violations[CHECK_COUNT];
	size_t violation_count;
	bool is_reported[CHECK_COUNT];

	struct check_node *nodes; /* owned; grows with the world */
	size_t count;
	uint32_t *order; /* owned; all nodes by Node-ID */
	uint32_t *rank;  /* owned; place of each in it */
	int32_t *skips;  /* owned; scratch of the principals */
	uint8_t *colour; /* owned; scratch of the rings */
	size_t ordered;  /* nodes in `order` */
	struct check_part parts[CHECK_GROUPS];
	uint64_t disturbed_ms; /* the latest change of who reaches whom; 0: none */
	uint64_t changed_ms;   /* the latest one, or when a node began, joined or ended */

	struct check_record *records; /* owned */
	size_t record_count;
	uint32_t *dirty; /* owned; records to look at again */
	size_t dirty_count, dirty_room;
	struct check_value *scan; /* owned; scratch */
	size_t scan_room;
	struct arena arena;

	struct check_transaction transactions[CHECK_TRANSACTIONS];
	uint64_t hops[CHECK_HOPS_MAX + 1];
	uint64_t dropped_limit; /* of peers that ended */
};

/* ---- check.c ---- */

uint64_t check_now_ms(const struct check *c);
/* Keeps the first violation of each check. */
void check_violate(struct check *c, enum check_id id, size_t node, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The first node at or after a point among the members of a part, as place; the part is not empty. */
size_t check_place(const struct check *c, const struct check_part *part, const struct node_id *point);
/* The state of a process, for texts. */
const char *check_state(const struct check *c, size_t node);

/* ---- check_ring.c ---- */

/* The lists of one node, after an event. */
void check_ring_node(struct check *c, size_t node);
/* Who is a member of which part: to be called before the others. */
void check_ring_members(struct check *c);
void check_ring_all(struct check *c);
void check_ring_gone(struct check *c, size_t node);
/* Restarts the patience with transient states. */
void check_ring_disturbed(struct check *c);

/* ---- check_lost.c ---- */

/* A promised record that nobody holds, content `serial` or later: the faults' fault, or a violation. */
void check_lost(struct check *c, struct record *r, const struct check_record *known, uint64_t serial);

/* ---- check_storage.c ---- */

/* Looks at what a node holds, if it changed. */
void check_storage_node(struct check *c, size_t node);
void check_storage_all(struct check *c);
void check_storage_starting(struct check *c, size_t node);
void check_storage_stopping(struct check *c, size_t node, enum world_stop how);
void check_storage_wiped(struct check *c, size_t node);
void check_storage_stored(struct check *c, const struct record *r);
void check_storage_free(struct check *c);
/* Whether all live records are where they belong; if not, `text` says of one what is wrong. */
bool check_storage_is_placed(struct check *c, size_t *node, char *text, size_t size);
/* Whether one is held elsewhere besides. */
bool check_storage_is_spread(struct check *c, size_t *node, char *text, size_t size);

/* ---- check_routing.c ---- */

void check_routing_arriving(struct check *c, size_t node, size_t from, struct slice bytes);
void check_routing_limits(struct check *c, size_t node);

#endif
