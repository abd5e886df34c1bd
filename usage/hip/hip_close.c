/* SPDX-License-Identifier: MIT */
/* The end of associations (RFC 7401 5.3.7, 5.3.8, 6.14, 6.15), and NOTIFY, which never changes a state (5.3.6,
 * 6.13). */
#include "usage/hip/hip_exchange.h"
#include "usage/hip/hip_update.h"

/* The packet is of the peer: MAC, then signature. */
static bool hip_close_verify(struct hip_association *a, const struct hip_path *path, const struct hip_packet *p)
{
	struct hip_host *h = a->host;

	if (a->keys.mac_len > 0 && hip_check_mac(a, p) == 0 &&
	    hip_check_signature(h, p, slice_of(a->peer_identity, a->peer_identity_len)) == 0)
		return true;
	hip_refused(h, &h->counters->errors[ERR_INDEX_SIGNATURE], path, &p->sender, "mac-or-signature");
	return false;
}

static void hip_close_unanswered(struct hip_association *a, struct now now)
{
	hip_association_end(a, now, ERR_CANCELLED);
}

void hip_close_start(struct hip_association *a, struct now now)
{
	uint8_t buffer[HIP_PACKET_MAX];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct hip_host *h = a->host;
	struct hip_exchange *x;

	hip_retry_stop(a);
	hip_exchange_free(a);
	x = hip_exchange_of(a);
	x->is_closing = true;
	h->security.ops->random(h->security.ctx, x->close_nonce, sizeof(x->close_nonce));
	hip_packet_begin(&w, HIP_CLOSE, 0, &h->hit, &a->peer);
	hip_bytes_put(&w, HIP_PARAMETER_ECHO_REQUEST_SIGNED, slice_of(x->close_nonce, sizeof(x->close_nonce)));
	hip_seal_mac(a, &w);
	if (hip_seal_signature(h, &w) < 0) {
		hip_association_end(a, now, ERR_CANCELLED);
		return;
	}
	hip_association_become(a, now, HIP_CLOSING);
	hip_retry_start(a, now, &a->control, writer_slice(&w), HIP_CLOSE_TRIES, hip_close_unanswered);
}

static int hip_close_put_ack(struct hip_association *a, const struct hip_packet *close, struct writer *w)
{
	hip_packet_begin(w, HIP_CLOSE_ACK, 0, &a->host->hit, &a->peer);
	hip_put_echo_signed(close, w);
	hip_seal_mac(a, w);
	return hip_seal_signature(a->host, w);
}

void hip_close_receive(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p)
{
	struct hip_association *a = hip_association_find(h, &p->sender);
	uint8_t buffer[HIP_PACKET_MAX];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct hip_parameter echo;

	/* I1-SENT and E-FAILED have no keys: the CLOSE of an association that we have forgotten. */
	if (a == NULL || a->state == HIP_I1_SENT || a->state == HIP_E_FAILED) {
		hip_refused(h, &h->counters->hip_stray, path, &p->sender, "no-association");
		return;
	}
	if (!hip_close_verify(a, path, p))
		return;
	if (!hip_parameter_find(p, HIP_PARAMETER_ECHO_REQUEST_SIGNED, &echo)) {
		hip_refused(h, &h->counters->hip_malformed, path, &p->sender, "echo");
		hip_notify(h, now, path, &p->sender, HIP_INVALID_SYNTAX, SLICE_EMPTY);
		return;
	}
	if (hip_close_put_ack(a, p, &w) < 0)
		return;
	hip_output_packet(h, now, path, writer_slice(&w));
	if (a->state == HIP_CLOSED)
		return;
	if (a->state == HIP_I2_SENT || a->state == HIP_R2_SENT || a->state == HIP_ESTABLISHED) {
		hip_retry_stop(a);
		hip_race_end(a);
		hip_exchange_free(a);
		hip_association_become(a, now, HIP_CLOSED);
		hip_association_tell(a, now, ERR_CANCELLED);
		return;
	}
	/* Both closed at once: ours goes on until it is answered. */
	hip_association_become(a, now, HIP_CLOSED);
}

void hip_close_ack_receive(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p)
{
	struct hip_association *a = hip_association_find(h, &p->sender);
	const struct hip_exchange *x = a == NULL ? NULL : a->exchange;
	struct hip_parameter echo;

	if (x == NULL || !x->is_closing || (a->state != HIP_CLOSING && a->state != HIP_CLOSED)) {
		hip_refused(h, &h->counters->hip_stray, path, &p->sender, "no-close");
		return;
	}
	if (!hip_parameter_find(p, HIP_PARAMETER_ECHO_RESPONSE_SIGNED, &echo) ||
	    !slice_equal(echo.contents, slice_of(x->close_nonce, sizeof(x->close_nonce)))) {
		hip_refused(h, &h->counters->hip_replayed, path, &p->sender, "echo");
		return;
	}
	if (hip_close_verify(a, path, p))
		hip_association_end(a, now, ERR_CANCELLED);
}

/* ---- NOTIFY ---- */

void hip_notify(struct hip_host *h, struct now now, const struct hip_path *path, const struct hit *to, uint16_t type,
		struct slice data)
{
	const struct hip_association *a = hip_association_find(h, to);
	const struct hip_notification x = { type, data };
	bool has_met = a != NULL && a->peer_identity_len > 0;
	uint8_t buffer[HIP_PACKET_MAX];
	struct writer w = writer_of(buffer, sizeof(buffer));

	if (!hip_limit_take(h, now, HIP_LIMIT_NOTIFY, path, to))
		return;
	hip_packet_begin(&w, HIP_NOTIFY, 0, &h->hit, to);
	/* Who has not seen our key yet is shown it; mere status (keepalives) is not worth a signature then. */
	if (!has_met && type < HIP_I2_ACKNOWLEDGEMENT)
		hip_put_host_id(h, &w);
	hip_notification_put(&w, &x);
	hip_packet_end(&w);
	if ((has_met || type < HIP_I2_ACKNOWLEDGEMENT) && hip_seal_signature(h, &w) < 0)
		return;
	if (w.err == 0)
		hip_output_packet(h, now, path, writer_slice(&w));
}

void hip_notify_receive(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p)
{
	struct hip_association *a = hip_association_find(h, &p->sender);
	struct hip_parameter parameter;
	struct hip_notification x;
	char text[HIT_TEXT_SIZE];
	struct reader r;
	size_t cursor = 0;
	uint32_t spi;
	bool is_signed;

	if (a == NULL || a->peer_identity_len == 0 || !hip_limit_take(h, now, HIP_LIMIT_NOTIFY, path, &p->sender))
		return;
	is_signed = hip_check_signature(h, p, slice_of(a->peer_identity, a->peer_identity_len)) == 0;
	while (hip_parameter_next(p, &cursor, &parameter)) {
		if (parameter.type != HIP_PARAMETER_NOTIFICATION)
			continue;
		r = reader_of(parameter.contents);
		hip_notification_get(&r, &x);
		if (reader_finish(&r) < 0)
			continue;
		log_info(h->log, "hip.notification", "peer=%s type=%u error=%d signed=%d", hit_text(&p->sender, text),
			 x.type, x.type < HIP_I2_ACKNOWLEDGEMENT, is_signed);
		r = reader_of(x.data);
		spi = reader_u32(&r);
		if (x.type == HIP_UNKNOWN_SPI && reader_finish(&r) == 0)
			hip_liveness_hint(a, now, spi);
	}
}
