/* SPDX-License-Identifier: MIT */
/* The Responder: I1 in, R1 out without a trace (RFC 7401 6.7), I2 in, R2 out (6.9). */
#include "usage/hip/hip_exchange.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_r1_pool.h"
#include "usage/hip/hip_registrant.h"

/* ---- I1 ---- */

/* The sender's name is not proven yet, so it is the address that counts: one from which the HIT was heard before. */
static bool hip_responder_is_heard(const struct hip_host *h, const struct hip_path *path, const struct hit *sender)
{
	const struct hip_association *a = hip_association_find(h, sender);

	return a != NULL && path->channel == a->control.channel && address_equal(&path->remote, &a->control.remote) &&
	       a->state != HIP_UNASSOCIATED && a->state != HIP_I1_SENT && a->state != HIP_E_FAILED;
}

/* An R1 is never longer than the I1 it answers unless its address was heard, so that a forged source address brings
 * nobody more than was sent; an edge trades that for its limits, because its clients' I1s are short. */
static bool hip_responder_may_answer(struct hip_host *h, const struct hip_path *path, const struct hip_packet *i1,
				     size_t len)
{
	if (path->channel == HIP_CHANNEL_OVERLAY || i1->bytes.len >= len || h->options.edge ||
	    hip_registrant_is_vouched(h, path, &i1->sender) || hip_responder_is_heard(h, path, &i1->sender))
		return true;
	hip_refused(h, &h->counters->hip_reflection, path, &i1->sender, "reflection");
	return false;
}

/* Reasons to leave an I1 without an answer; NULL: none. */
static const char *hip_responder_ignores(struct hip_host *h, const struct hip_packet *p, bool known)
{
	const struct hip_association *a = hip_association_find(h, &p->sender);

	if (!known && h->options.unknown == HIP_UNKNOWN_REFUSE)
		return "unknown";
	if (h->stopping)
		return "stopping";
	/* Both called at once: the greater HIT answers (6.7 step 3). */
	if (a != NULL && a->state == HIP_I1_SENT && !hip_is_greater(a))
		return "crossing";
	return NULL;
}

void hip_responder_i1(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p)
{
	bool known = hip_is_known(h, now, &p->sender);
	uint8_t buffer[HIP_PACKET_MAX];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct hip_list groups;
	const char *why;

	/* A rendezvous server limits each of those for whom it speaks; as one source they would be in each other's
	 * way. */
	if ((!hip_registrant_is_vouched(h, path, &p->sender) &&
	     !hip_limit_take(h, now, HIP_LIMIT_I1_SOURCE, path, &p->sender)) ||
	    !hip_limit_take(h, now, HIP_LIMIT_I1_HIT, path, &h->hit))
		return;
	hip_log_packet(h, now, "received", path, p->type, &p->sender);
	if (hip_packet_list(p, HIP_PARAMETER_DH_GROUP_LIST, hip_dh_group_list_get, &groups) < 0) {
		hip_refused(h, &h->counters->hip_malformed, path, &p->sender, "dh-group-list");
		return;
	}
	why = hip_responder_ignores(h, p, known);
	if (why != NULL) {
		hip_refused(h, &h->counters->hip_forbidden, path, &p->sender, why);
		return;
	}
	if (hip_r1_pool_answer(h->r1s, now, path, &p->sender, &groups, known, &w) < 0) {
		hip_refused(h, &h->counters->hip_lost, path, &p->sender, "no-r1");
		return;
	}
	if (hip_responder_may_answer(h, path, p, w.len))
		hip_output_packet(h, now, path, writer_slice(&w));
}

/* ---- I2 ---- */

/* What one I2 is checked into, before anything of the host is touched. */
struct hip_responder {
	struct hip_host *host;
	const struct hip_path *path;
	const struct hip_packet *p;
	struct hip_association *a; /* a draft outside the table */
	struct hip_solution solution;
	struct hip_diffie_hellman dh;
	struct hip_esp_info info;
	struct hip_r1_match match;
	uint8_t mark[HOST_DIGEST_MAX];
	size_t mark_len;
	uint64_t *counter;         /* of what was wrong */
	const char *why;
	uint16_t notify;           /* NOTIFICATION type that tells; 0: silence */
};

static bool hip_responder_fails(struct hip_responder *x, uint64_t *counter, const char *why, uint16_t notify)
{
	x->counter = counter;
	x->why = why;
	x->notify = notify;
	return false;
}

