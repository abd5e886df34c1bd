/* SPDX-License-Identifier: MIT */
/* A Store from one holder of a Resource to another, and what follows when the other holds newer data.
 *
 * Every value carries the number of its put; a holder is known to have everything up to some number. So only
 * what is new travels, changes made while a Store is under way go together in the next one, and a Resource
 * too large for a message goes in several. */
#include "storage/transfer.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/link.h"
#include "storage/data_model.h"
#include "storage/outage.h"
#include "storage/replication.h"

#define TRANSFER_RETRY_FIRST_S 5u
#define TRANSFER_RETRY_LAST_S 60u
#define TRANSFER_RETRY_FORBIDDEN_S 600u /* who takes us for implausible will do so for long */
#define TRANSFER_BYTES_LEAST 256u /* room for a body however large the certificates are */

/* What one message takes. */
struct transfer_load {
	const struct stored_value **values; /* arena; by version */
	size_t count;
	bool is_all; /* none is left for another message */
	struct slice certificates[SECURITY_BLOCK_CERTIFICATES_MAX];
	size_t certificate_count;
	size_t bytes; /* of values and certificates */
};

static int transfer_compare(const void *a, const void *b)
{
	const struct stored_value *const *x = a, *const *y = b;

	return (*x)->version < (*y)->version ? -1 : (*x)->version > (*y)->version;
}

/* Bytes for values and certificates in one message. */
static size_t transfer_room(const struct storage *s)
{
	const struct security *security = peer_security(s->peer);
	size_t limit = peer_configuration(s->peer)->max_message_size;
	size_t overhead = STORAGE_MESSAGE_OVERHEAD + security->ops->own_certificate(security->ctx).len;

	return limit > overhead + TRANSFER_BYTES_LEAST ? limit - overhead : TRANSFER_BYTES_LEAST;
}

/* The certificate's bytes when it is not among those of the load yet. */
static size_t transfer_certificate_bytes(const struct transfer_load *load,
					 const struct signer_certificate *c)
{
	for (size_t i = 0; i < load->certificate_count; i++)
		if (load->certificates[i].data == c->der.data)
			return 0;
	return c->der.len + 3;
}

/* Chooses the oldest values after `confirmed` that fit; always at least one. */
static int transfer_choose(const struct storage *s, const struct stored_resource *r, uint64_t confirmed,
			   struct arena *arena, struct transfer_load *load)
{
	size_t room = transfer_room(s), newer = 0, total = 0;

	for (size_t i = 0; i < r->kind_count; i++)
		total += r->kinds[i]->count;
	load->values = arena_array(arena, total, sizeof(*load->values));
	if (load->values == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < r->kind_count; i++)
		for (size_t k = 0; k < r->kinds[i]->count; k++)
			if (r->kinds[i]->values[k]->version > confirmed)
				load->values[newer++] = r->kinds[i]->values[k];
	if (newer > 1)
		qsort(load->values, newer, sizeof(*load->values), transfer_compare);
	for (; load->count < newer; load->count++) {
		const struct stored_value *v = load->values[load->count];
		size_t certificate = transfer_certificate_bytes(load, v->certificate);
		/* The value, and the head of a Kind that it may be the first of. */
		size_t bytes = v->len + 16 + certificate;

		if (load->count > 0 && (load->bytes + bytes > room ||
					load->certificate_count == SECURITY_BLOCK_CERTIFICATES_MAX))
			break;
		load->bytes += bytes;
		if (certificate > 0)
			load->certificates[load->certificate_count++] = v->certificate->der;
	}
	load->is_all = load->count == newer;
	return 0;
}

static int transfer_encode(const struct stored_resource *r, const struct transfer_load *load,
			   uint8_t replica_number, struct now now, struct arena *arena, struct slice *body)
{
	size_t room = load->bytes + r->kind_count * 16 + RESOURCE_ID_MAX;
	struct store_req req = {
		.resource = resource_id_from_node_id(&r->point),
		.replica_number = replica_number,
		.kinds = arena_array(arena, r->kind_count, sizeof(*req.kinds)),
	};
	struct writer w = writer_of(arena_alloc(arena, room), room);
	struct writer values = writer_of(arena_alloc(arena, room), room);

	if (req.kinds == NULL || w.data == NULL || values.data == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < r->kind_count; i++) {
		size_t before = values.len;

		for (size_t k = 0; k < load->count; k++)
			if (load->values[k]->kind == r->kinds[i])
				store_value_encode(&values, load->values[k], now);
		if (values.len == before)
			continue;
		req.kinds[req.kind_count++] = (struct store_kind_data){
			.kind = r->kinds[i]->id,
			.generation_counter = r->kinds[i]->generation,
			.values = slice_of(values.data + before, values.len - before),
		};
	}
	store_req_put(&w, &req);
	*body = writer_slice(&w);
	return values.err != 0 ? values.err : w.err;
}

