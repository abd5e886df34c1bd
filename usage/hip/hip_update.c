/* SPDX-License-Identifier: MIT */
/* UPDATE packets: SEQ and ACK, retransmission, what is answered (RFC 7401 5.3.5, 6.11, 6.12). Address checks depend on
 * nothing and may be outstanding together; of the others one is outstanding at a time, and none is begun while new SAs
 * are being agreed on (RFC 7402 6.8). */
#include "usage/hip/hip_update.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_exchange.h"
#include "usage/hip/hip_registrant.h"

struct hip_update_read {
	bool has_seq, has_ack, has_info, has_locators, has_dh, has_host_id, registers;
	uint32_t id;
	struct hip_ack ack;
	struct hip_esp_info info;
	struct hip_locator_set locators;
	struct hip_diffie_hellman dh;
	struct hip_host_id host_id;
	struct slice echo_request, echo_response;
};

struct hip_update_state *hip_update_of(struct hip_association *a)
{
	if (a->update == NULL) {
		a->update = memory_alloc(sizeof(*a->update));
		a->update->association = a;
	}
	return a->update;
}

bool hip_update_is_open(const struct hip_association *a)
{
	return (a->state == HIP_ESTABLISHED || a->state == HIP_R2_SENT) && a->in.key != NULL;
}

/* ---- Sending ---- */

void hip_update_drop(struct hip_update_state *u, struct hip_update_sent *s)
{
	struct hip_update_sent **at = &u->sent;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	timer_disarm(&s->association->host->timers, &s->timer);
	free(s);
}

struct hip_update_sent *hip_update_outstanding(struct hip_update_state *u, enum hip_update_kind kind)
{
	struct hip_update_sent *s = u->sent;

	while (s != NULL && s->kind != kind)
		s = s->next;
	return s;
}

/* 2 * RTT (6.11 step 3), doubled at each retry. */
static struct duration hip_update_interval(const struct hip_update_sent *s)
{
	const struct hip_update_state *u = s->association->update;
	uint64_t first = HIP_UPDATE_FIRST_MS, twice = 2 * u->round_trip.us / 1000;

	if (s->asks_life)
		return duration_ms(twice < HIP_ASK_FIRST_MS ? HIP_ASK_FIRST_MS
				   : twice > HIP_ASK_MAX_MS ? HIP_ASK_MAX_MS : twice);
	if (u->round_trip.us != 0 && twice < first)
		first = twice > HIP_UPDATE_MIN_MS ? twice : HIP_UPDATE_MIN_MS;
	else if (s->kind == HIP_UPDATE_CHECK)
		first /= 2; /* nothing waits for it but data */
	return duration_ms(first << (s->tries - 1));
}

static void hip_update_gave_up(struct hip_update_sent *s, struct now now)
{
	struct hip_association *a = s->association;
	char text[HIP_PATH_TEXT_SIZE], peer[HIT_TEXT_SIZE];

	if (s->kind == HIP_UPDATE_CHECK) {
		struct instant began = s->began;
		bool asks_life = s->asks_life;

		log_info(a->host->log, "hip.check.failed", "peer=%s path=\"%s\"", hit_text(&a->peer, peer),
			 hip_path_text(&s->path, text));
		hip_mobility_unanswered(a, &s->path);
		hip_update_drop(a->update, s);
		if (asks_life)
			hip_liveness_unanswered(a, now, began);
		return;
	}
	log_info(a->host->log, "hip.update.failed", "peer=%s id=%u", hit_text(&a->peer, peer), s->id);
	hip_update_drop(a->update, s);
	hip_close_start(a, now);
}

static void hip_update_fire(void *ctx, struct now now);

static void hip_update_transmit(struct hip_update_sent *s, struct now now)
{
	struct hip_association *a = s->association;
	struct slice packet = slice_of(s->packet, s->len);
	struct hip_path path = s->kind == HIP_UPDATE_CHECK ? s->path : a->control;

	s->tries++;
	timer_arm(&a->host->timers, &s->timer, instant_add(now.mono, hip_update_interval(s)), hip_update_fire, s);
	if (s->kind != HIP_UPDATE_CHECK && s->tries > 1)
		hip_mobility_send_widely(a, now, packet);
	else if (hip_mobility_refresh(a->host, &path))
		hip_output_packet(a->host, now, &path, packet);
	else if (s->kind != HIP_UPDATE_CHECK)
		hip_mobility_send_widely(a, now, packet);
	a->update->sent_at = now.mono;
}

