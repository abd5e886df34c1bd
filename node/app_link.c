/* SPDX-License-Identifier: MIT */
/* SIP is the only application so far; others are closed. */
#include "node/app_link.h"

#include "node/connection.h"

void app_link_ready(struct node *n, struct now now, const struct effect *e)
{
	struct connection *c = connection_find(n, e->link);
	char text[NODE_ID_TEXT_SIZE];

	if (c == NULL)
		return;
	log_info(&n->log, "app_link.ready", "link=%llu application=%u node=%s initiator=%d",
		 (unsigned long long)e->link, e->application, node_id_text(&e->node_id, text), e->initiator);
	if (n->sip == NULL || (e->application != APPLICATION_SIP && e->application != APPLICATION_SIPS)) {
		connection_close(c);
		return;
	}
	connection_set_application(c, e->application);
	sip_usage_app_link(n->sip, now, e->link,
			   &(struct sip_node){ e->node_id, e->hit, e->user, e->user_is_vouched }, e->initiator);
}

void app_link_receive(struct connection *c, struct now now, struct slice bytes)
{
	if (c->node->sip != NULL)
		sip_usage_stream_bytes(c->node->sip, now, c->link, bytes);
}

void app_link_closed(struct connection *c, struct now now)
{
	if (c->node->sip != NULL)
		sip_usage_stream_closed(c->node->sip, now, c->link);
}

void app_link_send(struct node *n, link_id link, struct slice bytes)
{
	struct connection *c = connection_find(n, link);

	if (c != NULL && c->application != 0)
		connection_send(c, &bytes, 1);
	else
		peer_counters(n->peer)->sip_lost++;
}

void app_link_close(struct node *n, link_id link)
{
	struct connection *c = connection_find(n, link);

	if (c != NULL && c->application != 0)
		connection_close(c);
}
