/* SPDX-License-Identifier: MIT */
/* Message Transport: the requests of other nodes, each handed to its handler once, and their
 * answers, kept for repeats. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/config_update.h"
#include "overlay/forwarding.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"
#include "overlay/transport_state.h"

#define INBOUND_KEY (NODE_ID_LENGTH + sizeof(uint64_t))

/* A request that came in: waiting for its answer, or answered and remembered. There are many. */
struct inbound {
	uint8_t key[INBOUND_KEY]; /* signer, transaction id */
	uint64_t handle;
	uint64_t transaction_id;
	struct instant received;
	link_id link; /* the latest copy came this way */
	struct node_id previous_hop;
	uint8_t *path;   /* owned: Via List, then options to be copied; NULL: neither */
	uint8_t *answer; /* owned: contents and security block; NULL: not answered yet */
	uint32_t via_len;
	uint32_t options_len;
	uint32_t answer_len;
	uint32_t max_response_length;
	uint8_t method; /* enum method */
	bool is_local;
	bool is_known; /* in the tables */
};

static struct slice inbound_key(const struct inbound *in)
{
	return slice_of(in->key, sizeof(in->key));
}

static struct slice inbound_handle_key(const uint64_t *handle)
{
	return slice_of(handle, sizeof(*handle));
}

static size_t inbound_bytes(const struct inbound *in)
{
	return sizeof(*in) + in->via_len + in->options_len + in->answer_len;
}

static void inbound_remove(struct peer *p, struct inbound *in)
{
	struct transport *t = p->transport;

	map_remove(t->inbound, inbound_key(in));
	if (in->answer == NULL)
		map_remove(t->handles, inbound_handle_key(&in->handle));
	t->inbound_bytes -= inbound_bytes(in);
	free(in->path);
	free(in->answer);
	free(in);
}

/* The oldest request that is remembered, or NULL: all live equally long, so they expire in order.
 */
static struct inbound *inbound_oldest(const struct peer *p)
{
	size_t cursor = 0;
	void *in;

	return map_next(p->transport->inbound, &cursor, NULL, &in) ? in : NULL;
}

void transport_inbound_free(struct peer *p)
{
	struct inbound *in;

	timer_disarm(&p->timers, &p->transport->inbound_timer);
	while ((in = inbound_oldest(p)) != NULL)
		inbound_remove(p, in);
}

static struct instant inbound_expires(const struct peer *p, const struct inbound *in)
{
	return instant_add(in->received, transport_lifetime(p));
}

static void inbound_sweep(void *ctx, struct now now)
{
	struct peer *p = ctx;
	struct inbound *in;

	while ((in = inbound_oldest(p)) != NULL && instant_due(inbound_expires(p, in), now.mono))
		inbound_remove(p, in);
	map_trim(p->transport->inbound);
	map_trim(p->transport->handles);
	if (in != NULL)
		timer_arm(&p->timers, &p->transport->inbound_timer, inbound_expires(p, in),
			  inbound_sweep, p);
}

static void inbound_keep_limits(struct peer *p)
{
	struct transport *t = p->transport;

	while (map_count(t->inbound) > TRANSPORT_INBOUND_MAX ||
	       t->inbound_bytes > TRANSPORT_INBOUND_BYTES)
		inbound_remove(p, inbound_oldest(p));
}

static struct inbound *inbound_find_handle(struct peer *p, uint64_t handle)
{
	return map_find(p->transport->handles, inbound_handle_key(&handle));
}

static struct inbound *inbound_new(struct peer *p, struct now now, const struct node_id *signer,
				   uint64_t transaction_id, enum method method)
{
	struct transport *t = p->transport;
	struct inbound *in = memory_alloc(sizeof(*in));
	struct writer w = writer_of(in->key, sizeof(in->key));

	node_id_put(&w, signer);
	writer_u64(&w, transaction_id);
	in->handle = ++t->last_handle;
	in->transaction_id = transaction_id;
	in->method = (uint8_t)method;
	in->received = now.mono;
	return in;
}

static void inbound_add(struct peer *p, struct inbound *in)
{
	struct transport *t = p->transport;
	struct inbound *same = map_put(t->inbound, inbound_key(in), in);

	invariant(same == NULL);
	map_put(t->handles, inbound_handle_key(&in->handle), in);
	in->is_known = true;
	t->inbound_bytes += inbound_bytes(in);
	inbound_keep_limits(p);
	if (!timer_is_armed(&t->inbound_timer))
		timer_arm(&p->timers, &t->inbound_timer, inbound_expires(p, in), inbound_sweep, p);
}

