/* SPDX-License-Identifier: MIT */
/* What the plug-in is made of; for the files of this folder only.
 *
 * One set of nodes rules everything: those with a link to us. A node of it that has shown that it is a
 * member of the ring (its Update came, or we admitted it) is *ready*. The Neighbor Table is no state of its
 * own: it is the ready nodes nearest to us on either side, so a lost neighbour is replaced by the best match
 * in the Routing Table at once (10.7.1), and nothing enters that is not connected and verified. */
#ifndef OVERLAY_CHORD_CHORD_STATE_H
#define OVERLAY_CHORD_CHORD_STATE_H

#include "overlay/attach.h"
#include "overlay/base/invariant.h"
#include "overlay/chord/chord.h"
#include "overlay/link.h"

#define CHORD_NODES_MAX 4096    /* nodes linked to us */
#define CHORD_REACH_MIN 3       /* neighbours wanted on either side (10.7) */
#define CHORD_REACH_MAX 20      /* log2 of a million peers; a hostile neighbourhood cannot ask for more */
#define CHORD_FINGERS_MIN 16    /* 10.7.4.3 */
#define CHORD_FINGERS_MAX 128
#define CHORD_ATTACHES_MAX 64   /* Attaches of ours under way */
#define CHORD_QUARANTINE_MAX 64 /* nodes */

/* A node just found dead or not answering is not believed in again for so long, whoever names it: an old
 * Update may still be on its way. */
#define CHORD_QUARANTINE_MS 5000
/* Who does not answer again and again is left alone for twice as long each time. */
#define CHORD_QUARANTINE_DOUBLINGS 2
/* Changes that follow each other closely share one Update. */
#define CHORD_UPDATE_COALESCE_MS 20
/* Changes beyond the nearest neighbours can wait for others to come along. */
#define CHORD_UPDATE_FAR_MS 300
/* peer_ready Updates to nodes that are not neighbours are sent this long after the first change. */
#define CHORD_PEER_READY_COALESCE_MS 1000
/* New replicas wait so long for a better match after a successor was lost. RFC 6940 10.7.1 recommends 30 s
 * for tables of three; with r = max(3, log2 N) successors known and linked the right successor is in the
 * table already, and reactive Updates arrive within one round trip. What stays is the time in which a value
 * has too few copies, so this is a declared deviation. */
#define REPLICA_HOLD_DOWN_MS 1000
/* The first successor is asked for its neighbours at an interval that starts low after a change and
 * doubles while nothing changes; at most to the interval of tuning.c, within these bounds. RFC 7363 6.6
 * recommends not to go below 15 s. */
#define CHORD_STABILIZE_MIN_MS 1000
#define CHORD_STABILIZE_MAX_MS 30000
#define CHORD_TUNED_MIN_MS 15000

/* A node with a link to us. */
struct chord_node {
	struct node_id id;
	struct instant ready_since;
	struct instant asked;          /* when it was last asked for an Update */
	struct instant needless_since; /* nothing here needs its link since then; zero: something does */
	uint32_t born_s; /* monotonic second when it came into being, as it says (RFC 7363 6.4); 0: not known */
	uint32_t window_s;        /* when counting `attaches_caused` began */
	uint16_t attaches_caused; /* by its Updates */
	bool is_attached; /* the core said so; else only a direct message came from it */
	bool is_ready;
	bool is_neighbor; /* in the Neighbor Table */
	bool is_sought;   /* an Attach of ours made the link: it is ours to let go */
	bool has_left;    /* its Leave came: an Update still on its way does not bring it back */
};

struct chord_quarantine {
	struct node_id id;
	struct instant until;
	uint8_t failures; /* in a row */
	bool is_missed;   /* those who may know of it are asked when the time is over */
};

enum chord_attach_purpose { ATTACH_NEIGHBOR, ATTACH_FINGER, ATTACH_ADMITTING, ATTACH_PARTITION };

struct chord;

/* An Attach of ours under way. */
struct chord_attach {
	struct chord *chord;
	struct chord_attach *next;
	enum chord_attach_purpose purpose;
	struct node_id id;   /* asked for; zero when a Resource-ID was */
	size_t finger;       /* ATTACH_FINGER: index */
	uint32_t attempt;    /* ATTACH_ADMITTING: of the join */
};

struct chord_finger {
	struct node_id id;      /* zero: none */
	bool was_found;    /* when the tables were last looked over */
};