static void transfer_put_off(struct holder *h, struct now now, int err)
{
	uint64_t last_s = err == ERR_FORBIDDEN ? TRANSFER_RETRY_FORBIDDEN_S : TRANSFER_RETRY_LAST_S;
	uint64_t wait_s = (uint64_t)TRANSFER_RETRY_FIRST_S << (h->failures < 8 ? h->failures : 8);

	h->retry = instant_add(now.mono, duration_s(wait_s < last_s ? wait_s : last_s));
	if (h->failures < UINT8_MAX)
		h->failures++;
}

static struct transfer *transfer_new(struct storage *s, const struct node_id *point,
				     const struct node_id *node, struct hand_over *hand_over)
{
	struct transfer *t = memory_alloc(sizeof(*t));

	t->storage = s;
	t->point = *point;
	t->node = *node;
	t->hand_over = hand_over;
	t->next = s->transfers;
	t->link = &s->transfers;
	if (t->next != NULL)
		t->next->link = &t->next;
	s->transfers = t;
	s->transfer_count++;
	return t;
}

static void transfer_free(struct transfer *t)
{
	*t->link = t->next;
	if (t->next != NULL)
		t->next->link = t->link;
	t->storage->transfer_count--;
	free(t);
}

struct transfer *transfer_find(const struct storage *s, const struct node_id *point,
			       const struct node_id *node)
{
	for (struct transfer *t = s->transfers; t != NULL; t = t->next)
		if (node_id_equal(&t->point, point) && node_id_equal(&t->node, node))
			return t;
	return NULL;
}

void transfer_cancel_all(struct storage *s)
{
	while (s->transfers != NULL) {
		transport_cancel(s->peer, s->transfers->transaction_id);
		transfer_free(s->transfers);
	}
}

static response_fn transfer_stored;
static response_fn transfer_fetched;

static int transfer_send(struct transfer *t, struct now now, enum method method, struct slice body,
			 const struct transfer_load *load, response_fn *done)
{
	struct resource_id resource = resource_id_from_node_id(&t->point);
	struct destination destination = node_id_is_zero(&t->node) ? destination_of_resource(&resource)
								   : destination_of_node(&t->node);
	struct request request = {
		.method = method,
		.body = body,
		.destinations = &destination,
		.destination_count = 1,
		.certificates = load == NULL ? NULL : load->certificates,
		.certificate_count = load == NULL ? 0 : load->certificate_count,
		.done = done,
		.ctx = t,
	};

	return transport_request(t->storage->peer, now, &request, &t->transaction_id);
}

int transfer_start(struct storage *s, struct now now, struct stored_resource *r,
		   const struct node_id *node, uint8_t replica_number, struct hand_over *hand_over)
{
	struct holder *h = store_holder(r, node, true);
	struct transfer_load load = { 0 };
	struct transfer *t;
	struct arena arena;
	struct slice body;
	int err;

	if (h == NULL || h->in_flight)
		return ERR_IN_PROGRESS;
	transfer_doubt(s, h);
	arena_init(&arena, STORAGE_ARENA_BYTES);
	err = transfer_choose(s, r, h->confirmed, &arena, &load);
	if (err == 0)
		err = transfer_encode(r, &load, replica_number, now, &arena, &body);
	if (err == 0) {
		t = transfer_new(s, &r->point, node, hand_over);
		t->replica_number = replica_number;
		t->via = link_find_node(s->peer, node);
		/* Versions whose values are gone again count as held. */
		t->upto = load.is_all ? r->version : load.values[load.count - 1]->version;
		err = transfer_send(t, now, METHOD_STORE, body, &load, transfer_stored);
		if (err != 0)
			transfer_free(t);
	}
	arena_free(&arena);
	h->in_flight = err == 0;
	h->crossed = false;
	if (err != 0)
		transfer_put_off(h, now, err);
	return err;
}

/* Replicas that a StoreAns names for one Kind, without this node: an owner that counts on us is no proof
 * that we may forget. */
static uint32_t transfer_kind_replicas(const struct storage *s, const struct store_kind_response *kind)
{
	uint32_t count = 0;

	for (size_t i = 0; i < kind->replica_count; i++)
		count += !node_id_equal(&kind->replicas[i], peer_node_id(s->peer));
	return count;
}