/* Names an I2 by what its keys come from. */
static void hip_responder_mark(struct hip_responder *x)
{
	const struct slice parts[] = { x->solution.i, x->solution.j, x->dh.value,
				       slice_of(x->p->sender.bytes, HIT_LENGTH) };

	x->mark_len = x->host->security.ops->digest(x->host->security.ctx, x->host->suite, parts, 4, x->mark);
}

/* Cheap: two hashes. */
static bool hip_responder_puzzle(struct hip_responder *x, struct now now)
{
	struct counters *c = x->host->counters;
	uint64_t counter;
	bool has_counter = hip_packet_r1_counter(x->p, &counter);
	int err;

	if (!hip_packet_solution(x->p, &x->solution) || !hip_packet_diffie_hellman(x->p, &x->dh))
		return hip_responder_fails(x, &c->hip_malformed, "solution", 0);
	err = hip_r1_pool_check(x->host->r1s, now, x->path, &x->p->sender, has_counter ? &counter : NULL, x->dh.group,
				&x->solution, &x->match);
	if (err == ERR_DUPLICATE)
		return hip_responder_fails(x, &c->hip_replayed, "generation", 0);
	if (err < 0)
		return hip_responder_fails(x, &c->hip_puzzle, "puzzle", 0);
	hip_responder_mark(x);
	if (hip_r1_pool_is_used(&x->match, slice_of(x->mark, x->mark_len)))
		return hip_responder_fails(x, &c->hip_replayed, "replayed", 0);
	return true;
}

/* The choices are single ones, and ours to give (6.9 steps 9 and 13). */
static bool hip_responder_choices(struct hip_responder *x)
{
	struct counters *c = x->host->counters;
	struct hip_list own, list;

	hip_own_ciphers(x->host, &own);
	if (hip_packet_list(x->p, HIP_PARAMETER_HIP_CIPHER, hip_cipher_get, &list) < 0 || list.count != 1 ||
	    !hip_list_has(&own, list.items[0]))
		return hip_responder_fails(x, &c->hip_downgrade, "cipher", HIP_INVALID_HIP_CIPHER_CHOSEN);
	x->a->keys.cipher = (enum host_cipher)list.items[0];
	if (hip_packet_list(x->p, HIP_PARAMETER_TRANSPORT_FORMAT_LIST, hip_transport_format_list_get, &list) < 0 ||
	    !hip_list_has(&list, HIP_PARAMETER_ESP_TRANSFORM))
		return hip_responder_fails(x, &c->hip_malformed, "transport-format", HIP_NO_ESP_PROPOSAL_CHOSEN);
	hip_own_transforms(x->host, &own);
	if (hip_packet_list(x->p, HIP_PARAMETER_ESP_TRANSFORM, hip_esp_transform_get, &list) < 0 ||
	    list.count != 1 || !hip_list_has(&own, list.items[0]))
		return hip_responder_fails(x, &c->hip_downgrade, "esp-transform", HIP_INVALID_ESP_TRANSFORM_CHOSEN);
	x->a->esp_suite = (uint8_t)list.items[0];
	if (!hip_packet_esp_info(x->p, &x->info))
		return hip_responder_fails(x, &c->hip_malformed, "esp-info", HIP_INVALID_SYNTAX);
	if (hip_packet_list(x->p, HIP_PARAMETER_NAT_TRAVERSAL_MODE, hip_nat_traversal_mode_get, &list) == 0 &&
	    !hip_list_has(&list, HIP_NAT_UDP_ENCAPSULATION))
		return hip_responder_fails(x, &c->hip_malformed, "nat-mode",
					   HIP_NO_VALID_NAT_TRAVERSAL_MODE_PARAMETER);
	return true;
}

/* Dear: the shared secret; then the MAC, before anything is decrypted or verified. */
static bool hip_responder_keys(struct hip_responder *x)
{
	const struct host_security *security = &x->host->security;
	struct counters *c = x->host->counters;
	uint8_t kij[HOST_DH_SHARED_MAX];
	size_t len;
	int err = security->ops->dh_shared(security->ctx, x->match.dh, x->dh.value, kij, &len);

	if (err < 0)
		return hip_responder_fails(x, &c->hip_malformed, "public-value", 0);
	x->a->dh_group = x->dh.group;
	memcpy(x->a->peer_dh, x->dh.value.data, x->dh.value.len);
	x->a->peer_dh_len = x->dh.value.len;
	err = hip_keymat_init(x->a, x->host->suite, x->a->keys.cipher, x->solution.i, x->solution.j,
			      slice_of(kij, len));
	explicit_bzero(kij, sizeof(kij));
	if (err < 0)
		return hip_responder_fails(x, &c->hip_malformed, "keymat", 0);
	if (hip_check_mac(x->a, x->p) < 0)
		return hip_responder_fails(x, &c->errors[ERR_INDEX_SIGNATURE], "mac", HIP_HIP_MAC_FAILED);
	return true;
}