#define FINGERS_SEARCHES_MAX 8

/* A Ping for a finger under way. */
struct fingers_search {
	struct chord *chord; /* NULL: free */
	size_t index;
};

/* How far the news of a change of the Neighbor Table goes. */
enum update_scope {
	UPDATE_NOBODY,
	UPDATE_NEXT,      /* first successor and predecessor */
	UPDATE_NEAREST,   /* the first CHORD_REACH_MIN on either side */
	UPDATE_NEIGHBORS  /* all neighbours */
};

#define TUNING_FAILURES_MAX 16

/* RFC 7363: what the overlay is like, as far as our own table shows. */
struct tuning {
	uint32_t failures_s[TUNING_FAILURES_MAX]; /* monotonic second of the latest failures, a ring */
	size_t failure_next;
	size_t failure_count;
};

enum join_state {
	JOIN_NONE,
	JOIN_FIND,     /* Attach to the Resource-ID after ours is under way */
	JOIN_LEARN,    /* connecting to the Admitting Peer's neighbours */
	JOIN_ASKED,    /* Join sent */
	JOIN_ADMITTED, /* Join answered: data comes, then the Update that places us */
	JOIN_WAIT      /* until the next try */
};

struct join {
	enum join_state state;
	struct instant started;  /* the join; later: being a member */
	struct instant learning; /* when the current try's JOIN_LEARN, or JOIN_ADMITTED, began */
	link_id bootstrap;
	struct node_id admitting; /* the Admitting Peer */
	bool has_learnt;          /* its Update came */
	unsigned failures;        /* in a row, but for Error_In_Progress */
	uint32_t attempts;
	uint64_t transaction; /* of the Join */
	struct timer timer;
};

#define ADMISSION_TICKETS 8

/* A hand-over whose end has not been reported: it may outlive the admission it was for. */
struct admission_ticket {
	struct chord *chord; /* NULL: free */
	uint32_t number;
};

/* The other side: whom we admit. One at a time. */
struct admission {
	bool is_active;
	bool is_shared; /* another node asked meanwhile */
	struct node_id joining;
	struct instant since;
	struct node_id last;       /* whose admission ended last */
	struct instant last_until; /* others go before it until then */
	uint32_t number; /* of this admission */
	struct admission_ticket tickets[ADMISSION_TICKETS];
	struct timer timer;
};

struct leaving {
	bool is_active;
	bool has_handed_over;
	struct node_id to;  /* who is given our share */
	size_t outstanding; /* Leaves not answered yet */
	struct timer timer;
	struct timer again_timer; /* to the next try of handing over */
};

struct chord {
	struct peer *peer;
	struct node_id self;
	bool is_client;
	bool is_member; /* part of the ring: responsible for (predecessor, self] */

	struct chord_node *nodes; /* owned; ascending by id */
	size_t node_count;
	size_t node_room;
	struct node_id *routable; /* owned; ids of the ready nodes, ascending */
	size_t routable_count;

	size_t reach; /* r: neighbours kept on either side */
	struct node_id predecessors[CHORD_REACH_MAX]; /* nearest first */
	size_t predecessor_count;
	struct node_id successors[CHORD_REACH_MAX]; /* nearest first */
	size_t successor_count;
	/* A predecessor nearer than any ready one that our Admitting Peer told us of: not ours is what it
	 * owns, though the link to it is only being made. */
	struct node_id bound;
	bool has_bound;
	struct timer bound_timer; /* it is dead, or it would have a link to us by then */
	struct chord_finger *fingers; /* owned */
	size_t finger_count;
	struct fingers_search searches[FINGERS_SEARCHES_MAX];
	size_t finger_population; /* estimate of N when the fingers were last filled */

	struct chord_quarantine *quarantine; /* owned */
	size_t quarantine_count;
	struct timer quarantine_timer; /* the first of those missed */
	struct chord_attach *attaches; /* owned list */
	size_t attach_count;
	struct tuning tuning;

	struct join join;
	struct admission admission;
	struct leaving leaving;