/* The way back, of the latest copy: a repeat may have come another way. */
static void inbound_take_path(struct peer *p, struct inbound *in, const struct link *l,
			      const struct forwarding_header *h, struct slice options)
{
	size_t before = inbound_bytes(in);
	size_t len = h->via_list.len + options.len;
	struct writer w;

	free(in->path);
	in->via_len = (uint32_t)h->via_list.len;
	in->options_len = (uint32_t)options.len;
	in->path = len == 0 ? NULL : memory_alloc(len);
	w = writer_of(in->path, len);
	writer_bytes(&w, h->via_list);
	writer_bytes(&w, options);
	in->link = l->id;
	in->previous_hop = l->node_id;
	in->max_response_length = h->max_response_length;
	if (in->is_known)
		p->transport->inbound_bytes += inbound_bytes(in) - before;
}

/* ---- Answers ---- */

/* Methods whose handling changes nothing: a repeat is simply handled again (6.2.1), so nothing is
 * kept. */
static bool inbound_is_idempotent(enum method method)
{
	switch (method) {
	case METHOD_PING:
	case METHOD_PROBE:
	case METHOD_FETCH:
	case METHOD_STAT:
	case METHOD_FIND:
	case METHOD_ROUTE_QUERY:
	case METHOD_EXP_B:
		return true;
	default:
		return false;
	}
}

/* The link an answer leaves by: the one its request came over while it is there. */
static struct link *inbound_return_link(struct peer *p, link_id link,
					const struct node_id *previous_hop,
					struct slice *destinations)
{
	struct link *l = link_of_id(p, link);

	if (l != NULL && (l->state == LINK_UP || l->state == LINK_ATTACHED) &&
	    node_id_equal(&l->node_id, previous_hop))
		return l;
	return forwarding_route(p, destinations, &l) == FORWARDING_LINK ? l : NULL;
}

static int inbound_send(struct peer *p, struct now now, struct inbound *in, struct slice tail)
{
	struct forwarding_header h = forwarding_header_own(p, in->transaction_id);
	struct link *l;
	int err = forwarding_return_path(p, &in->previous_hop, slice_of(in->path, in->via_len),
					 &h.destination_list);

	if (err != 0)
		return err;
	if (in->options_len > 0)
		h.options = arena_copy(peer_arena(p), slice_of(in->path + in->via_len, in->options_len));
	l = inbound_return_link(p, in->link, &in->previous_hop, &h.destination_list);
	if (l == NULL)
		return ERR_NO_ROUTE;
	p->counters.messages_sent++;
	return framing_send(p, now, l, &h, tail);
}

static size_t inbound_answer_size(const struct inbound *in, size_t tail_len)
{
	return FORWARDING_HEADER_FIXED + in->via_len + in->options_len + NODE_ID_LENGTH + 2 +
	       tail_len;
}

/* Signs, sends and keeps. ERR_RESPONSE_TOO_LARGE: the requester or the overlay does not want so
 * much. */
static int inbound_answer(struct peer *p, struct now now, struct inbound *in, uint16_t code,
			  struct slice body, const struct slice *certificates,
			  size_t certificate_count)
{
	struct slice tail;
	size_t size;
	int err = transport_seal(p, in->transaction_id, code, body, certificates, certificate_count,
				 &tail);

	if (err != 0)
		return err;
	size = inbound_answer_size(in, tail.len);
	if (size > p->configuration->max_message_size ||
	    (in->max_response_length != 0 && size > in->max_response_length))
		return ERR_RESPONSE_TOO_LARGE;
	err = inbound_send(p, now, in, tail);
	if (err != 0) {
		counter_error(&p->counters, err);
		log_debug(p->log, "answer.unsent", "transaction=%016llx reason=%s",
			  (unsigned long long)in->transaction_id, error_name(err));
	}
	if (inbound_is_idempotent(in->method)) {
		inbound_remove(p, in);
		return 0;
	}
	/* A second answer is ignored: the handle is of no more use. */
	map_remove(p->transport->handles, inbound_handle_key(&in->handle));
	in->answer = memory_alloc(tail.len);
	memcpy(in->answer, tail.data, tail.len);
	in->answer_len = (uint32_t)tail.len;
	p->transport->inbound_bytes += tail.len;
	inbound_keep_limits(p);
	return 0;
}

void transport_answer_error(struct peer *p, struct now now, uint64_t handle, int err,
			    struct slice info)
{
	struct inbound *in = inbound_find_handle(p, handle);
	uint64_t transaction_id;
	struct slice body;
	int sent;

