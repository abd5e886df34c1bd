/* SPDX-License-Identifier: MIT */
/* A proxy with one registered phone on a ring of one. */
#include "test/fuzz/sip_fixture.h"

#include "overlay/base/invariant.h"
#include "storage/storage.h"

static struct backend sip_fixture_backend;

static void *fixture_storage_new(void *ctx, struct net *n, size_t node, struct peer *p, struct now now)
{
	struct storage *storage;

	(void)ctx, (void)n, (void)node;
	sip_fixture_backend = backend_memory();
	invariant(storage_new(&storage, p, &sip_fixture_backend, now) == 0);
	return storage;
}

static void fixture_storage_free(void *ctx, void *storage)
{
	(void)ctx;
	storage_free(storage);
}

struct net *sip_fixture_net(void)
{
	static struct net *net;
	struct net_options o = { .seed = 1, .hooks = { fixture_storage_new, fixture_storage_free } };
	struct net_node_options node = { .user = "alice@example.org", .first = true };

	if (net == NULL) {
		net = net_new(&o);
		net_add(net, &node);
		net_start(net, 0);
		net_run(net, duration_s(1));
		invariant(net_all_joined(net, NULL));
	}
	return net;
}

struct address sip_fixture_phone(void)
{
	struct address a;

	invariant(address_parse("127.0.0.1:7001", 0, &a) == 0);
	return a;
}

void sip_fixture_drain(struct sip_usage *s)
{
	while (sip_usage_next_effect(s) != NULL)
		;
	net_flush(sip_fixture_net(), 0);
}

static void sip_fixture_run(struct sip_usage *s, uint64_t ms)
{
	struct usage u = sip_usage_port(s);
	struct net *n = sip_fixture_net();

	net_run(n, duration_ms(ms));
	u.ops->expire(u.ctx, net_now(n));
	sip_fixture_drain(s);
}

struct sip_usage *sip_fixture_open(void)
{
	static const char registration[] =
		"REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7001;branch=z9hG4bKr\r\n"
		"From: <sip:alice@example.org>;tag=1\r\nTo: <sip:alice@example.org>\r\nCall-ID: r\r\n"
		"CSeq: 1 REGISTER\r\nContact: <sip:alice@127.0.0.1:7001>\r\nContent-Length: 0\r\n\r\n";
	struct net *n = sip_fixture_net();
	struct sip_usage_options options = { .listen_count = 1 };
	struct address phone = sip_fixture_phone();
	struct sip_registration_info info;
	struct sip_usage *s;
	size_t cursor = 0;

	invariant(address_parse("127.0.0.1:5060", 0, &options.listen[0]) == 0);
	invariant(sip_usage_new(&s, net_peer(n, 0), &options) == 0);
	sip_usage_datagram(s, net_now(n), &phone, slice_text(registration));
	sip_fixture_drain(s);
	for (unsigned i = 0; i < 50; i++)
		sip_fixture_run(s, 100);
	invariant(sip_usage_next_registration(s, net_now(n), &cursor, &info));
	return s;
}

void sip_fixture_close(struct sip_usage *s)
{
	sip_fixture_drain(s);
	for (unsigned i = 0; i < 12; i++)
		sip_fixture_run(s, i < 4 ? 500 : 5000);
	sip_usage_free(s);
}
