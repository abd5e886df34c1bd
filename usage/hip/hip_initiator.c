/* SPDX-License-Identifier: MIT */
/* The Initiator: R1 in, puzzle, I2 out (RFC 7401 6.8), R2 in (6.10). */
#include "usage/hip/hip_exchange.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_registrant.h"

/* Attempts at once, and in each step of a harder puzzle: some milliseconds. */
#define HIP_SEARCH_STEP 8192
#define HIP_SEARCH_PAUSE_MS 1

static void hip_initiator_search(void *ctx, struct now now);

/* ---- Whether an R1 is one to answer ---- */

/* An R1 is looked at while one is waited for; in I2-SENT for a newer generation, and so that the race knows when each
 * channel's came (6.8). */
static bool hip_initiator_waits(const struct hip_association *a)
{
	if (a == NULL || a->exchange == NULL || a->exchange->is_closing)
		return false;
	return a->state == HIP_I1_SENT || a->state == HIP_I2_SENT || (a->state == HIP_CLOSED && a->initiator);
}

/* The Host Identity that the HIT stands for signed it. */
static bool hip_initiator_verify(struct hip_association *a, struct now now, const struct hip_path *path,
				 const struct hip_packet *p)
{
	struct hip_host *h = a->host;
	struct hip_parameter parameter;
	struct hip_host_id id;
	struct hit hit;

	if (!hip_parameter_find(p, HIP_PARAMETER_HOST_ID, &parameter) ||
	    !hip_packet_host_id(parameter.contents, &id)) {
		hip_refused(h, &h->counters->hip_malformed, path, &p->sender, "host-id");
		return false;
	}
	if (host_hit(&h->security, id.identity, &hit) < 0 || !hit_equal(&hit, &p->sender)) {
		hip_refused(h, &h->counters->hip_identity, path, &p->sender, "identity");
		return false;
	}
	if (a->exchange->r1_checked > HIP_R1_CHECKED_BURST + hip_elapsed(a, now).us / 1000 * HIP_R1_CHECKED_PER_S /
					      1000) {
		hip_refused(h, &h->counters->hip_limit, path, &p->sender, "r1-limit");
		return false;
	}
	a->exchange->r1_checked++;
	switch (hip_check_signature_2(h, p, id.identity)) {
	case 0:
		return true;
	case ERR_NOT_FOUND:
		hip_refused(h, &h->counters->hip_malformed, path, &p->sender, "unsigned");
		return false;
	default:
		hip_refused(h, &h->counters->errors[ERR_INDEX_SIGNATURE], path, &p->sender, "signature");
		return false;
	}
}

/* The group and the suites are what two honest lists lead to (4.1.7, 6.8 steps 6 and 7). */
static bool hip_initiator_is_downgraded(const struct hip_host *h, const struct hip_packet *p, uint8_t group)
{
	struct hip_list own, groups, suites;

	hip_own_groups(h, &own);
	if (hip_packet_list(p, HIP_PARAMETER_DH_GROUP_LIST, hip_dh_group_list_get, &groups) < 0 ||
	    hip_packet_list(p, HIP_PARAMETER_HIT_SUITE_LIST, hip_hit_suite_list_get, &suites) < 0)
		return true;
	return group == 0 || hip_list_choose(&groups, &own) != group ||
	       !hip_list_has(&suites, (uint16_t)(h->suite << 4));
}

/* What is offered can be taken; the choices are kept. */
static const char *hip_initiator_choose(struct hip_association *a, const struct hip_packet *p,
					enum host_cipher *cipher)
{
	struct hip_list own, theirs;
	struct hip_puzzle puzzle;
	uint16_t choice;

	if (!hip_packet_puzzle(p, &puzzle) || puzzle.i.len != host_digest_length((enum hit_suite)hit_suite(&a->peer)))
		return "puzzle";
	if (puzzle.k > a->host->options.puzzle_k_max)
		return "puzzle-too-hard";
	hip_own_ciphers(a->host, &own);
	if (hip_packet_list(p, HIP_PARAMETER_HIP_CIPHER, hip_cipher_get, &theirs) < 0 ||
	    (choice = hip_list_choose(&own, &theirs)) == 0)
		return "cipher";
	*cipher = (enum host_cipher)choice;
	if (hip_packet_list(p, HIP_PARAMETER_TRANSPORT_FORMAT_LIST, hip_transport_format_list_get, &theirs) < 0 ||
	    !hip_list_has(&theirs, HIP_PARAMETER_ESP_TRANSFORM))
		return "transport-format";
	hip_own_transforms(a->host, &own);
	if (hip_packet_list(p, HIP_PARAMETER_ESP_TRANSFORM, hip_esp_transform_get, &theirs) < 0 ||
	    (choice = hip_list_choose(&own, &theirs)) == 0)
		return "esp-transform";
	a->esp_suite = (uint8_t)choice;
	return NULL;
}