	if (in == NULL || in->answer != NULL)
		return;
	transaction_id = in->transaction_id;
	counter_error(&p->counters, err);
	log_info(p->log, "request.refused", "transaction=%016llx method=%s reason=%s",
		 (unsigned long long)transaction_id, method_name(in->method), error_name(err));
	body = transport_error_body(p, err, info);
	if (body.len == 0) {
		inbound_remove(p, in);
		return;
	}
	p->counters.errors_answered++;
	if (in->is_local) {
		struct reader r = reader_of(body);
		struct error_response e;

		/* As it would come over the network: the codes are fewer than our errors. */
		error_response_get(&r, &e);
		transport_queue_local(p, now, transaction_id, true, error_from_reload_code(e.code),
				      parcel_new(e.info, NULL, 0));
		inbound_remove(p, in);
		return;
	}
	/* An Error is small: no limit that a requester sets keeps it from being told. */
	in->max_response_length = 0;
	sent = inbound_answer(p, now, in, MESSAGE_CODE_ERROR, body, NULL, 0);
	if (sent != 0) {
		counter_error(&p->counters, sent);
		inbound_remove(p, in);
	}
}

void transport_answer(struct peer *p, struct now now, uint64_t handle, struct slice body,
		      const struct slice *certificates, size_t certificate_count)
{
	struct inbound *in = inbound_find_handle(p, handle);
	int err;

	if (in == NULL || in->answer != NULL)
		return;
	if (in->is_local) {
		transport_queue_local(p, now, in->transaction_id, true, 0,
				      parcel_new(body, certificates, certificate_count));
		inbound_remove(p, in);
		return;
	}
	err = inbound_answer(p, now, in, method_answer_code(in->method), body, certificates,
			     certificate_count);
	if (err != 0)
		transport_answer_error(p, now, handle, err, SLICE_EMPTY);
}

void transport_refuse(struct peer *p, struct now now, struct link *l,
		      const struct forwarding_header *h, int err)
{
	struct forwarding_header answer = forwarding_header_own(p, h->transaction_id);
	struct slice body = transport_error_body(p, err, SLICE_EMPTY);
	struct slice tail;

	if (body.len == 0 || l->state == LINK_OPENING ||
	    forwarding_return_path(p, &l->node_id, h->via_list, &answer.destination_list) != 0 ||
	    transport_seal(p, h->transaction_id, MESSAGE_CODE_ERROR, body, NULL, 0, &tail) != 0)
		return;
	if (framing_send(p, now, l, &answer, tail) == 0) {
		p->counters.errors_answered++;
		p->counters.messages_sent++;
	}
}

/* ---- Requests ---- */

void transport_set_handler(struct peer *p, enum method method, request_fn *handler, void *ctx)
{
	p->transport->handlers[method] = (struct request_handler){ handler, ctx };
}

static void inbound_dispatch(struct peer *p, struct now now, const struct incoming *request)
{
	const struct request_handler *handler = &p->transport->handlers[request->method];

	p->counters.requests_in[request->method]++;
	if (handler->fn == NULL)
		transport_answer_error(p, now, request->handle, ERR_INVALID_MESSAGE,
				       slice_text("method not supported"));
	else
		handler->fn(handler->ctx, now, request);
}

/* Options with RESPONSE_COPY go into the answer with their flags cleared (6.3.2.3). */
static int inbound_response_options(struct peer *p, struct slice options, struct slice *out)
{
	struct reader r = reader_of(options);
	struct writer w = writer_of(arena_alloc(peer_arena(p), options.len), options.len);

	if (w.data == NULL)
		return ERR_LIMIT;
	while (reader_more(&r)) {
		struct forwarding_option o;

		forwarding_option_get(&r, &o);
		if ((o.flags & RESPONSE_COPY) == 0)
			continue;
		o.flags = 0;
		forwarding_option_put(&w, &o);
	}
	*out = writer_slice(&w);
	return reader_finish(&r);
}

static int inbound_check_extensions(const struct message_contents *c)
{
	for (size_t i = 0; i < c->extension_count; i++)
		if (c->extensions[i].critical)
			return ERR_UNKNOWN_EXTENSION;
	return 0;
}

/* What the destination has to check before the method counts (6.3.2.1, 6.3.2.3, 6.3.3). */
static int inbound_check(struct peer *p, struct now now, const struct link *l,
			 const struct message *m, enum method method, const struct identity *signer)
{
	uint16_t sequence = m->header.configuration_sequence;
	int err;

	if (method == METHOD_COUNT)
		return ERR_INVALID_MESSAGE;
	if (sequence != CONFIG_UPDATE_SEQUENCE || method != METHOD_CONFIG_UPDATE) {
		err = config_update_compare(p, now, &signer->node_id, l->id, m->header.via_list,
					    sequence);
		if (err == 0 && sequence == CONFIG_UPDATE_SEQUENCE)
			err = ERR_CONFIG_TOO_NEW;
		if (err != 0)
			return err;
	}
	err = forwarding_options_check(m->header.options, DESTINATION_CRITICAL);
	return err != 0 ? err : inbound_check_extensions(&m->contents);
}