/* The fewest of any Kind. An answer to a Store of nothing (what was new is gone again) says nothing: `former`. */
static uint32_t transfer_replicas(const struct storage *s, const struct response *response, uint32_t former)
{
	struct reader r = reader_of(response->body);
	uint32_t fewest = former;
	struct store_ans ans;
	struct arena arena;

	arena_init(&arena, STORAGE_ARENA_BYTES);
	store_ans_get(&r, &arena, &ans);
	if (reader_finish(&r) == 0) {
		for (size_t i = 0; i < ans.kind_count; i++) {
			uint32_t count = transfer_kind_replicas(s, &ans.kinds[i]);

			if (i == 0 || count < fewest)
				fewest = count;
		}
	}
	arena_free(&arena);
	return fewest;
}

static void transfer_end(struct transfer *t, struct now now, int err)
{
	struct storage *s = t->storage;
	struct transfer done = *t;

	transfer_free(t);
	replication_transferred(s, now, &done, err);
}

/* Ends: notes the outcome at the holder and tells replication.c. */
static void transfer_finish(struct transfer *t, struct now now, int err)
{
	struct storage *s = t->storage;
	struct stored_resource *r = store_resource(&s->store, &t->point);
	struct holder *h = r == NULL ? NULL : store_holder(r, &t->node, false);
	char text[NODE_ID_TEXT_SIZE];

	if (h != NULL) {
		h->in_flight = false;
		if (err == 0) {
			h->failures = 0;
			if (!h->crossed)
				h->retry = (struct instant){ 0 };
		} else {
			transfer_put_off(h, now, err);
		}
	}
	if (err != 0)
		log_info(peer_log(s->peer), "storage.transfer_failed", "resource=%s replica=%u reason=%s",
			 node_id_text(&t->point, text), t->replica_number, error_name(err));
	transfer_end(t, now, err);
}

/* Asks the node that refused for all it has of the Kinds we hold. */
static int transfer_fetch(struct transfer *t, struct now now, const struct stored_resource *r)
{
	static const struct array_range all = { 0, ARRAY_INDEX_LAST };
	struct fetch_req req = { .resource = resource_id_from_node_id(&r->point) };
	size_t room = RESOURCE_ID_MAX + 8 + r->kind_count * 32;
	struct arena arena;
	struct writer w;
	int err = ERR_LIMIT;

	arena_init(&arena, STORAGE_ARENA_BYTES);
	req.specifiers = arena_array(&arena, r->kind_count, sizeof(*req.specifiers));
	w = writer_of(arena_alloc(&arena, room), room);
	for (size_t i = 0; req.specifiers != NULL && i < r->kind_count; i++) {
		struct writer selector = writer_of(arena_alloc(&arena, 16), 16);

		if (selector.data == NULL)
			goto out;
		if (r->kinds[i]->model == DATA_MODEL_ARRAY)
			array_ranges_put(&selector, &all, 1);
		else if (r->kinds[i]->model == DATA_MODEL_DICTIONARY)
			dictionary_keys_put(&selector, NULL, 0);
		req.specifiers[req.specifier_count].kind = r->kinds[i]->id;
		req.specifiers[req.specifier_count++].selector = writer_slice(&selector);
	}
	if (req.specifiers == NULL || w.data == NULL)
		goto out;
	fetch_req_put(&w, &req);
	err = w.err;
	if (err == 0)
		err = transfer_send(t, now, METHOD_FETCH, writer_slice(&w), NULL, transfer_fetched);
out:
	arena_free(&arena);
	return err;
}

void transfer_doubt(const struct storage *s, struct holder *h)
{
	link_id link = link_find_node(s->peer, &h->node);

	if (link != 0 && link != h->link)
		h->confirmed = 0;
}

static void transfer_confirm(struct holder *h, struct now now, const struct transfer *t,
			     const struct response *response)
{
	/* The zero Node-ID has no link; its answer gives the owner's name another holder's place. */
	bool is_alias = !node_id_equal(&h->node, &t->node);

	h->link = link_find_node(t->storage->peer, &h->node);
	h->replicas = transfer_replicas(t->storage, response, h->replicas);
	if (h->crossed) {
		h->confirmed = 0;
		h->retry = instant_add(now.mono, duration_s(TRANSFER_RETRY_FIRST_S));
		return;
	}
	if (!is_alias && h->link != 0 && h->link != t->via) {
		h->confirmed = 0;
		return;
	}
	if (h->confirmed < t->upto)
		h->confirmed = t->upto;
}

