/* SPDX-License-Identifier: MIT */
/* Bodies of Join, Leave, Update, RouteQuery (RFC 6940 6.4.2, 10.7 to 10.9), Attach and AppAttach
 * (6.5.1.1, 6.5.2). */
#ifndef OVERLAY_WIRE_BODY_ROUTING_H
#define OVERLAY_WIRE_BODY_ROUTING_H

#include "overlay/wire/address.h"
#include "overlay/wire/destination.h"

#define CANDIDATES_MAX 16
#define ICE_EXTENSIONS_MAX 16

enum overlay_link_type {
	OVERLAY_LINK_DTLS_UDP_SR = 1,
	OVERLAY_LINK_DTLS_UDP_SR_NO_ICE = 3,
	OVERLAY_LINK_TLS_TCP_FH_NO_ICE = 4
};

/* "TLS-TCP-FH-NO-ICE"; "unknown" for a type not listed. */
const char *overlay_link_type_name(unsigned type);

enum candidate_type { CANDIDATE_HOST = 1, CANDIDATE_SRFLX = 2, CANDIDATE_RELAY = 4 };

struct ice_extension {
	struct slice name;
	struct slice value;
};

struct ice_candidate {
	struct address address;
	uint8_t overlay_link; /* enum overlay_link_type or unknown */
	struct slice foundation;
	uint32_t priority;
	uint8_t type;           /* enum candidate_type */
	struct address related; /* srflx and relay only */
	struct ice_extension *extensions; /* arena */
	size_t extension_count;
};

/* AttachReq and AttachAns are one structure. */
struct attach {
	struct slice ufrag;
	struct slice password;
	struct slice role; /* "passive" in a request, "active" in an answer */
	struct ice_candidate *candidates; /* arena */
	size_t candidate_count;
	bool send_update;
};

/* AppAttachReq and AppAttachAns. */
struct app_attach {
	struct slice ufrag;
	struct slice password;
	uint16_t application; /* an Application-ID: 5060 SIP, 5061 SIPS */
	struct slice role;
	struct ice_candidate *candidates; /* arena */
	size_t candidate_count;
};

struct join_req {
	struct node_id joining_peer_id;
	struct slice overlay_specific_data;
};

struct join_ans {
	struct slice overlay_specific_data;
};

struct leave_req {
	struct node_id leaving_peer_id;
	struct slice overlay_specific_data; /* chord_leave */
};

struct route_query_req {
	bool send_update;
	struct destination destination;
	struct slice overlay_specific_data;
};

/* ChordRouteQueryAns (10.8). */
struct route_query_ans {
	struct node_id next_peer;
};

enum chord_update_type { CHORD_PEER_READY = 1, CHORD_NEIGHBORS = 2, CHORD_FULL = 3 };

/* The body of an UpdateReq in CHORD-RELOAD (10.7). UpdateAns is empty. */
struct chord_update {
	uint32_t uptime; /* seconds */
	uint8_t type;    /* enum chord_update_type */
	struct node_id *predecessors; /* arena; nearest first */
	size_t predecessor_count;
	struct node_id *successors; /* arena; nearest first */
	size_t successor_count;
	struct node_id *fingers; /* arena; ascending */
	size_t finger_count;
};

enum chord_leave_type { CHORD_FROM_SUCC = 1, CHORD_FROM_PRED = 2 };

struct chord_leave {
	uint8_t type; /* enum chord_leave_type */
	struct node_id *nodes; /* successors or predecessors of the leaving peer; arena */
	size_t count;
};

int ice_candidate_get(struct reader *r, struct arena *a, struct ice_candidate *c);
void ice_candidate_put(struct writer *w, const struct ice_candidate *c);
int attach_get(struct reader *r, struct arena *a, struct attach *x);
void attach_put(struct writer *w, const struct attach *x);
int app_attach_get(struct reader *r, struct arena *a, struct app_attach *x);
void app_attach_put(struct writer *w, const struct app_attach *x);
int join_req_get(struct reader *r, struct arena *a, struct join_req *x);
void join_req_put(struct writer *w, const struct join_req *x);
int join_ans_get(struct reader *r, struct arena *a, struct join_ans *x);
void join_ans_put(struct writer *w, const struct join_ans *x);
int leave_req_get(struct reader *r, struct arena *a, struct leave_req *x);
void leave_req_put(struct writer *w, const struct leave_req *x);
int route_query_req_get(struct reader *r, struct arena *a, struct route_query_req *x);
void route_query_req_put(struct writer *w, const struct route_query_req *x);
int route_query_ans_get(struct reader *r, struct arena *a, struct route_query_ans *x);
void route_query_ans_put(struct writer *w, const struct route_query_ans *x);
int chord_update_get(struct reader *r, struct arena *a, struct chord_update *x);
void chord_update_put(struct writer *w, const struct chord_update *x);
int chord_leave_get(struct reader *r, struct arena *a, struct chord_leave *x);
void chord_leave_put(struct writer *w, const struct chord_leave *x);

#endif