static void inbound_repeated(struct peer *p, struct now now, struct inbound *in, struct link *l,
			     const struct message *m, struct slice options)
{
	struct slice tail;
	int err;

	inbound_take_path(p, in, l, &m->header, options);
	if (in->answer == NULL)
		return; /* it is being worked on */
	p->counters.duplicates++;
	tail = arena_copy(peer_arena(p), slice_of(in->answer, in->answer_len));
	err = tail.data == NULL ? ERR_LIMIT : inbound_send(p, now, in, tail);
	if (err != 0)
		counter_error(&p->counters, err);
}

static struct inbound *inbound_find(struct peer *p, const struct node_id *signer,
				    uint64_t transaction_id)
{
	uint8_t key[INBOUND_KEY];
	struct writer w = writer_of(key, sizeof(key));

	node_id_put(&w, signer);
	writer_u64(&w, transaction_id);
	return map_find(p->transport->inbound, writer_slice(&w));
}

/* The signer is the other end of the link, and says so over it. */
static bool inbound_is_direct(const struct link *l, const struct message *m,
			      const struct identity *signer)
{
	return m->header.via_list.len == 0 &&
	       link_has_node_id(l, &signer->node_id) &&
	       (l->identity->node_id_count == 1 || l->state == LINK_UP ||
		node_id_equal(&l->node_id, &signer->node_id));
}

void transport_requested(struct peer *p, struct now now, struct link *l,
			 const struct destination *destination, const struct message *m)
{
	struct incoming request = { .method = method_of_code(m->contents.code),
				    .body = m->contents.body,
				    .certificates = m->security.certificates,
				    .destination = *destination,
				    .link = l->id,
				    .previous_hop = l->node_id,
				    .max_response_length = m->header.max_response_length };
	struct slice options;
	struct inbound *in;
	int err = transport_verify(p, now, m, &request.signer, &request.signer_certificate);

	if (err == 0)
		err = inbound_response_options(p, m->header.options, &options);
	if (err != 0) {
		p->counters.dropped_signature++;
		counter_error(&p->counters, err);
		log_info(p->log, "request.dropped",
			 "transaction=%016llx code=%s link=%llu reason=%s",
			 (unsigned long long)m->header.transaction_id,
			 message_code_name(m->contents.code), (unsigned long long)l->id,
			 error_name(err));
		return;
	}
	in = inbound_find(p, &request.signer.node_id, m->header.transaction_id);
	if (in != NULL) {
		inbound_repeated(p, now, in, l, m, options);
		return;
	}
	err = inbound_check(p, now, l, m, request.method, &request.signer);
	if (err != 0) {
		p->counters.dropped_header +=
			err != ERR_CONFIG_TOO_OLD && err != ERR_CONFIG_TOO_NEW;
		counter_error(&p->counters, err);
		transport_refuse(p, now, l, &m->header, err);
		return;
	}
	request.direct = inbound_is_direct(l, m, &request.signer);
	if (request.direct && (request.method == METHOD_JOIN || request.method == METHOD_UPDATE))
		link_is_peer(p, now, l);
	in = inbound_new(p, now, &request.signer.node_id, m->header.transaction_id, request.method);
	inbound_take_path(p, in, l, &m->header, options);
	request.handle = in->handle;
	inbound_add(p, in);
	inbound_dispatch(p, now, &request);
}

void transport_requested_locally(struct peer *p, struct now now,
				 const struct local_message *message)
{
	struct incoming request = { .body = message->parcel.body,
				    .certificates = message->parcel.certificates,
				    .previous_hop = p->node_id,
				    .direct = true };
	struct inbound *in;

	if (!transport_local_request(p, message->transaction_id, &request.method,
				     &request.destination))
		return;
	request.signer = *p->security.ops->own_identity(p->security.ctx);
	request.signer_certificate = p->security.ops->own_certificate(p->security.ctx);
	in = inbound_new(p, now, &p->node_id, message->transaction_id, request.method);
	in->is_local = true;
	in->previous_hop = p->node_id;
	request.handle = in->handle;
	inbound_add(p, in);
	inbound_dispatch(p, now, &request);
}

void transport_receive(struct peer *p, struct now now, struct link *l,
		       const struct destination *destination, struct slice message)
{
	struct message m;
	int err = message_get(message, peer_arena(p), &m);

	if (err != 0) {
		p->counters.dropped_malformed++;
		counter_error(&p->counters, err);
		log_info(p->log, "message.malformed", "link=%llu bytes=%zu reason=%s",
			 (unsigned long long)l->id, message.len, error_name(err));
		return;
	}
	if (message_code_is_request(m.contents.code))
		transport_requested(p, now, l, destination, &m);
	else
		transport_answered(p, now, l, &m);
}