static void transfer_stored(void *ctx, struct now now, const struct response *response)
{
	struct transfer *t = ctx;
	struct stored_resource *r = store_resource(&t->storage->store, &t->point);
	struct holder *h = r == NULL ? NULL : store_holder(r, &t->node, false);

	if (response->err == 0 && h != NULL)
		transfer_confirm(h, now, t, response);
	/* The owner of a Resource-ID has a name now. */
	if (response->err == 0 && h != NULL && !h->crossed && node_id_is_zero(&t->node)) {
		h = store_holder(r, &response->signer.node_id, true);
		if (h != NULL)
			transfer_confirm(h, now, t, response);
	}
	/* 7.4.1.1: who refuses because it has newer data is asked for it. */
	if (r != NULL && (response->err == ERR_DATA_TOO_OLD ||
			  response->err == ERR_GENERATION_COUNTER_TOO_LOW)) {
		struct node_id asked = t->node;

		/* Who answered for the Resource-ID is asked by its name; the holder keeps its. */
		if (node_id_is_zero(&asked))
			t->node = response->signer.node_id;
		if (transfer_fetch(t, now, r) == 0) {
			t->node = asked;
			return;
		}
		t->node = asked;
	}
	transfer_finish(t, now, response->err);
}

/* Takes over one value that another holder has, when it is newer than ours. */
static bool transfer_merge_value(struct storage *s, struct now now, const struct node_id *point,
				 const struct kind *kind, uint64_t generation,
				 const struct stored_data *data, const struct certificate_list *bucket,
				 struct arena *arena)
{
	struct resource_id resource = resource_id_from_node_id(point);
	struct stored_kind *k = store_kind(store_resource(&s->store, point), kind->id);
	struct checked_value v = { .kind = kind, .data = *data };
	struct stored_value *old = NULL;
	int err;

	if (signature_is_none(&data->signature) ||
	    (kind->model == DATA_MODEL_ARRAY && data->value.index >= STORE_ARRAY_LENGTH_MAX))
		return false;
	if (k != NULL)
		data_model_place(k, &data->value, &old);
	if (old != NULL && data_model_order(data, &old->data) <= 0)
		return false;
	err = storage_check_value(s, now, &resource, bucket, arena, &v);
	if (err == 0) {
		struct store_put put = {
			.data = &v.data,
			.certificate = v.certificate,
			.signer = v.signer,
			.not_after = v.not_after,
			.generation = k != NULL && k->generation > generation ? k->generation : generation,
		};

		store_put(&s->store, now, point, kind, &put);
	} else {
		counter_error(peer_counters(s->peer), err);
		peer_counters(s->peer)->values_discarded++;
		log_warning(peer_log(s->peer), "storage.discarded", "kind=%u reason=%s", kind->id,
			    error_name(err));
	}
	store_certificate_release(&s->store, v.certificate);
	return err == 0;
}

static size_t transfer_merge(struct transfer *t, struct now now, const struct response *response,
			     struct arena *arena)
{
	struct storage *s = t->storage;
	const struct kind_table *kinds = &peer_configuration(s->peer)->kinds;
	struct reader r = reader_of(response->body);
	struct fetch_ans ans;
	size_t merged = 0;

	fetch_ans_get(&r, arena, &ans);
	if (reader_finish(&r) != 0 || outage_is_on(s))
		return 0;
	for (size_t i = 0; i < ans.kind_count; i++) {
		const struct kind *kind = kind_find(kinds, ans.kinds[i].kind);
		struct stored_data *items;
		size_t count;

		/* Only what was asked for: Kinds that stand there already. */
		if (kind == NULL || ans.kinds[i].generation == 0 ||
		    store_kind(store_resource(&s->store, &t->point), kind->id) == NULL ||
		    stored_data_list_get(ans.kinds[i].values, (uint8_t)kind->model, arena, &items,
					 &count) != 0)
			continue;
		for (size_t k = 0; k < count && k < 2 * (size_t)kind->max_count; k++)
			merged += transfer_merge_value(s, now, &t->point, kind, ans.kinds[i].generation,
						       &items[k], &response->certificates, arena);
	}
	return merged;
}

static void transfer_fetched(void *ctx, struct now now, const struct response *response)
{
	struct transfer *t = ctx;
	struct stored_resource *r;
	struct holder *h;
	struct arena arena;
	size_t merged = 0;

	arena_init(&arena, STORAGE_ARENA_BYTES);
	if (response->err == 0)
		merged = transfer_merge(t, now, response, &arena);
	arena_free(&arena);
	r = store_resource(&t->storage->store, &t->point);
	h = r == NULL ? NULL : store_holder(r, &t->node, false);
	log_info(peer_log(t->storage->peer), "storage.merged", "values=%zu", merged);
	/* With its newer values in place ours is accepted next time. Without, they may have come to us by
	 * another way meanwhile; but to go on for ever like that would let it keep us busy. */
	if (merged == 0 && h != NULL && h->failures == 0) {
		h->failures = 1;
		h->in_flight = false;
		transfer_end(t, now, 0);
		return;
	}
	transfer_finish(t, now, merged > 0 ? 0 : ERR_DATA_TOO_OLD);
}
