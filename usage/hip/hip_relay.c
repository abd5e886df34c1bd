/* SPDX-License-Identifier: MIT */
/* Control relay server (RFC 9028 4.5, 5.6, 5.8; RFC 5770 4.10): all control packets for a registered host go to
 * it with RELAY_FROM and RELAY_HMAC; its own, with RELAY_TO, leave from here. RELAY_FROM of a packet that came
 * through the ring is this edge's own address: what was claimed in a HIP_CARRY would come back as RELAY_TO, and
 * nothing may be sent there. */
#include "usage/hip/hip_edge.h"

#define HIP_NO_VALID_NAT_TRAVERSAL_MODE_PARAMETER 60 /* RFC 9028 5.10 */
#define HIP_PROTOCOL_UDP 17                          /* in RELAY_FROM; 0 is plain IP */

bool hip_relay_admits(const struct hip_passage *x)
{
	struct hip_parameter mode;
	struct hip_packet p;

	if ((x->packet->type != HIP_R1 && x->packet->type != HIP_I2) || x->host->options.edge_lenient)
		return true;
	if (hip_packet_get(x->packet->bytes, &p) == 0
	    && hip_parameter_find(&p, HIP_PARAMETER_NAT_TRAVERSAL_MODE, &mode))
		return true;
	(void)hip_passage_drop(x, &x->host->counters->hip_forbidden, "nat-traversal-mode", HIP_CARRY_REFUSED);
	if (x->carry == NULL)
		hip_notify(x->host, x->now, x->path, &x->packet->sender, HIP_NO_VALID_NAT_TRAVERSAL_MODE_PARAMETER,
			   slice_of(x->packet->bytes.data, HIP_HEADER_LENGTH));
	return false;
}

int hip_relay_deliver(const struct hip_passage *x, struct hip_client *client)
{
	struct hip_transport_address from = { .protocol = HIP_PROTOCOL_UDP };
	struct hip_path path = hip_client_path(client);
	uint8_t bytes[HIP_PACKET_MAX], from_bytes[40];
	struct writer w = writer_of(bytes, sizeof(bytes)), parameter = writer_of(from_bytes, sizeof(from_bytes));
	int err;

	/* Replies to the host's own exchange come back as they are (figure 4, step 4). */
	if (x->to == &x->pair->ends[x->pair->initiator] && x->to->path.channel != HIP_CHANNEL_NONE)
		return hip_passage_send(x, client, &path, x->packet->bytes);
	from.address = x->carry != NULL ? hip_client_local(client) : x->path->remote;
	if (x->path->channel == HIP_CHANNEL_RAW)
		from.protocol = 0;
	hip_transport_address_put(&parameter, HIP_PARAMETER_RELAY_FROM, &from);
	err = hip_passage_protect(x, client, writer_slice(&parameter), HIP_PARAMETER_RELAY_HMAC, &w);
	if (err < 0)
		return hip_passage_drop(x, err == ERR_MALFORMED ? &x->host->counters->hip_malformed
					: &x->host->counters->hip_lost, error_text(err), HIP_CARRY_REFUSED);
	return hip_passage_send(x, client, &path, writer_slice(&w));
}

bool hip_relay_to(const struct hip_passage *x, const struct hip_client *client, struct hip_path *out)
{
	struct hip_path path = hip_client_path(client);
	struct hip_transport_address to;
	struct hip_parameter parameter;
	struct hip_packet p;
	struct address own;
	struct reader r;

	if (x->carry != NULL || !hip_client_has(client, x->now, HIP_SERVICE_RELAY) || !hip_path_equal(&path, x->path)
	    || hip_packet_get(x->packet->bytes, &p) < 0
	    || !hip_parameter_find(&p, HIP_PARAMETER_RELAY_TO, &parameter))
		return false;
	r = reader_of(parameter.contents);
	hip_transport_address_get(&r, &to);
	own = hip_client_local(client);
	if (reader_finish(&r) < 0 || to.protocol != HIP_PROTOCOL_UDP || address_equal(&to.address, &own)
	    || to.address.type != own.type || address_is_any(&to.address)
	    || address_is_loopback(&to.address) != address_is_loopback(&own))
		return false;
	*out = path;
	out->remote = to.address;
	return true;
}