static void hip_update_fire(void *ctx, struct now now)
{
	struct hip_update_sent *s = ctx;

	unsigned tries_max = s->asks_life ? HIP_ASK_TRIES_MAX
			     : s->kind == HIP_UPDATE_CHECK ? HIP_CHECK_TRIES_MAX : HIP_UPDATE_TRIES_MAX;

	if (s->tries >= tries_max)
		hip_update_gave_up(s, now);
	else
		hip_update_transmit(s, now);
}

void hip_update_hurry(struct hip_update_sent *s, struct now now)
{
	s->tries = 0;
	hip_update_transmit(s, now);
}

/* The parameters in the order of their types. */
static void hip_update_put(struct hip_association *a, const struct hip_update_sent *s, bool settles, struct writer *w)
{
	struct hip_update_state *u = a->update;
	struct hip_host *h = a->host;
	struct hip_esp_info info = { (uint16_t)a->keys.keymat_used, a->in.spi, a->in.spi };
	const struct hip_rekey *rekey = &u->rekey;

	hip_packet_begin(w, HIP_UPDATE, 0, &h->hit, &a->peer);
	hip_esp_info_put(w, s->kind == HIP_UPDATE_REKEY ? &rekey->own : &info);
	if (s->kind == HIP_UPDATE_READDRESS)
		hip_mobility_put_locators(h, a->in.spi, w);
	hip_seq_put(w, s->id);
	if (u->owed != NULL && u->owed->ack)
		hip_ack_put(w, &(struct hip_ack){ .update_ids = { u->owed->id }, .count = 1 });
	if (s->kind == HIP_UPDATE_REKEY && rekey->dh_public_len > 0) {
		struct hip_diffie_hellman dh = { a->dh_group, slice_of(rekey->dh_public, rekey->dh_public_len) };

		hip_diffie_hellman_put(w, &dh);
	}
	if (s->kind == HIP_UPDATE_CHECK)
		hip_bytes_put(w, HIP_PARAMETER_ECHO_REQUEST_SIGNED, slice_of(s->nonce, sizeof(s->nonce)));
	if (s->kind == HIP_UPDATE_READDRESS)
		hip_registrant_put_request(a, NULL, w);
	if (settles && u->owed->echo.data != NULL)
		hip_bytes_put(w, HIP_PARAMETER_ECHO_RESPONSE_SIGNED, u->owed->echo);
}

static void hip_update_new(struct hip_association *a, struct now now, enum hip_update_kind kind,
			   const struct hip_path *path, bool is_preferred)
{
	struct hip_update_state *u = a->update;
	struct hip_update_sent *s = memory_alloc(sizeof(*s) + HIP_PACKET_MAX), **at = &u->sent;
	struct writer w = writer_of(s->packet, HIP_PACKET_MAX);
	bool settles = u->owed != NULL && u->owed->ack && !u->owed->registers && hip_path_equal(path, &u->owed->path);

	s->association = a;
	s->kind = kind;
	s->id = u->next_id;
	s->path = *path;
	s->is_preferred = is_preferred;
	s->began = now.mono;
	if (kind == HIP_UPDATE_CHECK)
		a->host->security.ops->random(a->host->security.ctx, s->nonce, sizeof(s->nonce));
	hip_update_put(a, s, settles, &w);
	hip_seal_mac(a, &w);
	if (hip_seal_signature(a->host, &w) < 0 || w.err < 0) {
		a->host->counters->hip_lost++;
		free(s);
		return;
	}
	u->next_id++;
	if (settles)
		u->owed->ack = false;
	s = memory_resize(s, sizeof(*s) + w.len);
	s->len = w.len;
	while (*at != NULL)
		at = &(*at)->next;
	*at = s;
	hip_update_transmit(s, now);
}

void hip_update_pump(struct hip_association *a, struct now now)
{
	struct hip_update_state *u = hip_update_of(a);

	if (!hip_update_is_open(a) || (u->rekey.is_busy && hip_update_outstanding(u, HIP_UPDATE_REKEY) != NULL))
		return;
	/* The answer to a request for new SAs comes before all else. */
	if (u->rekey.is_busy) {
		if (u->rekey.own.new_spi == 0 && hip_rekey_prepare_request(a, now) == 0)
			hip_update_new(a, now, HIP_UPDATE_REKEY, &a->control, false);
		return;
	}
	while (u->wanted_count > 0) {
		struct hip_check_wanted want = u->wanted[0];

		u->wanted_count--;
		memmove(&u->wanted[0], &u->wanted[1], u->wanted_count * sizeof(u->wanted[0]));
		if (hip_mobility_refresh(a->host, &want.path))
			hip_update_new(a, now, HIP_UPDATE_CHECK, &want.path, want.is_preferred);
	}
	if (hip_update_outstanding(u, HIP_UPDATE_READDRESS) != NULL)
		return;
	if (u->wants_readdress) {
		u->wants_readdress = false;
		hip_update_new(a, now, HIP_UPDATE_READDRESS, &a->control, false);
	} else if (u->wants_rekey) {
		u->wants_rekey = false;
		u->rekey.is_busy = true;
		hip_update_pump(a, now);
	}
}

