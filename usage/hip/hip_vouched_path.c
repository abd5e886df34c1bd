/* SPDX-License-Identifier: MIT */
/* Packets that come through a server at which this node is registered. An RVS says in FROM who sent an I1 or
 * UPDATE, and RVS_HMAC by the key of the registration vouches for it: the answer goes there directly, with
 * VIA_RVS (RFC 8004 4.3, RFC 8046 3.2.3). A control relay says it in RELAY_FROM of every packet: the answers go
 * back through it, with RELAY_TO (RFC 9028 4.5). */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_registrants.h"

static void hip_route_unlink(struct hip_registrants *t, struct hip_route *r)
{
	*(r->older != NULL ? &r->older->newer : &t->oldest) = r->newer;
	*(r->newer != NULL ? &r->newer->older : &t->newest) = r->older;
	r->older = r->newer = NULL;
}

static void hip_route_drop(struct hip_registrants *t, struct hip_route *r)
{
	hip_route_unlink(t, r);
	(void)map_remove(t->routes, slice_of(r->peer.bytes, HIT_LENGTH));
	free(r);
}

void hip_routes_free(struct hip_registrants *t)
{
	while (t->oldest != NULL)
		hip_route_drop(t, t->oldest);
	map_free(t->routes);
}

static struct hip_route *hip_route_find(const struct hip_host *h, const struct hit *peer)
{
	return h->registrants == NULL ? NULL : map_find(h->registrants->routes, slice_of(peer->bytes, HIT_LENGTH));
}

static struct hip_route *hip_route_renew(struct hip_registrants *t, const struct hit *peer)
{
	struct hip_route *r = map_find(t->routes, slice_of(peer->bytes, HIT_LENGTH));

	if (r != NULL)
		hip_route_drop(t, r);
	else if (map_count(t->routes) >= HIP_ROUTES_MAX)
		hip_route_drop(t, t->oldest);
	r = memory_alloc(sizeof(*r));
	r->peer = *peer;
	(void)map_put(t->routes, slice_of(r->peer.bytes, HIT_LENGTH), r);
	r->older = t->newest;
	*(t->newest != NULL ? &t->newest->newer : &t->oldest) = r;
	t->newest = r;
	return r;
}

/* The server whose HMAC this is. NULL: nobody's. Only the failure of the last candidate is counted as one. */
static const struct hip_registrant *hip_vouched_by(struct hip_host *h, struct now now, const struct hip_packet *p,
						   uint8_t type, uint16_t hmac)
{
	const struct hip_registrant *r = h->registrants == NULL ? NULL : h->registrants->first;
	uint64_t counted = h->counters->hip_signature;

	for (; r != NULL; r = r->next) {
		const struct hip_association *a = hip_association_find(h, &r->server);

		if (r->type != type || a == NULL || a->keys.mac_len == 0 || !hip_registrant_is_active(r, now))
			continue;
		if (hip_check_hmac(h, p, hmac, a->keys.rhash, slice_of(a->keys.mac_in, a->keys.mac_len)) == 0)
			break;
	}
	h->counters->hip_signature = r != NULL ? counted : counted + 1;
	return r;
}

static int hip_vouched_refuse(struct hip_host *h, const struct hip_path *path, const struct hip_packet *p,
			      const char *why)
{
	char text[HIP_PATH_TEXT_SIZE], sender[HIT_TEXT_SIZE];

	log_info(h->log, "hip.vouched.refused", "sender=%s path=\"%s\" why=%s", hit_text(&p->sender, sender),
		 hip_path_text(path, text), why);
	return ERR_SIGNATURE;
}

/* An address that can be answered from here: of the family by which the packet came. */
static bool hip_vouched_is_usable(const struct hip_path *path, const struct address *from)
{
	return from->type == path->remote.type && !address_is_any(from)
	    && address_is_loopback(from) == address_is_loopback(&path->remote);
}

