/* SPDX-License-Identifier: MIT */
/* Messages and frames as text: the parts that all have. */
#include "overlay/wire/dump.h"

#include "overlay/wire/body_data.h"
#include "overlay/wire/dump_body.h"
#include "overlay/wire/frame.h"
#include "overlay/wire/message.h"
#include "overlay/wire/method.h"

#define DUMP_ARENA_CAP (16u << 20) /* bytes; more lists than this are no message of ours */
#define FRAME_MESSAGE_MAX 0xffffffu

/* The data models that RFC 6940 section 14.6 and RFC 7904 give their Kinds, and that of HIP-RVS. */
static uint8_t dump_model_of(uint32_t kind)
{
	switch (kind) {
	case 0x1: /* SIP-REGISTRATION */
	case 0xf0000001: /* HIP-RVS */
		return DATA_MODEL_DICTIONARY;
	case 0x2: /* TURN-SERVICE */
		return DATA_MODEL_SINGLE;
	case 0x3:  /* CERTIFICATE_BY_NODE */
	case 0x10: /* CERTIFICATE_BY_USER */
		return DATA_MODEL_ARRAY;
	default:
		return 0;
	}
}

static void dump_error_response(struct dump *d, struct reader *r)
{
	struct error_response e;
	struct reader info;

	error_response_get(r, &e);
	if (reader_finish(r) != 0)
		return;
	dump_line(d, "error_code: 0x%x %s", e.code, error_name(error_from_reload_code(e.code)));
	info = reader_of(e.info);
	if (e.code == error_reload_code(ERR_GENERATION_COUNTER_TOO_LOW))
		dump_store_ans(d, &info);
	if (e.code != error_reload_code(ERR_GENERATION_COUNTER_TOO_LOW) || reader_finish(&info) != 0)
		dump_text(d, "error_info", e.info);
}

static void dump_empty(struct dump *d, struct reader *r)
{
	(void)d;
	if (reader_more(r))
		reader_fail(r, ERR_TRAILING);
}

static const struct {
	uint16_t code;
	const char *structure;
	dump_body_fn *print;
} dump_bodies[] = {
	{ 0x01, "ProbeReq", dump_probe_req },
	{ 0x02, "ProbeAns", dump_probe_ans },
	{ 0x03, "AttachReqAns", dump_attach },
	{ 0x04, "AttachReqAns", dump_attach },
	{ 0x07, "StoreReq", dump_store_req },
	{ 0x08, "StoreAns", dump_store_ans },
	{ 0x09, "FetchReq", dump_fetch_req },
	{ 0x0a, "FetchAns", dump_fetch_ans },
	{ 0x0d, "FindReq", dump_find_req },
	{ 0x0e, "FindAns", dump_find_ans },
	{ 0x0f, "JoinReq", dump_join_req },
	{ 0x10, "JoinAns", dump_join_ans },
	{ 0x11, "LeaveReq", dump_leave_req },
	{ 0x12, "LeaveAns", dump_empty },
	{ 0x13, "ChordUpdate", dump_chord_update },
	{ 0x14, "UpdateAns", dump_empty },
	{ 0x15, "RouteQueryReq", dump_route_query_req },
	{ 0x16, "ChordRouteQueryAns", dump_route_query_ans },
	{ 0x17, "PingReq", dump_ping_req },
	{ 0x18, "PingAns", dump_ping_ans },
	{ 0x19, "StatReq", dump_stat_req },
	{ 0x1a, "StatAns", dump_stat_ans },
	{ 0x1d, "AppAttachReq", dump_app_attach },
	{ 0x1e, "AppAttachAns", dump_app_attach },
	{ 0x21, "ConfigUpdateReq", dump_config_update_req },
	{ 0x22, "ConfigUpdateAns", dump_empty },
	{ 0x23, "HipCarryReq", dump_hip_carry_req },
	{ 0x24, "HipCarryAns", dump_hip_carry_ans },
	{ 0x25, "InspectReq", dump_empty },
	{ 0x26, "InspectAns", dump_inspect_ans },
	{ MESSAGE_CODE_ERROR, "ErrorResponse", dump_error_response },
};