/* ---- Answers ---- */

static void hip_update_keep_answer(struct hip_update_state *u, uint32_t id, struct slice packet)
{
	free(u->answer);
	u->answer = memory_alloc(packet.len);
	memcpy(u->answer, packet.data, packet.len);
	u->answer_len = packet.len;
	u->answer_id = id;
}

/* An ACK of its own, and what else the UPDATE asked for. */
static void hip_update_settle(struct hip_association *a, struct now now)
{
	struct hip_update_owed *owed = a->update->owed;
	uint8_t buffer[HIP_PACKET_MAX];
	struct writer w = writer_of(buffer, sizeof(buffer));

	if (!owed->ack)
		return;
	hip_packet_begin(&w, HIP_UPDATE, 0, &a->host->hit, &a->peer);
	hip_ack_put(&w, &(struct hip_ack){ .update_ids = { owed->id }, .count = 1 });
	if (owed->registers)
		hip_edge_register(a, now, &owed->path, owed->packet, &w);
	if (owed->echo.data != NULL)
		hip_bytes_put(&w, HIP_PARAMETER_ECHO_RESPONSE_SIGNED, owed->echo);
	hip_seal_mac(a, &w);
	if (hip_seal_signature(a->host, &w) < 0 || w.err < 0) {
		a->host->counters->hip_lost++;
		return;
	}
	hip_put_echo_unsigned(owed->packet, &w);
	hip_packet_end(&w);
	hip_update_keep_answer(a->update, owed->id, writer_slice(&w));
	hip_output_packet(a->host, now, &owed->path, writer_slice(&w));
	a->update->sent_at = now.mono;
}

/* 6.12.1 step 2: acknowledged again, within bounds. */
static void hip_update_again(struct hip_association *a, struct now now, const struct hip_path *path,
			     const struct hip_packet *p, const struct hip_update_read *in)
{
	struct hip_update_state *u = a->update;
	struct hip_update_owed owed = { .path = *path, .packet = p, .ack = true, .id = in->id,
					.echo = in->echo_request };

	a->host->counters->hip_replayed++;
	if (instant_since(now.mono, u->again_since).us >= duration_s(1).us) {
		u->again_since = now.mono;
		u->again_count = 0;
	}
	if (u->again_count++ >= HIP_UPDATE_AGAIN_MAX)
		return;
	if (u->answer != NULL && u->answer_id == in->id) {
		hip_output_packet(a->host, now, path, slice_of(u->answer, u->answer_len));
		return;
	}
	u->owed = &owed;
	hip_update_settle(a, now);
	u->owed = NULL;
}

/* ---- Receiving ---- */

static int hip_update_read_one(const struct hip_parameter *x, struct hip_update_read *in)
{
	struct reader r = reader_of(x->contents);

	switch (x->type) {
	case HIP_PARAMETER_ESP_INFO:
		in->has_info = true;
		hip_esp_info_get(&r, &in->info);
		break;
	case HIP_PARAMETER_LOCATOR_SET:
		in->has_locators = true;
		hip_locator_set_get(&r, &in->locators);
		break;
	case HIP_PARAMETER_SEQ:
		in->has_seq = true;
		hip_seq_get(&r, &in->id);
		break;
	case HIP_PARAMETER_ACK:
		in->has_ack = true;
		hip_ack_get(&r, &in->ack);
		break;
	case HIP_PARAMETER_DIFFIE_HELLMAN:
		in->has_dh = true;
		hip_diffie_hellman_get(&r, &in->dh);
		break;
	case HIP_PARAMETER_HOST_ID:
		in->has_host_id = true;
		hip_host_id_get(&r, &in->host_id);
		break;
	case HIP_PARAMETER_ECHO_REQUEST_SIGNED:
		in->echo_request = x->contents;
		return 0;
	case HIP_PARAMETER_ECHO_RESPONSE_SIGNED:
		in->echo_response = x->contents;
		return 0;
	case HIP_PARAMETER_REG_REQUEST:
		in->registers = true;
		return 0;
	default:
		return 0;
	}
	return reader_finish(&r);
}