	enum update_scope update_scope; /* of the Updates that update_timer will send */
	bool is_pull_due;               /* and of whom it will ask for what we miss */
	struct timer update_timer;
	struct timer ready_timer;
	struct timer periodic_timer;
	struct instant full_round; /* when periodic Updates go to all neighbours next */
	struct timer hold_timer; /* armed while new replicas wait */
	struct timer stabilize_timer;
	uint64_t stabilize_ms;
	struct node_id stabilize_asked; /* who has not answered yet; zero: nobody */
	uint64_t stabilize_transaction;
	struct timer silence_timer; /* it had time enough to answer */
	bool stabilize_predecessor; /* whose turn it is */
	struct timer finger_timer;
	struct timer fill_timer;
	size_t fill_next; /* finger to look at next */
	struct timer surplus_timer;
	struct timer partition_timer;
	struct node_id partition_bootstrap; /* whom the question under way went through */
	link_id partition_link;
	struct instant now_hint; /* of the latest step, for questions that carry no time */
};

/* ---- chord_tables.c: the set of nodes and what follows from it ---- */

struct chord_node *chord_tables_find(const struct chord *c, const struct node_id *id);
/* Finds or adds; NULL at the limit. */
struct chord_node *chord_tables_add(struct chord *c, const struct node_id *id);
void chord_tables_remove(struct chord *c, const struct node_id *id);
bool chord_tables_is_ready(const struct chord *c, const struct node_id *id);
/* Marks and recomputes; true when it was not ready before. */
bool chord_tables_set_ready(struct chord *c, struct now now, const struct node_id *id, bool ready);
/* Derives routable nodes, reach, neighbours and fingers anew and tells whoever must know of a change. */
void chord_tables_recompute(struct chord *c, struct now now);
/* `id`, were it ready, would be among the `reach` nearest on one side. */
bool chord_tables_would_be_neighbor(const struct chord *c, const struct node_id *id, size_t reach);
/* How many ready nodes stand between us and `id`, the nearer way round. */
size_t chord_tables_rank(const struct chord *c, const struct node_id *id);
bool chord_tables_is_neighbor(const struct chord *c, const struct node_id *id);
/* The first `depth` neighbours on either side, each once, successors first; `out` has room for 2 * CHORD_REACH_MAX. */
size_t chord_tables_neighbors(const struct chord *c, size_t depth, struct node_id *out);
/* Peers in the overlay, from the spacing of our neighbours (RFC 7363 6.1). At least 1. */
size_t chord_tables_population(const struct chord *c);
/* The first and last identifier of finger `index` (0 is RFC 6940's i = 1). */
void chord_tables_finger_range(const struct chord *c, size_t index, struct node_id *first,
			       struct node_id *last);
/* The finger that covers `id`, or CHORD_FINGERS_MAX. */
size_t chord_tables_finger_of(const struct chord *c, const struct node_id *id);

/* ---- quarantine.c ---- */

void quarantine_add(struct chord *c, struct now now, const struct node_id *id);
/* The same of one that did not say that it goes. When the time is over and it would be a neighbour, others are asked
 * for what we miss: a link may break without anybody's being dead. */
void quarantine_add_missed(struct chord *c, struct now now, const struct node_id *id);
void quarantine_stop(struct chord *c);
bool quarantine_has(const struct chord *c, struct now now, const struct node_id *id);
void quarantine_remove(struct chord *c, const struct node_id *id);

/* ---- tuning.c ---- */

/* A neighbour or finger failed or left. */
void tuning_failed(struct chord *c, struct now now);
/* Between two rounds of stabilization (RFC 7363 6.6), within CHORD_TUNED_MIN_MS and chord-update-interval. */
uint64_t tuning_interval_ms(const struct chord *c, struct now now);

/* ---- surplus.c: links that nobody needs ---- */

void surplus_begin(struct chord *c, struct now now);
void surplus_stop(struct chord *c);

/* ---- chord_attach.c: our Attaches ---- */

void chord_attach_stop(struct chord *c);

/* To a Node-ID learnt from `via`, source-routed through it (10.6); NULL: routed. Nothing happens when it is not wanted:
 * ourselves, attached, pending, quarantined, no free slot. True when one was started. */
bool chord_attach_neighbor(struct chord *c, struct now now, const struct node_id *id,
			   const struct node_id *via);
bool chord_attach_finger(struct chord *c, struct now now, size_t finger, const struct node_id *id);
/* To whoever is responsible for the identifier after ours; `via` forces the first hop. */
int chord_attach_admitting(struct chord *c, struct now now, link_id via, uint32_t attempt);
bool chord_attach_partition(struct chord *c, struct now now, const struct node_id *id, link_id via,
			    const struct node_id *bootstrap);
/* Some Attach to a neighbour is still under way. */
bool chord_attach_is_busy(const struct chord *c);

