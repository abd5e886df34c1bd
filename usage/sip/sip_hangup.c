/* SPDX-License-Identifier: MIT */
/* ACK and BYE in the caller's stead. */
#include "usage/sip/sip_hangup.h"

#include <stdio.h>

#include "usage/sip/sip_edit.h"
#include "usage/sip/sip_flow.h"
#include "usage/sip/sip_transaction.h"

#define SIP_HANGUP_ROUTES_MAX 16

/* The Record-Route elements of the proxies behind this one, in the order that a request takes: what was inserted after
 * ours stands above it in the response. */
static void sip_hangup_routes(struct sip_usage *s, const struct sip_message *response, struct sip_text *out)
{
	struct slice elements[SIP_HANGUP_ROUTES_MAX], element;
	struct sip_walk walk = { 0 };
	size_t count = 0;

	while (count < SIP_HANGUP_ROUTES_MAX &&
	       sip_message_walk(response, SIP_HEADER_RECORD_ROUTE, &walk, &element)) {
		struct sip_name_addr name;
		struct sip_uri uri;
		struct sip_hop hop;
		enum sip_route_kind kind;

		if (sip_name_addr_parse(element, &name) != 0 || sip_uri_parse(name.uri, &uri) != 0)
			break;
		kind = sip_flow_classify(s, &uri, &hop);
		if (kind == SIP_ROUTE_OWN || kind == SIP_ROUTE_OWN_FLOW)
			break;
		elements[count++] = element;
	}
	while (count-- > 0) {
		sip_text_add(out, "Route: ");
		sip_text_bytes(out, elements[count]);
		sip_text_add(out, "\r\n");
	}
}

static void sip_hangup_put(struct sip_usage *s, struct sip_text *out, const struct sip_message *invite,
			   const struct sip_message *response, const char *method, char branch[SIP_BRANCH_MAX + 1])
{
	const struct sip_header *contact = sip_message_first(response, SIP_HEADER_CONTACT);
	struct sip_name_addr target;
	char random[17];

	sip_random_hex(s, 8, random);
	snprintf(branch, SIP_BRANCH_MAX + 1, "z9hG4bK%s", random);
	sip_text_add(out, "%s ", method);
	if (contact != NULL && sip_name_addr_parse(contact->value, &target) == 0)
		sip_text_bytes(out, target.uri);
	else
		sip_text_bytes(out, invite->uri_text);
	/* Our own Via, as the INVITE has it, under a branch of its own. */
	sip_text_add(out, " SIP/2.0\r\nVia: ");
	sip_text_bytes(out, slice_of(invite->via.element.data,
				     (size_t)(invite->via.params.data - invite->via.element.data)));
	sip_text_add(out, ";branch=%s\r\nMax-Forwards: %d\r\n", branch, SIP_MAX_FORWARDS);
	sip_hangup_routes(s, response, out);
	sip_text_bytes(out, sip_message_first(invite, SIP_HEADER_FROM)->line);
	sip_text_bytes(out, sip_message_first(response, SIP_HEADER_TO)->line);
	sip_text_bytes(out, sip_message_first(invite, SIP_HEADER_CALL_ID)->line);
	sip_text_add(out, "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
		     strcmp(method, "ACK") == 0 ? invite->cseq : invite->cseq + 1, method);
}

void sip_hangup(struct sip_usage *s, struct now now, const struct sip_hop *hop, struct slice invite,
		const struct sip_message *response, bool bye)
{
	char branch[SIP_BRANCH_MAX + 1];
	struct sip_text out = { 0 };
	struct sip_message m;

	if (sip_message_parse(&m, invite, false) != 0)
		return;
	sip_hangup_put(s, &out, &m, response, "ACK", branch);
	if (sip_hop_send(s, now, hop, NULL, sip_text_slice(&out)) != 0)
		sip_counters(s)->sip_lost++;
	out.len = 0;
	if (bye) {
		sip_hangup_put(s, &out, &m, response, "BYE", branch);
		if (sip_client_new(s, now, hop, NULL, sip_text_slice(&out), branch, "BYE", NULL, NULL) == NULL)
			sip_limit_met(s, "clients", SIP_CLIENTS_MAX);
	}
	sip_text_free(&out);
}