/* HOST_ID as it is, or out of ENCRYPTED into `plain`. */
static bool hip_responder_host_id(struct hip_responder *x, uint8_t plain[HIP_PACKET_MAX], struct slice *contents)
{
	const struct host_security *security = &x->host->security;
	const struct hip_keys *k = &x->a->keys;
	struct hip_parameter parameter;
	struct hip_encrypted e;
	struct reader r;
	uint16_t type, inner_len;
	size_t len;

	if (hip_parameter_find(x->p, HIP_PARAMETER_HOST_ID, &parameter)) {
		*contents = parameter.contents;
		return true;
	}
	if (!hip_parameter_find(x->p, HIP_PARAMETER_ENCRYPTED, &parameter))
		return false;
	r = reader_of(parameter.contents);
	hip_encrypted_get(&r, k->cipher == HOST_CIPHER_NULL ? 0 : HOST_CBC_IV, &e);
	if (reader_finish(&r) < 0 || e.data.len > HIP_PACKET_MAX - 16)
		return false;
	if (k->cipher == HOST_CIPHER_NULL) {
		len = e.data.len;
		memcpy(plain, e.data.data, len);
	} else if (security->ops->cbc_decrypt(security->ctx, k->cipher, slice_of(k->cipher_in, k->cipher_len),
					      e.iv.data, e.data, plain, &len) < 0) {
		return false;
	}
	r = reader_of(slice_of(plain, len));
	type = reader_u16(&r);
	inner_len = reader_u16(&r);
	*contents = reader_bytes(&r, inner_len);
	return r.err == 0 && type == HIP_PARAMETER_HOST_ID;
}

static bool hip_responder_identity(struct hip_responder *x)
{
	struct counters *c = x->host->counters;
	uint8_t plain[HIP_PACKET_MAX];
	struct slice contents;
	struct hip_host_id id;
	struct hit hit;

	if (!hip_responder_host_id(x, plain, &contents) || !hip_packet_host_id(contents, &id))
		return hip_responder_fails(x, &c->hip_malformed, "host-id", HIP_ENCRYPTION_FAILED);
	if (host_hit(&x->host->security, id.identity, &hit) < 0 || !hit_equal(&hit, &x->p->sender))
		return hip_responder_fails(x, &c->hip_identity, "identity", HIP_INVALID_HIT);
	if (hip_check_signature(x->host, x->p, id.identity) < 0)
		return hip_responder_fails(x, &c->errors[ERR_INDEX_SIGNATURE], "signature",
					   HIP_AUTHENTICATION_FAILED);
	memcpy(x->a->peer_identity, id.identity.data, id.identity.len);
	x->a->peer_identity_len = id.identity.len;
	return true;
}

/* Before anything else: whose turn it is, and whether we have had this one (6.9 steps 4 to 6). True: go on. */
static bool hip_responder_begins(struct hip_responder *x, struct now now)
{
	struct hip_host *h = x->host;
	struct hip_association *a = hip_association_find(h, &x->p->sender);
	struct hip_exchange *e = a == NULL ? NULL : a->exchange;
	bool again;

	if (a != NULL && a->state == HIP_I2_SENT && !hip_is_greater(a))
		return hip_responder_fails(x, &h->counters->hip_stray, "crossing", 0);
	if (!hip_is_known(h, now, &x->p->sender) && h->options.unknown == HIP_UNKNOWN_REFUSE)
		return hip_responder_fails(x, &h->counters->hip_forbidden, "unknown", 0);
	if (h->stopping)
		return hip_responder_fails(x, &h->counters->hip_forbidden, "stopping", 0);
	if (e == NULL || e->r2 == NULL || !hip_packet_solution(x->p, &x->solution) ||
	    !hip_packet_diffie_hellman(x->p, &x->dh))
		return true;
	hip_responder_mark(x);
	again = slice_equal(slice_of(x->mark, x->mark_len), slice_of(e->i2_mark, e->i2_mark_len));
	if (!again)
		return true;
	if (hip_check_mac(a, x->p) == 0) {
		hip_output_packet(h, now, x->path, slice_of(e->r2, e->r2_len));
		if (a->state == HIP_R2_SENT)
			hip_association_become(a, now, HIP_R2_SENT);
	}
	x->why = NULL;
	return false;
}

