/* SPDX-License-Identifier: MIT */
/* Bodies of Join, Leave, Update, RouteQuery, Attach and AppAttach. */
#include "overlay/wire/body_routing.h"

#include "overlay/wire/list.h"

const char *overlay_link_type_name(unsigned type)
{
	switch (type) {
	case OVERLAY_LINK_DTLS_UDP_SR:
		return "DTLS-UDP-SR";
	case OVERLAY_LINK_DTLS_UDP_SR_NO_ICE:
		return "DTLS-UDP-SR-NO-ICE";
	case OVERLAY_LINK_TLS_TCP_FH_NO_ICE:
		return "TLS-TCP-FH-NO-ICE";
	default:
		return "unknown";
	}
}

/* RESERVED(3) was ICE's peer reflexive; 6.5.1.1 says that it, too, has a related address. */
#define CANDIDATE_PRFLX 3

static void ice_extension_skip(struct reader *r)
{
	reader_opaque16(r);
	reader_opaque16(r);
}

static bool candidate_has_related(uint8_t type)
{
	return type == CANDIDATE_SRFLX || type == CANDIDATE_PRFLX || type == CANDIDATE_RELAY;
}

/* struct { opaque name<0..2^16-1>; opaque value<0..2^16-1>; } IceExtension;
 * struct {
 *   IpAddressPort addr_port; OverlayLinkType overlay_link; opaque foundation<0..255>; uint32 priority;
 *   CandType type; select (type) { case host: ; case srflx: case relay: IpAddressPort rel_addr_port; };
 *   IceExtension extensions<0..2^16-1>;
 * } IceCandidate; */
int ice_candidate_get(struct reader *r, struct arena *a, struct ice_candidate *c)
{
	struct reader list;

	address_get(r, &c->address);
	c->overlay_link = reader_u8(r);
	c->foundation = reader_opaque8(r);
	c->priority = reader_u32(r);
	c->type = reader_u8(r);
	c->related = (struct address){ .type = ADDRESS_NONE };
	if (candidate_has_related(c->type))
		address_get(r, &c->related);
	else if (c->type != CANDIDATE_HOST)
		reader_fail(r, ERR_MALFORMED);
	list = reader_sub16(r);
	c->extensions = list_room(&list, a, ICE_EXTENSIONS_MAX, ice_extension_skip,
				  sizeof(struct ice_extension), &c->extension_count);
	for (size_t i = 0; i < c->extension_count; i++) {
		c->extensions[i].name = reader_opaque16(&list);
		c->extensions[i].value = reader_opaque16(&list);
	}
	reader_join(r, &list);
	return r->err;
}

void ice_candidate_put(struct writer *w, const struct ice_candidate *c)
{
	size_t place;

	address_put(w, &c->address);
	writer_u8(w, c->overlay_link);
	writer_opaque8(w, c->foundation);
	writer_u32(w, c->priority);
	writer_u8(w, c->type);
	if (candidate_has_related(c->type))
		address_put(w, &c->related);
	else if (c->type != CANDIDATE_HOST)
		writer_fail(w, ERR_MALFORMED);
	place = writer_begin16(w);
	for (size_t i = 0; i < c->extension_count; i++) {
		writer_opaque16(w, c->extensions[i].name);
		writer_opaque16(w, c->extensions[i].value);
	}
	writer_end16(w, place);
}

static void ice_candidate_skip(struct reader *r)
{
	uint8_t type;

	reader_u8(r);
	reader_opaque8(r);
	reader_u8(r);
	reader_opaque8(r);
	reader_u32(r);
	type = reader_u8(r);
	if (candidate_has_related(type)) {
		reader_u8(r);
		reader_opaque8(r);
	}
	reader_opaque16(r);
}

/* IceCandidate candidates<0..2^16-1>; */
static void candidates_get(struct reader *r, struct arena *a, struct ice_candidate **candidates,
			   size_t *count)
{
	struct reader list = reader_sub16(r);

	*candidates = list_room(&list, a, CANDIDATES_MAX, ice_candidate_skip,
				sizeof(struct ice_candidate), count);
	for (size_t i = 0; i < *count; i++)
		ice_candidate_get(&list, a, &(*candidates)[i]);
	reader_join(r, &list);
}

static void candidates_put(struct writer *w, const struct ice_candidate *candidates, size_t count)
{
	size_t place = writer_begin16(w);

	for (size_t i = 0; i < count; i++)
		ice_candidate_put(w, &candidates[i]);
	writer_end16(w, place);
}

/* struct { opaque ufrag<0..2^8-1>; opaque password<0..2^8-1>; opaque role<0..2^8-1>;
 *   IceCandidate candidates<0..2^16-1>; Boolean send_update; } AttachReqAns; */
int attach_get(struct reader *r, struct arena *a, struct attach *x)
{
	x->ufrag = reader_opaque8(r);
	x->password = reader_opaque8(r);
	x->role = reader_opaque8(r);
	candidates_get(r, a, &x->candidates, &x->candidate_count);
	x->send_update = reader_bool(r);
	return r->err;
}

void attach_put(struct writer *w, const struct attach *x)
{
	writer_opaque8(w, x->ufrag);
	writer_opaque8(w, x->password);
	writer_opaque8(w, x->role);
	candidates_put(w, x->candidates, x->candidate_count);
	writer_bool(w, x->send_update);
}

/* struct { opaque ufrag<0..2^8-1>; opaque password<0..2^8-1>; uint16 application; opaque role<0..2^8-1>;
 *   IceCandidate candidates<0..2^16-1>; } AppAttachReq; and AppAttachAns */