/* Without SEQ and ACK it is none (5.3.5). */
static int hip_update_read(const struct hip_packet *p, struct hip_update_read *in)
{
	struct hip_parameter x;
	size_t cursor = 0;
	int err = 0;

	while (err == 0 && hip_parameter_next(p, &cursor, &x))
		err = hip_update_read_one(&x, in);
	return err == 0 && !in->has_seq && !in->has_ack ? ERR_MALFORMED : err;
}

enum hip_update_order { HIP_UPDATE_IS_NEW, HIP_UPDATE_IS_OLD, HIP_UPDATE_IS_OUTSIDE };

/* Update IDs are compared on a circle (6.12). */
static enum hip_update_order hip_update_order(const struct hip_update_state *u, uint32_t id)
{
	int32_t ahead = (int32_t)(id - u->peer_next);

	if (ahead >= HIP_UPDATE_WINDOW || ahead < -HIP_UPDATE_WINDOW)
		return HIP_UPDATE_IS_OUTSIDE;
	if (ahead >= 0)
		return HIP_UPDATE_IS_NEW;
	return (u->peer_seen >> (-ahead - 1) & 1) != 0 ? HIP_UPDATE_IS_OLD : HIP_UPDATE_IS_NEW;
}

static void hip_update_see(struct hip_update_state *u, uint32_t id)
{
	int32_t ahead = (int32_t)(id - u->peer_next);

	if (ahead >= 0) {
		u->peer_seen = ahead >= HIP_UPDATE_WINDOW - 1 ? 0 : u->peer_seen << (ahead + 1);
		u->peer_next = id + 1;
		ahead = -1;
	}
	u->peer_seen |= UINT64_C(1) << (-ahead - 1);
}

static struct hip_update_sent *hip_update_by_id(struct hip_update_state *u, uint32_t id)
{
	struct hip_update_sent *s = u->sent;

	while (s != NULL && (s->id != id || s->is_acked))
		s = s->next;
	return s;
}

static bool hip_update_acks_something(struct hip_update_state *u, const struct hip_update_read *in)
{
	for (size_t i = 0; i < in->ack.count; i++)
		if (hip_update_by_id(u, in->ack.update_ids[i]) != NULL)
			return true;
	return false;
}

/* A check waits on for its echo, though not for long. */
static void hip_update_acked(struct hip_association *a, struct now now, const struct hip_update_read *in)
{
	struct hip_update_state *u = a->update;

	for (size_t i = 0; i < in->ack.count; i++) {
		struct hip_update_sent *s = hip_update_by_id(u, in->ack.update_ids[i]);
		enum hip_update_kind kind;

		if (s == NULL)
			continue;
		if (s->tries == 1)
			u->round_trip = instant_since(now.mono, s->began);
		kind = s->kind;
		if (kind == HIP_UPDATE_CHECK) {
			s->is_acked = true;
			continue;
		}
		hip_update_drop(u, s);
		if (kind == HIP_UPDATE_REKEY)
			hip_rekey_acked(a, now);
	}
}

static void hip_update_refuse(struct hip_association *a, const struct hip_path *path, const char *why)
{
	char text[HIP_PATH_TEXT_SIZE], peer[HIT_TEXT_SIZE];

	log_info(a->host->log, "hip.update.refused", "peer=%s path=\"%s\" why=%s", hit_text(&a->peer, peer),
		 hip_path_text(path, text), why);
}