/* Begins to look for J. */
static void hip_initiator_solve(struct hip_association *a, struct now now, const struct hip_puzzle *puzzle)
{
	struct hip_exchange *x = a->exchange;
	uint64_t seconds = puzzle->lifetime < 32 ? 1 : puzzle->lifetime < 52 ? UINT64_C(1) << (puzzle->lifetime - 32)
									     : UINT64_C(1) << 20;

	x->is_searching = true;
	x->search_ends = instant_add(now.mono, duration_s(seconds));
	hip_puzzle_search_begin(&x->search, &a->host->security, (enum hit_suite)hit_suite(&a->peer), puzzle->k,
				puzzle->i, &a->host->hit, &a->peer);
	hip_initiator_search(a, now);
}

/* Keeps the R1 to answer it. */
static void hip_initiator_accept(struct hip_association *a, struct now now, const struct hip_path *path,
				 const struct hip_packet *p, const struct hip_puzzle *puzzle)
{
	struct hip_exchange *x = a->exchange;

	free(x->r1);
	x->r1 = memory_alloc(p->bytes.len);
	memcpy(x->r1, p->bytes.data, p->bytes.len);
	x->r1_len = p->bytes.len;
	x->path = *path;
	a->r1 = hip_elapsed(a, now);
	hip_initiator_solve(a, now, puzzle);
}

/* ---- Other R1s that came ---- */

static bool hip_initiator_has(const struct hip_r1_spare *spare, const struct hip_path *path, const struct hip_packet *p)
{
	return hip_path_equal(&spare->path, path) && slice_equal(slice_of(spare->r1, spare->len), p->bytes);
}

/* An R1 that is good but not the one that is being answered. */
static void hip_initiator_keep(struct hip_association *a, const struct hip_path *path, const struct hip_packet *p)
{
	struct hip_exchange *x = a->exchange;
	const struct hip_r1_spare current = { x->path, x->r1, x->r1_len };
	struct hip_r1_spare *spare;

	if (x->spare_count == HIP_R1_SPARES_MAX || x->turns == HIP_R1_TURNS_MAX ||
	    hip_initiator_has(&current, path, p))
		return;
	for (size_t i = 0; i < x->spare_count; i++)
		if (hip_initiator_has(&x->spares[i], path, p))
			return;
	spare = &x->spares[x->spare_count++];
	*spare = (struct hip_r1_spare){ *path, memory_alloc(p->bytes.len), p->bytes.len };
	memcpy(spare->r1, p->bytes.data, p->bytes.len);
	/* Once more is in vain when the puzzle was not the Responder's. */
	a->retry.tries_max = 1;
}

/* No R2: perhaps the R1 was not meant for us. The next one takes its place, and it comes last. */
static void hip_initiator_i2_lost(struct hip_association *a, struct now now)
{
	struct hip_exchange *x = a->exchange;
	struct hip_r1_spare next;
	struct hip_puzzle puzzle;
	struct hip_packet p;
	char hit[HIT_TEXT_SIZE];

	if (x->spare_count == 0 || x->turns == HIP_R1_TURNS_MAX) {
		hip_exchange_failed(a, now, "no-r2");
		return;
	}
	x->turns++;
	next = x->spares[0];
	memmove(&x->spares[0], &x->spares[1], (x->spare_count - 1) * sizeof(next));
	x->spares[x->spare_count - 1] = (struct hip_r1_spare){ x->path, x->r1, x->r1_len };
	x->path = next.path;
	x->r1 = next.r1;
	x->r1_len = next.len;
	hip_race_turn(a, &x->path);
	invariant(hip_packet_get(slice_of(x->r1, x->r1_len), &p) == 0 && hip_packet_puzzle(&p, &puzzle));
	(void)hip_packet_r1_counter(&p, &x->r1_counter);
	log_info(a->host->log, "hip.r1.turn", "peer=%s turns=%u spares=%zu", hit_text(&a->peer, hit), x->turns,
		 x->spare_count);
	hip_initiator_solve(a, now, &puzzle);
}