int app_attach_get(struct reader *r, struct arena *a, struct app_attach *x)
{
	x->ufrag = reader_opaque8(r);
	x->password = reader_opaque8(r);
	x->application = reader_u16(r);
	x->role = reader_opaque8(r);
	candidates_get(r, a, &x->candidates, &x->candidate_count);
	return r->err;
}

void app_attach_put(struct writer *w, const struct app_attach *x)
{
	writer_opaque8(w, x->ufrag);
	writer_opaque8(w, x->password);
	writer_u16(w, x->application);
	writer_opaque8(w, x->role);
	candidates_put(w, x->candidates, x->candidate_count);
}

/* struct { NodeId joining_peer_id; opaque overlay_specific_data<0..2^16-1>; } JoinReq; */
int join_req_get(struct reader *r, struct arena *a, struct join_req *x)
{
	(void)a;
	node_id_get(r, &x->joining_peer_id);
	x->overlay_specific_data = reader_opaque16(r);
	return r->err;
}

void join_req_put(struct writer *w, const struct join_req *x)
{
	node_id_put(w, &x->joining_peer_id);
	writer_opaque16(w, x->overlay_specific_data);
}

/* struct { opaque overlay_specific_data<0..2^16-1>; } JoinAns; */
int join_ans_get(struct reader *r, struct arena *a, struct join_ans *x)
{
	(void)a;
	x->overlay_specific_data = reader_opaque16(r);
	return r->err;
}

void join_ans_put(struct writer *w, const struct join_ans *x)
{
	writer_opaque16(w, x->overlay_specific_data);
}

/* struct { NodeId leaving_peer_id; opaque overlay_specific_data<0..2^16-1>; } LeaveReq; */
int leave_req_get(struct reader *r, struct arena *a, struct leave_req *x)
{
	(void)a;
	node_id_get(r, &x->leaving_peer_id);
	x->overlay_specific_data = reader_opaque16(r);
	return r->err;
}

void leave_req_put(struct writer *w, const struct leave_req *x)
{
	node_id_put(w, &x->leaving_peer_id);
	writer_opaque16(w, x->overlay_specific_data);
}

/* struct { Boolean send_update; Destination destination; opaque overlay_specific_data<0..2^16-1>; }
 *   RouteQueryReq; */
int route_query_req_get(struct reader *r, struct arena *a, struct route_query_req *x)
{
	(void)a;
	x->send_update = reader_bool(r);
	destination_get(r, &x->destination);
	x->overlay_specific_data = reader_opaque16(r);
	return r->err;
}

void route_query_req_put(struct writer *w, const struct route_query_req *x)
{
	writer_bool(w, x->send_update);
	destination_put(w, &x->destination);
	writer_opaque16(w, x->overlay_specific_data);
}

/* struct { NodeId next_peer; } ChordRouteQueryAns; */
int route_query_ans_get(struct reader *r, struct arena *a, struct route_query_ans *x)
{
	(void)a;
	node_id_get(r, &x->next_peer);
	return r->err;
}

void route_query_ans_put(struct writer *w, const struct route_query_ans *x)
{
	node_id_put(w, &x->next_peer);
}

/* struct { uint32 uptime; ChordUpdateType type; select (type) {
 *   case peer_ready: ;
 *   case neighbors: NodeId predecessors<0..2^16-1>; NodeId successors<0..2^16-1>;
 *   case full: NodeId predecessors<0..2^16-1>; NodeId successors<0..2^16-1>; NodeId fingers<0..2^16-1>;
 * }; } ChordUpdate; */
int chord_update_get(struct reader *r, struct arena *a, struct chord_update *x)
{
	*x = (struct chord_update){ .uptime = reader_u32(r) };
	x->type = reader_u8(r);
	if (x->type < CHORD_PEER_READY || x->type > CHORD_FULL)
		return reader_fail(r, ERR_MALFORMED);
	if (x->type == CHORD_PEER_READY)
		return r->err;
	node_id_list_get(r, a, &x->predecessors, &x->predecessor_count);
	node_id_list_get(r, a, &x->successors, &x->successor_count);
	if (x->type == CHORD_FULL)
		node_id_list_get(r, a, &x->fingers, &x->finger_count);
	return r->err;
}

void chord_update_put(struct writer *w, const struct chord_update *x)
{
	writer_u32(w, x->uptime);
	writer_u8(w, x->type);
	if (x->type < CHORD_PEER_READY || x->type > CHORD_FULL)
		writer_fail(w, ERR_MALFORMED);
	if (x->type == CHORD_PEER_READY)
		return;
	node_id_list_put(w, x->predecessors, x->predecessor_count);
	node_id_list_put(w, x->successors, x->successor_count);
	if (x->type == CHORD_FULL)
		node_id_list_put(w, x->fingers, x->finger_count);
}

/* struct { ChordLeaveType type; select (type) { case from_succ: NodeId successors<0..2^16-1>;
 *   case from_pred: NodeId predecessors<0..2^16-1>; }; } ChordLeaveData; */
int chord_leave_get(struct reader *r, struct arena *a, struct chord_leave *x)
{
	*x = (struct chord_leave){ .type = reader_u8(r) };
	if (x->type != CHORD_FROM_SUCC && x->type != CHORD_FROM_PRED)
		return reader_fail(r, ERR_MALFORMED);
	return node_id_list_get(r, a, &x->nodes, &x->count);
}

void chord_leave_put(struct writer *w, const struct chord_leave *x)
{
	writer_u8(w, x->type);
	if (x->type != CHORD_FROM_SUCC && x->type != CHORD_FROM_PRED)
		writer_fail(w, ERR_MALFORMED);
	node_id_list_put(w, x->nodes, x->count);
}
