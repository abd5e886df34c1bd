/* SPDX-License-Identifier: MIT */
/* Bodies of Ping, Probe, ConfigUpdate (RFC 6940 6.4.2.5, 6.5.3, 6.5.4), of Peal's Inspect (the
 * experimental method exp_b), and TurnServer (section 9). */
#ifndef OVERLAY_WIRE_BODY_MISC_H
#define OVERLAY_WIRE_BODY_MISC_H

#include "overlay/wire/address.h"
#include "overlay/wire/node_id.h"

struct ping_req {
	struct slice padding;
};

struct ping_ans {
	uint64_t response_id;
	uint64_t time; /* ms since 1970 UTC */
};

enum probe_information_type { PROBE_RESPONSIBLE_SET = 1, PROBE_NUM_RESOURCES = 2, PROBE_UPTIME = 3 };

struct probe_req {
	struct slice requested_info; /* one byte each, enum probe_information_type */
};

struct probe_information {
	uint8_t type;
	uint32_t value;      /* ppb, count or seconds by type; 0 for an unknown type */
	struct slice unknown; /* the bytes of an unknown type */
};

struct probe_ans {
	struct probe_information *items; /* arena */
	size_t count;
};

enum config_update_type { CONFIG_UPDATE_CONFIG = 1, CONFIG_UPDATE_KIND = 2 };

struct config_update_req {
	uint8_t type;            /* enum config_update_type, or unknown */
	struct slice config_data; /* CONFIG_UPDATE_CONFIG: the document; unknown types: the raw bytes */
	struct slice *kinds;      /* CONFIG_UPDATE_KIND: kind-block texts; arena */
	size_t kind_count;
};

/* InspectReq is empty. InspectAns: what `pealctl ring` shows of a peer. */
struct inspect_ans {
	uint32_t uptime;    /* seconds */
	uint32_t resources; /* Resource-IDs held */
	uint32_t values;    /* stored values held, replicas included */
	uint8_t joined;     /* Boolean */
	struct address addresses[4];
	uint8_t address_count;
	struct node_id *predecessors; /* arena; nearest first */
	size_t predecessor_count;
	struct node_id *successors; /* arena; nearest first */
	size_t successor_count;
	struct slice version; /* UTF-8, "peald 0.1.0" */
};

struct turn_server {
	uint8_t iteration;
	struct address address;
};

int ping_req_get(struct reader *r, struct arena *a, struct ping_req *x);
void ping_req_put(struct writer *w, const struct ping_req *x);
int ping_ans_get(struct reader *r, struct arena *a, struct ping_ans *x);
void ping_ans_put(struct writer *w, const struct ping_ans *x);
int probe_req_get(struct reader *r, struct arena *a, struct probe_req *x);
void probe_req_put(struct writer *w, const struct probe_req *x);
int probe_ans_get(struct reader *r, struct arena *a, struct probe_ans *x);
void probe_ans_put(struct writer *w, const struct probe_ans *x);
int config_update_req_get(struct reader *r, struct arena *a, struct config_update_req *x);
void config_update_req_put(struct writer *w, const struct config_update_req *x);
int inspect_ans_get(struct reader *r, struct arena *a, struct inspect_ans *x);
void inspect_ans_put(struct writer *w, const struct inspect_ans *x);
int turn_server_get(struct reader *r, struct arena *a, struct turn_server *x);
void turn_server_put(struct writer *w, const struct turn_server *x);

#endif