/* ---- update.c ---- */

void update_start(struct chord *c);
void update_stop(struct chord *c);
/* One Update now. Nothing is sent unless we are a member. */
void update_send(struct chord *c, struct now now, const struct node_id *to, enum chord_update_type type);
/* What a node newly linked, or one that asked, should get. */
void update_greet(struct chord *c, struct now now, const struct node_id *to, bool is_full);
/* The Neighbor Table changed: who is to hear of it. `range_changed`: what we are responsible for, too. */
void update_changed(struct chord *c, struct now now, enum update_scope scope, bool range_changed);
/* There may be neighbours that we do not know: asks those who do. */
void update_pull(struct chord *c, struct now now);
/* Attaches to those of `ids` that would be neighbours, by ordinary routing: who named them is leaving. */
void update_learn_list(struct chord *c, struct now now, const struct node_id *ids, size_t count);
/* Asks `node` for a full Update with a RouteQuery, at most once a second. */
void update_ask(struct chord *c, struct now now, const struct node_id *node);

/* ---- join.c: the Joining Node; admission.c: the Admitting Peer ---- */

void join_begin(struct chord *c, struct now now, link_id bootstrap);
void join_on_attached(struct chord *c, struct now now, int err, const struct node_id *node,
		      uint32_t attempt);
/* Something may have changed that the join waits for. */
void join_progress(struct chord *c, struct now now);
void join_on_update(struct chord *c, struct now now, const struct node_id *from,
		    const struct chord_update *u);
void join_on_link_down(struct chord *c, struct now now, const struct node_id *node);
void join_stop(struct chord *c);
/* We are part of the ring from here on. */
void join_done(struct chord *c, struct now now);

void admission_start(struct chord *c);
void admission_on_link_down(struct chord *c, struct now now, const struct node_id *node);
void admission_stop(struct chord *c);

/* ---- stabilize.c ---- */

/* RouteQuery handler, and timers once we are a member (or an attached client). */
void stabilize_start(struct chord *c);
void stabilize_begin(struct chord *c, struct now now);
void stabilize_stop(struct chord *c);
/* A table changed: look again soon. */
void stabilize_soon(struct chord *c, struct now now);

/* ---- fingers.c ---- */

void fingers_begin(struct chord *c, struct now now);
void fingers_stop(struct chord *c);
/* The set of ready nodes changed. */
void fingers_refresh(struct chord *c, struct now now);
void fingers_on_attached(struct chord *c, struct now now, size_t finger, int err,
			 const struct node_id *node);

/* ---- partition.c ---- */

void partition_begin(struct chord *c, struct now now);
void partition_stop(struct chord *c);
/* A peer was lost: the next check need not wait a whole interval. */
void partition_soon(struct chord *c, struct now now);
/* `target` is what a question that is under way was about. */
bool partition_is_asked(const struct chord *c, const struct node_id *target);
/* Asks through this bootstrap link who follows us. */
void partition_check(struct chord *c, struct now now, link_id link, const struct node_id *bootstrap);

/* ---- leave.c ---- */

void leave_start(struct chord *c);
void leave_begin(struct chord *c, struct now now);
/* The Neighbor Table changed: should our successor be another one, our share goes to that. */
void leave_on_neighbors(struct chord *c, struct now now);
/* Tells the other end of `link` that we are no member (yet): it may take us for the process that we were before
 * we started again, and so send our own Attach back to us. */
void leave_disclaim(struct chord *c, struct now now, link_id link);
void leave_stop(struct chord *c);

/* ---- client.c ---- */

void client_join(struct chord *c, struct now now, link_id bootstrap);
void client_on_attached(struct chord *c, struct now now, int err, const struct node_id *node);
void client_on_update(struct chord *c, struct now now, const struct node_id *from,
		      const struct chord_update *u);
void client_on_link_down(struct chord *c, struct now now, const struct node_id *node);
void client_stop(struct chord *c);

/* ---- chord.c ---- */

/* Tells storage that ranges or replicas may have changed. */
void chord_tell_storage(struct chord *c, struct now now);
/* A failure of another node's making: counted and logged. */
void chord_refuse(struct chord *c, struct now now, const struct incoming *request, int err,
		  const char *event);
/* A duration around `ms`, from three quarters to five quarters of it. */
struct instant chord_jittered(struct chord *c, struct now now, uint64_t ms);

#endif
