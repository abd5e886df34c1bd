/* SPDX-License-Identifier: MIT */
/* Rendezvous server (RFC 8004; UPDATE as in RFC 8046 3.2.3): I1 and UPDATE for a registered host go to its
 * address with FROM and RVS_HMAC; the host answers the address in FROM directly.
 *
 * FROM of a packet that came through the ring is the address that the initiator's edge observed: the host
 * answers there directly, as with any RVS. When the initiator asks again, the direct way did not work: then
 * FROM is this edge's own address, and replies and what follows come here and go back through the ring. */
#include "usage/hip/hip_edge.h"

/* Who the host shall think has sent it. */
static struct address hip_rendezvous_from(const struct hip_passage *x, const struct hip_client *client)
{
	struct address own = hip_client_local(client);

	if (x->carry == NULL)
		return x->path->remote;
	if (x->carry->source.type != own.type || (x->packet->type == HIP_I1 && x->pair->i1_count > 1))
		x->pair->through = true;
	return x->pair->through ? own : x->carry->source;
}

int hip_rendezvous_deliver(const struct hip_passage *x, struct hip_client *client)
{
	struct hip_path path = hip_client_path(client);
	uint8_t bytes[HIP_PACKET_MAX], from_bytes[32];
	struct writer w = writer_of(bytes, sizeof(bytes)), from = writer_of(from_bytes, sizeof(from_bytes));
	struct address address;
	int err;

	if (x->packet->type != HIP_I1 && x->packet->type != HIP_UPDATE) {
		/* An RVS relays no other packet; but this host itself speaks with the sender through us. */
		if (x->to->path.channel == HIP_CHANNEL_NONE)
			return hip_passage_drop(x, &x->host->counters->hip_lost, "rvs", HIP_CARRY_REFUSED);
		return hip_passage_send(x, client, &path, x->packet->bytes);
	}
	address = hip_rendezvous_from(x, client);
	hip_from_put(&from, &address);
	err = hip_passage_protect(x, client, writer_slice(&from), HIP_PARAMETER_RVS_HMAC, &w);
	if (err < 0)
		return hip_passage_drop(x, err == ERR_MALFORMED ? &x->host->counters->hip_malformed
					: &x->host->counters->hip_lost, error_text(err), HIP_CARRY_REFUSED);
	return hip_passage_send(x, client, &path, writer_slice(&w));
}