/* How often an I2 is sent: once while there is another R1 to turn to. */
static unsigned hip_initiator_tries(const struct hip_exchange *x)
{
	return x->spare_count > 0 && x->turns < HIP_R1_TURNS_MAX ? 1 : HIP_I2_RETRIES_MAX;
}

/* True: to be answered; false: seen before, older, or not acceptable. */
static bool hip_initiator_accepts(struct hip_association *a, struct now now, const struct hip_path *path,
				  const struct hip_packet *p)
{
	struct hip_exchange *x = a->exchange;
	struct hip_host *h = a->host;
	struct hip_diffie_hellman dh;
	enum host_cipher cipher;
	uint8_t esp_suite = a->esp_suite;
	uint64_t counter = 0;
	const char *why;

	if (!hip_packet_diffie_hellman(p, &dh)) {
		hip_refused(h, &h->counters->hip_malformed, path, &p->sender, "diffie-hellman");
		return false;
	}
	if (hip_initiator_is_downgraded(h, p, dh.group)) {
		hip_refused(h, &h->counters->hip_downgrade, path, &p->sender, "downgrade");
		return false;
	}
	why = hip_initiator_choose(a, p, &cipher);
	if (why != NULL) {
		hip_refused(h, &h->counters->hip_forbidden, path, &p->sender, why);
		a->esp_suite = esp_suite;
		return false;
	}
	(void)hip_packet_r1_counter(p, &counter);
	/* What is being answered goes on, unless this is of a newer generation and comes by the same channel. */
	if (!hip_race_r1(a, now, path) || (x->r1 != NULL && counter <= x->r1_counter)) {
		if (x->r1 != NULL) {
			a->esp_suite = esp_suite;
			if (counter >= x->r1_counter)
				hip_initiator_keep(a, path, p);
		}
		return false;
	}
	x->r1_counter = counter;
	return true;
}

void hip_initiator_r1(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p)
{
	struct hip_association *a = hip_association_find(h, &p->sender);
	struct hip_puzzle puzzle;

	if (!hip_initiator_waits(a)) {
		hip_refused(h, &h->counters->hip_stray, path, &p->sender, "no-i1");
		return;
	}
	if (hip_initiator_verify(a, now, path, p) && hip_initiator_accepts(a, now, path, p) &&
	    hip_packet_puzzle(p, &puzzle))
		hip_initiator_accept(a, now, path, p, &puzzle);
}

/* ---- I2 ---- */

/* Our HOST_ID, encrypted: only the Responder learns who calls (5.3.3). */
static int hip_initiator_put_identity(struct hip_association *a, struct writer *w)
{
	const struct hip_keys *k = &a->keys;
	const struct host_security *security = &a->host->security;
	uint8_t plain[HOST_IDENTITY_MAX + 32], iv[HOST_CBC_IV], data[sizeof(plain) + 16];
	struct writer inner = writer_of(plain, sizeof(plain));
	struct hip_encrypted x;
	size_t len;
	int err;

	if (k->cipher == HOST_CIPHER_NULL) {
		hip_put_host_id(a->host, w);
		return 0;
	}
	hip_put_host_id(a->host, &inner);
	if (inner.err < 0)
		return inner.err;
	security->ops->random(security->ctx, iv, sizeof(iv));
	err = security->ops->cbc_encrypt(security->ctx, k->cipher, slice_of(k->cipher_out, k->cipher_len), iv,
					 writer_slice(&inner), data, &len);
	if (err < 0)
		return err;
	x = (struct hip_encrypted){ slice_of(iv, sizeof(iv)), slice_of(data, len) };
	hip_encrypted_put(w, &x);
	return 0;
}