static int hip_vouched_rvs(struct hip_host *h, struct now now, const struct hip_path *path,
			   const struct hip_packet *p, const struct hip_parameter *from, struct hip_path *back)
{
	const struct hip_registrant *server = hip_vouched_by(h, now, p, 1, HIP_PARAMETER_RVS_HMAC);
	struct hip_route *route;
	struct address address;
	struct reader r;

	if (server == NULL || (path->channel != HIP_CHANNEL_UDP && path->channel != HIP_CHANNEL_RAW))
		return hip_vouched_refuse(h, path, p, "rvs-hmac");
	/* A NULL HIT cannot have come through an RVS (RFC 8004 4.3.2). */
	if (!hit_equal(&p->receiver, &h->hit))
		return hip_vouched_refuse(h, path, p, "opportunistic");
	if (from == NULL || (p->type != HIP_I1 && p->type != HIP_UPDATE))
		return 0;
	r = reader_of(from->contents);
	hip_from_get(&r, &address);
	if (reader_finish(&r) < 0 || !hip_vouched_is_usable(path, &address))
		return hip_vouched_refuse(h, path, p, "from");
	/* FROM has no port: HIP's own, unless the server means itself. */
	address.port = path->remote.port;
	if (!address_equal(&address, &path->remote))
		address.port = path->channel == HIP_CHANNEL_UDP ? HIP_UDP_PORT : 0;
	back->remote = address;
	route = hip_route_renew(h->registrants, &p->sender);
	route->server = server->server;
	route->server_address = path->remote;
	route->path = *back;
	return 0;
}

static int hip_vouched_relay(struct hip_host *h, struct now now, const struct hip_path *path,
			     const struct hip_packet *p, const struct hip_parameter *from)
{
	const struct hip_registrant *server = hip_vouched_by(h, now, p, 2, HIP_PARAMETER_RELAY_HMAC);
	struct hip_transport_address address;
	struct hip_route *route;
	struct reader r;

	if (server == NULL || path->channel != HIP_CHANNEL_UDP)
		return hip_vouched_refuse(h, path, p, "relay-hmac");
	r = reader_of(from->contents);
	hip_transport_address_get(&r, &address);
	if (reader_finish(&r) < 0)
		return hip_vouched_refuse(h, path, p, "relay-from");
	route = hip_route_renew(h->registrants, &p->sender);
	route->server = server->server;
	route->path = *path;
	route->from = address;
	route->is_relay = true;
	return 0;
}

int hip_registrant_check_from(struct hip_host *h, struct now now, const struct hip_path *path,
			      const struct hip_packet *p, struct hip_path *back)
{
	struct hip_parameter from, relay_from, hmac, x;
	bool has_from = false;
	size_t cursor = 0;

	*back = *path;
	/* The last FROM is the one that our server put there (RFC 8004 4.2.2); whoever came before could have
	 * said anything. */
	while (hip_parameter_next(p, &cursor, &x))
		if (x.type == HIP_PARAMETER_FROM) {
			has_from = true;
			from = x;
		}
	if (hip_parameter_find(p, HIP_PARAMETER_RELAY_FROM, &relay_from))
		return hip_vouched_relay(h, now, path, p, &relay_from);
	if (has_from || hip_parameter_find(p, HIP_PARAMETER_RVS_HMAC, &hmac))
		return hip_vouched_rvs(h, now, path, p, has_from ? &from : NULL, back);
	return 0;
}

bool hip_registrant_is_vouched(const struct hip_host *h, const struct hip_path *path, const struct hit *peer)
{
	const struct hip_route *route = hip_route_find(h, peer);

	return route != NULL && hip_path_equal(&route->path, path);
}

bool hip_registrant_is_relay(const struct hip_host *h, const struct hip_path *path, const struct hit *peer)
{
	return hip_registrant_is_vouched(h, path, peer) && hip_route_find(h, peer)->is_relay;
}

/* Behind all that is there: both are of higher types than what we put into our packets. */
static struct slice hip_vouched_append(const struct hip_route *route, struct slice packet, struct writer *w)
{
	struct hip_via_rvs via = { .items = { route->server_address }, .count = 1 };

	writer_bytes(w, packet);
	if (route->is_relay)
		hip_transport_address_put(w, HIP_PARAMETER_RELAY_TO, &route->from);
	else
		hip_via_rvs_put(w, &via);
	hip_packet_end(w);
	return w->err < 0 ? packet : writer_slice(w);
}

struct slice hip_registrant_dress(struct hip_host *h, struct now now, const struct hip_path *path, struct slice packet,
				  struct writer *w)
{
	struct hip_packet p;
	const struct hip_route *route;

	(void)now;
	if (h->registrants == NULL || hip_packet_peek(packet, &p) < 0)
		return packet;
	route = hip_route_find(h, &p.receiver);
	if (route == NULL || path->channel != route->path.channel
	    || !address_equal(&path->remote, &route->path.remote) || hit_equal(&p.receiver, &route->server))
		return packet;
	if (!route->is_relay && p.type != HIP_R1 && p.type != HIP_UPDATE)
		return packet;
	return hip_vouched_append(route, packet, w);
}