static void dump_stop(struct dump *d, const char *where, const struct reader *r, struct slice bytes)
{
	/* Where the failing field starts, counted from the message's own start. */
	size_t at = r->stopped == NULL ? 0 : (size_t)(r->stopped - bytes.data);

	dump_line(d, "stopped in %s at byte %zu of %zu: %s", where, at, bytes.len, error_text(r->err));
}

static void dump_destinations(struct dump *d, const char *name, struct slice list, struct reader *outer)
{
	struct reader r = reader_of(list);

	dump_line(d, "%s: %zu bytes", name, list.len);
	d->depth++;
	while (reader_more(&r)) {
		struct destination x;

		destination_get(&r, &x);
		if (r.err == 0)
			dump_destination(d, "destination", &x);
	}
	d->depth--;
	reader_join(outer, &r);
}

static void dump_options(struct dump *d, struct slice list, struct reader *outer)
{
	struct reader r = reader_of(list);

	dump_line(d, "options: %zu bytes", list.len);
	d->depth++;
	while (reader_more(&r)) {
		struct forwarding_option o;

		forwarding_option_get(&r, &o);
		if (r.err != 0)
			break;
		dump_line(d, "type: %u", o.type);
		d->depth++;
		dump_line(d, "flags: 0x%02x%s%s%s", o.flags,
			  o.flags & FORWARD_CRITICAL ? " FORWARD_CRITICAL" : "",
			  o.flags & DESTINATION_CRITICAL ? " DESTINATION_CRITICAL" : "",
			  o.flags & RESPONSE_COPY ? " RESPONSE_COPY" : "");
		dump_bytes(d, "value", o.value);
		d->depth--;
	}
	d->depth--;
	reader_join(outer, &r);
}

static void dump_header(struct dump *d, const struct forwarding_header *h, struct reader *r)
{
	dump_open(d, "ForwardingHeader");
	dump_line(d, "relo_token: 0x%08x%s", h->relo_token, h->relo_token == RELO_TOKEN ? "" : " (wrong)");
	dump_line(d, "overlay: 0x%08x", h->overlay);
	dump_line(d, "configuration_sequence: %u", h->configuration_sequence);
	dump_line(d, "version: 0x%02x", h->version);
	dump_line(d, "ttl: %u", h->ttl);
	dump_line(d, "fragment: 0x%08x (%soffset %u)", h->fragment,
		  h->fragment & FRAGMENT_LAST ? "last, " : "", h->fragment & FRAGMENT_OFFSET);
	dump_line(d, "length: %u", h->length);
	dump_line(d, "transaction_id: 0x%016llx", (unsigned long long)h->transaction_id);
	dump_line(d, "max_response_length: %u", h->max_response_length);
	dump_destinations(d, "via_list", h->via_list, r);
	dump_destinations(d, "destination_list", h->destination_list, r);
	dump_options(d, h->options, r);
	dump_close(d);
}

/* The body by its code: the ERR_* at which it stopped; 0 also for one that nobody knows. */
static int dump_contents(struct dump *d, const struct message_contents *c, struct slice bytes)
{
	struct reader body = reader_of(c->body);
	bool known = false;
	int err = 0;

	dump_open(d, "MessageContents");
	dump_line(d, "message_code: 0x%x %s", c->code, message_code_name(c->code));
	for (size_t i = 0; i < sizeof(dump_bodies) / sizeof(dump_bodies[0]); i++) {
		if (dump_bodies[i].code != c->code)
			continue;
		known = true;
		dump_open(d, dump_bodies[i].structure);
		dump_bodies[i].print(d, &body);
		dump_close(d);
		err = reader_finish(&body);
		if (err != 0) {
			dump_bytes(d, "message_body", c->body);
			dump_stop(d, dump_bodies[i].structure, &body, bytes);
		}
	}
	if (!known)
		dump_bytes(d, "message_body", c->body);
	for (size_t i = 0; i < c->extension_count; i++) {
		dump_open(d, "MessageExtension");
		dump_line(d, "type: %u", c->extensions[i].type);
		dump_bool(d, "critical", c->extensions[i].critical);
		dump_bytes(d, "extension_contents", c->extensions[i].contents);
		dump_close(d);
	}
	dump_close(d);
	return err;
}