/* Whether it is to be handled as something new: MAC first, as the cheap one (6.12.1 steps 1 to 4). */
static bool hip_update_admit(struct hip_association *a, struct now now, const struct hip_path *path,
			     const struct hip_packet *p, struct hip_update_read *in)
{
	struct slice identity = slice_of(a->peer_identity, a->peer_identity_len);
	struct hip_update_state *u = a->update;
	enum hip_update_order order = HIP_UPDATE_IS_NEW;

	if (hip_update_read(p, in) < 0) {
		a->host->counters->hip_malformed++;
		hip_update_refuse(a, path, "malformed");
		return false;
	}
	if (in->has_seq)
		order = hip_update_order(u, in->id);
	/* What answers nothing may be an old answer, said again by somebody else from elsewhere. */
	if (order == HIP_UPDATE_IS_OUTSIDE || (!in->has_seq && !hip_update_acks_something(u, in) &&
					       hip_mobility_awaits(a, in->echo_response) == NULL)) {
		a->host->counters->hip_stray++;
		return false;
	}
	if (hip_check_mac(a, p) < 0) {
		hip_update_refuse(a, path, "mac");
		return false;
	}
	if (order == HIP_UPDATE_IS_OLD) {
		hip_update_again(a, now, path, p, in);
		return false;
	}
	/* 8046 4.3: for middleboxes; it can only be the one we know. */
	if ((in->has_host_id && !slice_equal(in->host_id.identity, identity)) ||
	    hip_check_signature(a->host, p, identity) < 0) {
		hip_update_refuse(a, path, "signature");
		return false;
	}
	if (in->has_info && !hip_rekey_is_valid(a, &in->info, in->has_dh ? &in->dh : NULL)) {
		a->host->counters->hip_malformed++;
		hip_update_refuse(a, path, "esp-info");
		return false;
	}
	return true;
}

/* Where control packets go from now on: the ring only serves those that have nothing better. */
static void hip_update_heard(struct hip_association *a, struct now now, const struct hip_path *path)
{
	a->last_used = now.mono;
	hip_liveness_heard(a, now);
	if (path->channel != HIP_CHANNEL_OVERLAY || a->control.channel == HIP_CHANNEL_OVERLAY ||
	    a->data.channel == HIP_CHANNEL_NONE || a->update->is_stale)
		a->control = *path;
	if (a->state == HIP_R2_SENT)
		hip_association_become(a, now, HIP_ESTABLISHED);
}

/* A rendezvous or relay on the way says so; its address is not the other end's. */
static bool hip_update_is_direct(const struct hip_path *path, const struct hip_packet *p)
{
	static const uint16_t relayed[] = { HIP_PARAMETER_RELAY_FROM, HIP_PARAMETER_RELAY_TO, HIP_PARAMETER_FROM };
	struct hip_parameter x;

	for (size_t i = 0; i < sizeof(relayed) / sizeof(relayed[0]); i++)
		if (hip_parameter_find(p, relayed[i], &x))
			return false;
	return path->channel == HIP_CHANNEL_UDP || path->channel == HIP_CHANNEL_RAW;
}

void hip_update_receive(struct hip_association *a, struct now now, const struct hip_path *path,
			const struct hip_packet *p)
{
	struct hip_update_state *u = hip_update_of(a);
	struct hip_update_owed owed = { .path = *path, .packet = p };
	struct hip_update_read in = { 0 };
	struct hip_host *h = a->host;

	if (!hip_update_is_open(a)) {
		h->counters->hip_stray++;
		return;
	}
	if (!hip_update_admit(a, now, path, p, &in))
		return;
	hip_update_heard(a, now, path);
	if (hip_association_find(h, &p->sender) != a || a->update != u)
		return; /* who was told of ESTABLISHED has ended it */
	if (in.has_seq) {
		hip_update_see(u, in.id);
		owed.ack = true;
		owed.id = in.id;
		owed.echo = in.echo_request;
		owed.registers = in.registers && h->edge != NULL;
	}
	hip_registrant_receive(a, now, p);
	u->owed = &owed;
	if (in.has_ack)
		hip_update_acked(a, now, &in);
	if (in.echo_response.data != NULL)
		hip_mobility_answered(a, now, in.echo_response);
	if (in.has_seq) {
		if (in.has_info)
			hip_rekey_receive(a, now, &in.info, in.has_dh ? &in.dh : NULL);
		hip_mobility_receive(a, now, path, hip_update_is_direct(path, p),
				     in.has_locators ? &in.locators : NULL);
	}
	hip_update_pump(a, now);
	hip_update_settle(a, now);
	u->owed = NULL;
}

void hip_update_established(struct hip_association *a, struct now now)
{
	hip_update_of(a);
	hip_mobility_begin(a, now);
	hip_update_pump(a, now);
}

void hip_update_free(struct hip_association *a)
{
	if (a->dh != NULL)
		a->host->security.ops->dh_free(a->host->security.ctx, a->dh);
	a->dh = NULL;
	if (a->update == NULL)
		return;
	while (a->update->sent != NULL)
		hip_update_drop(a->update, a->update->sent);
	hip_rekey_free(a);
	hip_mobility_free(a);
	free(a->update->answer);
	free(a->update);
	a->update = NULL;
}
