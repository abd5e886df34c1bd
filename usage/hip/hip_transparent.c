/* SPDX-License-Identifier: MIT */
/* Transparent mode. Packets reach a host from the synthetic locator of who sent them, byte for byte as they
 * came: on UDP nothing in the HIP packet depends on addresses, on protocol 139 only the checksum does, and MACs
 * and signatures are taken over a checksum of zero (RFC 7401 6.4). */
#include "usage/hip/hip_transparent.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_edge.h"

/* Which address of the range stands for which remote HIT. */
struct hip_synthetic {
	struct hip_synthetic *older, *newer; /* by last use */
	struct hit hit;
	uint8_t place[2]; /* network order: added to the first address */
};

static void hip_synthetic_unlink(struct hip_edge *e, struct hip_synthetic *s)
{
	*(s->older != NULL ? &s->older->newer : &e->synthetic_oldest) = s->newer;
	*(s->newer != NULL ? &s->newer->older : &e->synthetic_newest) = s->older;
	s->older = s->newer = NULL;
}

static void hip_synthetic_link(struct hip_edge *e, struct hip_synthetic *s)
{
	s->older = e->synthetic_newest;
	*(e->synthetic_newest != NULL ? &e->synthetic_newest->newer : &e->synthetic_oldest) = s;
	e->synthetic_newest = s;
}

static void hip_synthetic_drop(struct hip_edge *e, struct hip_synthetic *s)
{
	hip_synthetic_unlink(e, s);
	(void)map_remove(e->synthetic_hits, slice_of(s->hit.bytes, HIT_LENGTH));
	(void)map_remove(e->synthetic_places, slice_of(s->place, sizeof(s->place)));
	free(s);
}

void hip_synthetics_free(struct hip_edge *e)
{
	while (e->synthetic_oldest != NULL)
		hip_synthetic_drop(e, e->synthetic_oldest);
}

/* Where a HIT stands by preference: the same after a restart, so that what a daemon was told stays true. */
static uint16_t hip_synthetic_place(const struct hit *hit)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < HIT_LENGTH; i++)
		hash = (hash ^ hit->bytes[i]) * 16777619u;
	return (uint16_t)(hash ^ hash >> 16);
}

static struct hip_synthetic *hip_synthetic_of(struct hip_edge *e, const struct hit *hit)
{
	struct hip_synthetic *s = map_find(e->synthetic_hits, slice_of(hit->bytes, HIT_LENGTH));
	uint16_t place = hip_synthetic_place(hit);

	if (s != NULL) {
		hip_synthetic_unlink(e, s);
		hip_synthetic_link(e, s);
		return s;
	}
	if (map_count(e->synthetic_hits) >= HIP_SYNTHETIC_MAX)
		hip_synthetic_drop(e, e->synthetic_oldest);
	s = memory_alloc(sizeof(*s));
	s->hit = *hit;
	do {
		s->place[0] = (uint8_t)(place >> 8);
		s->place[1] = (uint8_t)place;
		place++;
	} while (map_find(e->synthetic_places, slice_of(s->place, sizeof(s->place))) != NULL);
	(void)map_put(e->synthetic_hits, slice_of(s->hit.bytes, HIT_LENGTH), s);
	(void)map_put(e->synthetic_places, slice_of(s->place, sizeof(s->place)), s);
	hip_synthetic_link(e, s);
	return s;
}

/* The first address of the range plus the place, with a carry. */
static struct address hip_synthetic_address(const struct hip_host *h, const struct hip_synthetic *s)
{
	struct address a = h->options.transparent_first;
	unsigned sum = (unsigned)s->place[0] << 8 | s->place[1];

	for (size_t i = a.type == ADDRESS_IPV6 ? 16 : 4; i-- > 0 && sum > 0;) {
		sum += a.bytes[i];
		a.bytes[i] = (uint8_t)sum;
		sum >>= 8;
	}
	a.port = HIP_UDP_PORT;
	return a;
}

static bool hip_transparent_is_on(const struct hip_host *h)
{
	return h->edge != NULL && h->options.edge_transparent && h->options.transparent_first.type != ADDRESS_NONE;
}

int hip_host_synthetic(struct hip_host *h, const struct hit *remote, struct address *out)
{
	if (!hip_transparent_is_on(h))
		return ERR_UNSUPPORTED;
	*out = hip_synthetic_address(h, hip_synthetic_of(h->edge, remote));
	return 0;
}

int hip_host_serve(struct hip_host *h, struct now now, const struct hit *hit, const struct hip_path *path)
{
	if (h->edge == NULL || !h->options.edge_transparent
	    || (path->channel != HIP_CHANNEL_UDP && path->channel != HIP_CHANNEL_RAW))
		return ERR_UNSUPPORTED;
	return hip_client_serve(h->edge, now, hit, path, INSTANT_NEVER) != NULL ? 0 : ERR_LIMIT;
}

/* The path to the host: as it spoke with this remote HIT before, else from that HIT's synthetic locator. */
static struct hip_path hip_transparent_path(const struct hip_passage *x, const struct hip_client *client)
{
	struct hip_path path = client->path;

	if (x->to->path.channel == HIP_CHANNEL_UDP || x->to->path.channel == HIP_CHANNEL_RAW)
		return x->to->path;
	if (hip_transparent_is_on(x->host) && x->host->options.transparent_first.type == path.remote.type) {
		path.local = hip_synthetic_address(x->host, hip_synthetic_of(x->edge, &x->packet->sender));
		if (path.channel == HIP_CHANNEL_RAW)
			path.local.port = 0;
	}
	return path;
}

int hip_transparent_deliver(const struct hip_passage *x, struct hip_client *client)
{
	struct hip_path path = hip_transparent_path(x, client);

	return hip_passage_send(x, client, &path, x->packet->bytes);
}

/* Whoever says more than I1 has got an R1 at its address, or answers an I1 that came there: it is where it
 * says. Only then it is served on, and told of to the ring; a forged I1 leaves nothing but a pair. */
void hip_transparent_heard(const struct hip_passage *x)
{
	struct hip_client *c = hip_client_find(x->edge, &x->packet->sender);
	struct instant until = instant_add(x->now.mono, duration_s(HIP_TRANSPARENT_S));

	if (!x->host->options.edge_transparent || (x->packet->type != HIP_I2 && x->packet->type != HIP_R2))
		return;
	if (x->packet->type == HIP_I2 && !x->pair->answered)
		return;
	if (c == NULL || !instant_is_never(c->expires[HIP_SERVICE_TRANSPARENT]))
		(void)hip_client_serve(x->edge, x->now, &x->packet->sender, x->path, until);
}