/* The R2, kept for the I2's repetitions. */
static int hip_responder_put_r2(struct hip_association *a, struct now now, struct hip_responder *x, uint32_t spi)
{
	const struct hip_esp_info info = { x->info.keymat_index, 0, spi };
	uint8_t buffer[HIP_PACKET_MAX], identity[HOST_IDENTITY_MAX + 16];
	struct writer w = writer_of(buffer, sizeof(buffer)), host_id = writer_of(identity, sizeof(identity));
	struct hip_host *h = a->host;
	struct hip_exchange *e = hip_exchange_of(a);
	int err;

	hip_packet_begin(&w, HIP_R2, 0, &h->hit, &a->peer);
	hip_esp_info_put(&w, &info);
	if (h->edge != NULL)
		hip_edge_register(a, now, x->path, x->p, &w);
	hip_put_echo_signed(x->p, &w);
	hip_put_host_id(h, &host_id);
	hip_seal_mac_2(a, &w, writer_slice(&host_id));
	err = hip_seal_signature(h, &w);
	if (err < 0)
		return err;
	hip_put_echo_unsigned(x->p, &w);
	hip_packet_end(&w);
	if (w.err < 0)
		return w.err;
	e->r2 = memory_alloc(w.len);
	e->r2_len = w.len;
	memcpy(e->r2, buffer, w.len);
	memcpy(e->i2_mark, x->mark, x->mark_len);
	e->i2_mark_len = x->mark_len;
	return 0;
}

/* The I2 was good: it makes the association, or makes it anew. */
static void hip_responder_take(struct hip_responder *x, struct now now)
{
	struct hip_host *h = x->host;
	struct hip_association *a = hip_association_make(h, now, &x->p->sender);
	uint32_t spi;
	int err;

	if (a == NULL)
		return;
	hip_r1_pool_use(h->r1s, &x->match, slice_of(x->mark, x->mark_len));
	x->a->control = *x->path;
	/* A relay relays no ESP (RFC 9028 4.1: another service). */
	if (x->path->channel != HIP_CHANNEL_OVERLAY && !hip_registrant_is_relay(h, x->path, &x->p->sender))
		x->a->data = *x->path;
	x->a->began = now.mono;
	x->a->i2 = duration_us(0);
	hip_packet_locators(x->p, x->a);
	hip_association_renew(a, x->a);
	spi = hip_payload_spi(h);
	err = hip_payload_establish(a, spi, x->info.new_spi);
	if (err == 0)
		err = hip_responder_put_r2(a, now, x, spi);
	if (err < 0) {
		hip_refused(h, &h->counters->hip_lost, x->path, &x->p->sender, error_name(err));
		hip_exchange_failed(a, now, "r2");
		return;
	}
	a->r2 = duration_us(0);
	hip_output_packet(h, now, x->path, slice_of(a->exchange->r2, a->exchange->r2_len));
	hip_exchange_complete(a, now, x->path);
}

static bool hip_responder_known_parameters(struct hip_responder *x)
{
	return hip_packet_unknown_critical(x->p) == 0 ||
	       hip_responder_fails(x, &x->host->counters->hip_malformed, "critical-parameter",
				   HIP_UNSUPPORTED_CRITICAL_PARAMETER_TYPE);
}

static void hip_responder_end(struct hip_responder *x, struct now now)
{
	uint16_t critical = hip_packet_unknown_critical(x->p);
	const uint8_t type[] = { (uint8_t)(critical >> 8), (uint8_t)critical };
	struct slice data = SLICE_EMPTY;

	if (x->why == NULL)
		return;
	hip_refused(x->host, x->counter, x->path, &x->p->sender, x->why);
	if (x->notify == HIP_UNSUPPORTED_CRITICAL_PARAMETER_TYPE)
		data = slice_of(type, sizeof(type));
	if (x->notify != 0)
		hip_notify(x->host, now, x->path, &x->p->sender, x->notify, data);
}

void hip_responder_i2(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p)
{
	struct hip_association *draft;
	struct hip_responder x = { .host = h, .path = path, .p = p };

	if (!hip_limit_take(h, now, HIP_LIMIT_I2_SOURCE, path, &p->sender))
		return;
	draft = memory_alloc(sizeof(*draft));
	draft->host = h;
	draft->peer = p->sender;
	draft->i1 = draft->r1 = draft->i2 = draft->r2 = duration_us(UINT64_MAX);
	x.a = draft;
	if (hip_responder_begins(&x, now) && hip_responder_puzzle(&x, now) && hip_responder_known_parameters(&x) &&
	    hip_responder_choices(&x) && hip_responder_keys(&x) && hip_responder_identity(&x))
		hip_responder_take(&x, now);
	else
		hip_responder_end(&x, now);
	explicit_bzero(draft, sizeof(*draft));
	free(draft);
}
