/* SPDX-License-Identifier: MIT */
/* The Connection Table as others see it. */
#include <stdio.h>

#include "overlay/link_table.h"
#include "overlay/peer_state.h"

const char *link_state_name(enum link_state s)
{
	switch (s) {
	case LINK_OPENING:
		return "opening";
	case LINK_UP:
		return "up";
	case LINK_ATTACHED:
		return "attached";
	case LINK_SUSPECT:
		return "suspect";
	}
	return "unknown";
}

link_id link_find_node(const struct peer *p, const struct node_id *node)
{
	const struct link *l = link_of_node(p, node);

	return l == NULL ? 0 : l->id;
}

bool link_next(const struct peer *p, size_t *cursor, struct link_info *out)
{
	const struct link *l = link_table_next(p, cursor);

	if (l == NULL)
		return false;
	*out = (struct link_info){
		.id = l->id,
		.state = (enum link_state)l->state,
		.type = (enum overlay_link_type)l->type,
		.address = l->address,
		.listens_at = l->listens_at,
		.node_id = l->node_id,
		.outgoing = l->outgoing,
		.is_client = l->is_client,
		.since = l->since,
		.smoothed_rtt = round_trip_smoothed(&l->framing.round_trip),
		.bytes_in = l->bytes_in,
		.bytes_out = l->bytes_out,
		.messages_in = l->messages_in,
		.messages_out = l->messages_out,
		.unacknowledged = framing_unacknowledged(&l->framing),
	};
	snprintf(out->user, sizeof(out->user), "%s", link_user(l));
	return true;
}