static void dump_security(struct dump *d, const struct security_block *b)
{
	dump_open(d, "SecurityBlock");
	dump_line(d, "certificates: %zu", b->certificates.count);
	d->depth++;
	for (size_t i = 0; i < b->certificates.count; i++)
		dump_bytes(d, "certificate", b->certificates.items[i]);
	d->depth--;
	dump_signature(d, &b->signature);
	dump_close(d);
}

/* The parts in their order; the first failure ends it, but for one inside the body. */
static int dump_message_parts(struct dump *d, struct slice bytes)
{
	struct reader r = reader_of(bytes);
	struct forwarding_header header;
	struct message_contents contents;
	struct security_block security;
	int err;

	forwarding_header_get(&r, &header);
	if (r.err != 0) {
		dump_stop(d, "ForwardingHeader", &r, bytes);
		return r.err;
	}
	dump_header(d, &header, &r);
	if (r.err != 0) {
		dump_stop(d, "ForwardingHeader", &r, bytes);
		return r.err;
	}
	if ((header.fragment & (FRAGMENT_LAST | FRAGMENT_OFFSET)) != FRAGMENT_LAST) {
		dump_bytes(d, "fragment of a message", reader_bytes(&r, reader_left(&r)));
		return 0;
	}
	if (header.length != bytes.len)
		dump_line(d, "length says %u, there are %zu bytes", header.length, bytes.len);
	if (message_contents_get(&r, d->arena, &contents) != 0) {
		dump_stop(d, "MessageContents", &r, bytes);
		return r.err;
	}
	err = dump_contents(d, &contents, bytes);
	if (security_block_get(&r, d->arena, &security) != 0) {
		dump_stop(d, "SecurityBlock", &r, bytes);
		return r.err;
	}
	dump_security(d, &security);
	if (reader_finish(&r) != 0) {
		dump_stop(d, "message", &r, bytes);
		return r.err;
	}
	return err != 0 ? err : header.length != bytes.len ? ERR_MALFORMED : 0;
}

int dump_message(struct slice bytes, uint8_t (*model_of)(uint32_t kind), dump_sink_fn *sink, void *ctx)
{
	struct arena arena;
	struct dump d = {
		.sink = sink,
		.ctx = ctx,
		.model_of = model_of != NULL ? model_of : dump_model_of,
		.arena = &arena,
	};
	int err;

	arena_init(&arena, DUMP_ARENA_CAP);
	err = dump_message_parts(&d, bytes);
	arena_free(&arena);
	return err;
}

int dump_frames(struct slice bytes, uint8_t (*model_of)(uint32_t kind), dump_sink_fn *sink, void *ctx)
{
	struct dump d = { .sink = sink, .ctx = ctx };
	struct reader r = reader_of(bytes);
	int first = 0;

	while (reader_more(&r)) {
		size_t at = bytes.len - reader_left(&r);
		struct reader ahead = r;
		struct frame f;
		size_t taken = 0;
		int got = frame_cut(reader_bytes(&ahead, reader_left(&ahead)), FRAME_MESSAGE_MAX, &f, &taken);
		int err = got == 0 ? ERR_TRUNCATED : got < 0 ? got : 0;

		if (err != 0) {
			dump_line(&d, "stopped in FramedMessage at byte %zu of %zu: %s", at, bytes.len,
				  error_text(err));
			return err;
		}
		reader_bytes(&r, taken);
		if (f.type == FRAME_ACK) {
			dump_line(&d, "FramedMessage at byte %zu: ack, ack_sequence %u, received 0x%08x", at,
				  f.sequence, f.received);
			continue;
		}
		dump_line(&d, "FramedMessage at byte %zu: data, sequence %u, message %zu bytes", at,
			  f.sequence, f.message.len);
		err = dump_message(f.message, model_of, sink, ctx);
		if (first == 0)
			first = err;
	}
	return first;
}
