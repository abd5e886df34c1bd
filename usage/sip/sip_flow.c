/* SPDX-License-Identifier: MIT */
/* Flow tokens. */
#include "usage/sip/sip_flow.h"

#include <stdio.h>

#define SIP_TOKEN_BODY (1 + 8 + 1 + 16 + 2) /* transport, stream, address type, address, port */
#define SIP_TOKEN_MAC 8
#define SIP_TOKEN_BYTES (SIP_TOKEN_BODY + SIP_TOKEN_MAC)

static void sip_token_mac(struct sip_usage *s, const uint8_t *body, uint8_t mac[SIP_TOKEN_MAC])
{
	const struct security *security = peer_security(s->peer);
	uint8_t digest[32];
	struct slice parts[3] = {
		slice_of(s->secret, sizeof(s->secret)),
		slice_of(body, SIP_TOKEN_BODY),
		slice_of(s->secret, sizeof(s->secret)), /* at both ends: no length extension */
	};

	security->ops->digest(security->ctx, HASH_SHA256, parts, 3, digest);
	memcpy(mac, digest, SIP_TOKEN_MAC);
}

static void sip_token_put(struct sip_usage *s, const struct sip_flow *flow, char *text)
{
	uint8_t bytes[SIP_TOKEN_BYTES] = { 0 };
	struct writer w = writer_of(bytes, SIP_TOKEN_BODY);

	writer_u8(&w, (uint8_t)flow->transport);
	writer_u64(&w, flow->stream);
	writer_u8(&w, flow->remote.type);
	writer_bytes(&w, slice_of(flow->remote.bytes, sizeof(flow->remote.bytes)));
	writer_u16(&w, flow->remote.port);
	sip_token_mac(s, bytes, bytes + SIP_TOKEN_BODY);
	sip_hex(bytes, SIP_TOKEN_BYTES, text);
}

static bool sip_token_get(struct sip_usage *s, struct slice text, struct sip_flow *flow)
{
	uint8_t bytes[SIP_TOKEN_BYTES], mac[SIP_TOKEN_MAC];
	struct reader r;

	if (text.len != 2 * SIP_TOKEN_BYTES)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (digit < 0)
			return false;
		bytes[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : bytes[i / 2] | digit);
	}
	sip_token_mac(s, bytes, mac);
	if (memcmp(mac, bytes + SIP_TOKEN_BODY, SIP_TOKEN_MAC) != 0)
		return false;
	r = reader_of(slice_of(bytes, SIP_TOKEN_BODY));
	*flow = (struct sip_flow){ 0 };
	flow->transport = reader_u8(&r) == SIP_TCP ? SIP_TCP : SIP_UDP;
	flow->stream = reader_u64(&r);
	flow->remote.type = reader_u8(&r);
	reader_copy(&r, flow->remote.bytes, sizeof(flow->remote.bytes));
	flow->remote.port = reader_u16(&r);
	return reader_finish(&r) == 0;
}

void sip_flow_record_route(struct sip_usage *s, const struct sip_hop *hop, char *uri, size_t size)
{
	char token[2 * SIP_TOKEN_BYTES + 1], text[ADDRESS_TEXT_SIZE];

	if (hop->flow.transport == SIP_OVERLAY) {
		snprintf(uri, size, "sip:%s@%s;lr;peal-node", s->node,
			 peer_configuration(s->peer)->overlay_name);
		return;
	}
	sip_token_put(s, &hop->flow, token);
	snprintf(uri, size, "sip:%s@%s;lr%s", token,
		 address_text(sip_listen_for(s, &hop->flow.remote), text),
		 hop->flow.transport == SIP_TCP ? ";transport=tcp" : "");
}

enum sip_route_kind sip_flow_classify(struct sip_usage *s, const struct sip_uri *uri, struct sip_hop *hop)
{
	struct slice value;
	char text[NODE_ID_TEXT_SIZE];

	memset(hop, 0, sizeof(*hop));
	if (sip_param(uri->params, "peal-node", &value)) {
		if (uri->user.len != NODE_ID_TEXT_SIZE - 1 ||
		    !sip_is(uri->host, peer_configuration(s->peer)->overlay_name) ||
		    node_id_parse(sip_copy(text, sizeof(text), uri->user), &hop->node) != 0)
			return SIP_ROUTE_FOREIGN;
		hop->flow.transport = SIP_OVERLAY;
		return node_id_equal(&hop->node, peer_node_id(s->peer)) ? SIP_ROUTE_OWN : SIP_ROUTE_NODE;
	}
	if (!sip_is_own_address(s, uri->host, uri->port))
		return SIP_ROUTE_FOREIGN;
	return sip_token_get(s, uri->user, &hop->flow) ? SIP_ROUTE_OWN_FLOW : SIP_ROUTE_OWN;
}