/* Our half of the key, and all that follows from both. */
static int hip_initiator_keys(struct hip_association *a, const struct hip_packet *r1, uint8_t *public,
			      size_t *public_len)
{
	const struct host_security *security = &a->host->security;
	struct hip_exchange *x = a->exchange;
	struct slice i = slice_of(x->search.i, x->search.len), j = slice_of(x->search.j, x->search.len);
	uint8_t kij[HOST_DH_SHARED_MAX];
	struct hip_diffie_hellman dh;
	struct host_dh *own;
	enum host_cipher cipher;
	size_t len;
	int err;

	if (!hip_packet_diffie_hellman(r1, &dh) || hip_initiator_choose(a, r1, &cipher) != NULL)
		return ERR_MALFORMED;
	err = security->ops->dh_new(security->ctx, (enum host_dh_group)dh.group, &own, public, public_len);
	if (err < 0) {
		if (err == ERR_UNSUPPORTED)
			(void)hip_own_group_drop(a->host, dh.group);
		return err;
	}
	err = security->ops->dh_shared(security->ctx, own, dh.value, kij, &len);
	/* Kept for a rekeying in which only the other end has a new value. */
	if (a->dh != NULL)
		security->ops->dh_free(security->ctx, a->dh);
	a->dh = own;
	if (err < 0)
		return err;
	memcpy(a->peer_dh, dh.value.data, dh.value.len);
	a->peer_dh_len = dh.value.len;
	a->dh_group = dh.group;
	err = hip_keymat_init(a, x->search.rhash, cipher, i, j, slice_of(kij, len));
	explicit_bzero(kij, sizeof(kij));
	return err;
}

static void hip_initiator_put_head(struct hip_association *a, const struct hip_packet *r1, struct slice public,
				   struct writer *w)
{
	struct hip_exchange *x = a->exchange;
	const struct hip_esp_info info = { (uint16_t)a->keys.keymat_used, 0, x->spi_in };
	const struct hip_diffie_hellman dh = { a->dh_group, public };
	const struct hip_list cipher = { { (uint16_t)a->keys.cipher }, 1 };
	const struct hip_list mode = { { HIP_NAT_UDP_ENCAPSULATION }, 1 };
	struct hip_solution solution;
	struct hip_puzzle puzzle;
	struct hip_list modes;
	uint64_t counter;

	if (!hip_packet_puzzle(r1, &puzzle))
		puzzle = (struct hip_puzzle){ 0 };
	solution = (struct hip_solution){ puzzle.k, puzzle.opaque, slice_of(x->search.i, x->search.len),
					  slice_of(x->search.j, x->search.len) };
	hip_packet_begin(w, HIP_I2, 0, &a->host->hit, &a->peer);
	hip_esp_info_put(w, &info);
	if (hip_packet_r1_counter(r1, &counter))
		hip_r1_counter_put(w, counter);
	hip_put_locators(a->host, w);
	hip_solution_put(w, &solution);
	hip_diffie_hellman_put(w, &dh);
	hip_cipher_put(w, &cipher);
	if (hip_packet_list(r1, HIP_PARAMETER_NAT_TRAVERSAL_MODE, hip_nat_traversal_mode_get, &modes) == 0 &&
	    hip_list_has(&modes, HIP_NAT_UDP_ENCAPSULATION))
		hip_nat_traversal_mode_put(w, &mode);
}

static int hip_initiator_put_i2(struct hip_association *a, const struct hip_packet *r1, struct slice public,
				struct writer *w)
{
	const struct hip_list format = { { HIP_PARAMETER_ESP_TRANSFORM }, 1 };
	const struct hip_list transform = { { a->esp_suite }, 1 };
	int err;

	hip_initiator_put_head(a, r1, public, w);
	err = hip_initiator_put_identity(a, w);
	if (err < 0)
		return err;
	hip_registrant_put_request(a, r1, w);
	hip_put_echo_signed(r1, w);
	hip_transport_format_list_put(w, &format);
	hip_esp_transform_put(w, &transform);
	hip_seal_mac(a, w);
	err = hip_seal_signature(a->host, w);
	if (err < 0)
		return err;
	hip_put_echo_unsigned(r1, w);
	hip_packet_end(w);
	return w->err;
}

/* Who the Responder is, and its HOST_ID as it came. */
static int hip_initiator_remember(struct hip_association *a, const struct hip_packet *r1)
{
	struct hip_exchange *x = a->exchange;
	struct hip_parameter parameter;
	struct hip_host_id id;

	if (!hip_parameter_find(r1, HIP_PARAMETER_HOST_ID, &parameter) ||
	    !hip_packet_host_id(parameter.contents, &id))
		return ERR_MALFORMED;
	memcpy(a->peer_identity, id.identity.data, id.identity.len);
	a->peer_identity_len = id.identity.len;
	free(x->host_id);
	x->host_id = memory_alloc(parameter.whole.len);
	memcpy(x->host_id, parameter.whole.data, parameter.whole.len);
	x->host_id_len = parameter.whole.len;
	hip_packet_locators(r1, a);
	return 0;
}

static void hip_initiator_answer(struct hip_association *a, struct now now)
{
	uint8_t public[HOST_DH_PUBLIC_MAX], buffer[HIP_PACKET_MAX];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct hip_exchange *x = a->exchange;
	struct hip_packet r1;
	size_t public_len = 0;
	int err = hip_packet_get(slice_of(x->r1, x->r1_len), &r1);

	x->is_searching = false;
	if (err == 0)
		err = hip_initiator_remember(a, &r1);
	if (err == 0)
		err = hip_initiator_keys(a, &r1, public, &public_len);
	if (err == 0) {
		x->spi_in = hip_payload_spi(a->host);
		err = hip_initiator_put_i2(a, &r1, slice_of(public, public_len), &w);
	}
	if (err < 0) {
		hip_refused(a->host, &a->host->counters->hip_malformed, &x->path, &a->peer, error_name(err));
		hip_exchange_failed(a, now, "i2");
		return;
	}
	a->control = x->path;
	a->i2 = hip_elapsed(a, now);
	if (a->state != HIP_I2_SENT)
		hip_association_become(a, now, HIP_I2_SENT);
	hip_retry_start(a, now, &x->path, writer_slice(&w), hip_initiator_tries(x), hip_initiator_i2_lost);
}

static void hip_initiator_search(void *ctx, struct now now)
{
	struct hip_association *a = ctx;
	struct hip_exchange *x = a->exchange;

	if (hip_puzzle_search_step(&x->search, &a->host->security, HIP_SEARCH_STEP)) {
		timer_disarm(&a->host->timers, &x->search_timer);
		hip_initiator_answer(a, now);
		return;
	}
	if (instant_due(x->search_ends, now.mono)) {
		hip_exchange_failed(a, now, "puzzle-lifetime");
		return;
	}
	timer_arm(&a->host->timers, &x->search_timer, instant_add(now.mono, duration_ms(HIP_SEARCH_PAUSE_MS)),
		  hip_initiator_search, a);
}

/* ---- R2 ---- */

static bool hip_initiator_verify_r2(struct hip_association *a, struct now now, const struct hip_path *path,
				    const struct hip_packet *p)
{
	struct hip_host *h = a->host;

	if (hip_check_mac_2(a, p, slice_of(a->exchange->host_id, a->exchange->host_id_len)) < 0) {
		hip_refused(h, &h->counters->errors[ERR_INDEX_SIGNATURE], path, &p->sender, "mac");
		return false;
	}
	if (hip_check_signature(h, p, slice_of(a->peer_identity, a->peer_identity_len)) < 0) {
		hip_refused(h, &h->counters->errors[ERR_INDEX_SIGNATURE], path, &p->sender, "signature");
		hip_notify(h, now, path, &p->sender, HIP_AUTHENTICATION_FAILED, SLICE_EMPTY);
		return false;
	}
	return true;
}

void hip_initiator_r2(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p)
{
	struct hip_association *a = hip_association_find(h, &p->sender);
	struct hip_parameter relay_to;
	struct hip_esp_info info;

	if (a == NULL || a->state != HIP_I2_SENT || a->exchange == NULL || a->exchange->is_searching) {
		hip_refused(h, &h->counters->hip_stray, path, &p->sender, "no-i2");
		return;
	}
	if (!hip_initiator_verify_r2(a, now, path, p))
		return;
	if (!hip_packet_esp_info(p, &info)) {
		hip_refused(h, &h->counters->hip_malformed, path, &p->sender, "esp-info");
		hip_notify(h, now, path, &p->sender, HIP_INVALID_SYNTAX, SLICE_EMPTY);
		return;
	}
	hip_registrant_receive(a, now, p);
	hip_retry_stop(a);
	hip_race_end(a);
	a->control = *path;
	a->data = *path;
	/* Neither the ring nor the peer's relay carries ESP. */
	if (path->channel == HIP_CHANNEL_OVERLAY || hip_parameter_find(p, HIP_PARAMETER_RELAY_TO, &relay_to))
		a->data = (struct hip_path){ .channel = HIP_CHANNEL_NONE };
	a->r2 = hip_elapsed(a, now);
	if (hip_payload_establish(a, a->exchange->spi_in, info.new_spi) < 0) {
		hip_exchange_failed(a, now, "esp");
		return;
	}
	hip_exchange_complete(a, now, path);
}
