/* SPDX-License-Identifier: MIT */
/* Tests of datagram.c over loopback: batches, the address a packet was sent to, a source of choice. */
#include "node/datagram.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/socket_address.h"
#include "test/unit/run.h"

static struct address address_of(const char *text)
{
	struct address a;

	ck_assert_int_eq(address_parse(text, 0, &a), 0);
	return a;
}

/* Binds to a free port of `host`. */
static struct address bound(const char *host, int *fd)
{
	struct address a = address_of(host);
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);

	ck_assert_int_eq(datagram_open(&a, 0, 0, fd), 0);
	ck_assert_int_eq(getsockname(*fd, (struct sockaddr *)&name, &len), 0);
	address_from_socket((const struct sockaddr *)&name, &a);
	return a;
}

struct heard {
	size_t count, stop_after;
	uint8_t first[100];
	size_t len[100];
	struct address local, remote;
};

static bool hear(void *ctx, const struct datagram *d)
{
	struct heard *h = ctx;

	h->first[h->count] = d->len > 0 ? d->bytes[0] : 0;
	h->len[h->count++] = d->len;
	h->local = d->local;
	h->remote = d->remote;
	return h->count != h->stop_after;
}

static void receive(struct datagram_batch *b, int fd, const struct address *at, unsigned rounds, struct heard *h)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	(void)datagram_receive(b, fd, at, false, rounds, DATAGRAM_BATCH, hear, h);
}

START_TEST(queue_sends_all_in_order)
{
	struct datagram_batch *b = datagram_batch_new();
	struct heard h = { 0 };
	int from, to;
	struct address source = bound("127.0.0.1", &from), target = bound("127.0.0.1", &to);
	struct datagram_queue *q = datagram_queue_new(from);
	uint64_t lost = 0;

	for (uint8_t i = 0; i < 80; i++)
		ck_assert_int_eq(datagram_queue_put(q, NULL, &target, slice_of(&i, 1)), 0);
	datagram_queue_flush(q, &lost);
	ck_assert_uint_eq(lost, 0);
	ck_assert(datagram_queue_is_empty(q));
	receive(b, to, &target, 4, &h);
	ck_assert_uint_eq(h.count, 80);
	for (uint8_t i = 0; i < 80; i++)
		ck_assert_uint_eq(h.first[i], i);
	ck_assert(address_equal(&h.remote, &source));
	ck_assert(address_equal(&h.local, &target));
	datagram_queue_free(q);
	datagram_batch_free(b);
	(void)close(from);
	(void)close(to);
}
END_TEST

START_TEST(wildcard_socket_knows_and_chooses_its_address)
{
	struct datagram_batch *b = datagram_batch_new();
	struct heard h = { 0 };
	int any, other;
	struct address wildcard = bound("0.0.0.0", &any), target = bound("127.0.0.1", &other);
	struct address there = address_of("127.7.8.9"), gone = address_of("203.0.113.9");
	uint8_t byte = 7;

	there.port = wildcard.port;
	ck_assert_int_eq(datagram_send(other, NULL, &there, slice_of(&byte, 1)), 0);
	receive(b, any, &wildcard, 1, &h);
	ck_assert_uint_eq(h.count, 1);
	ck_assert(address_equal(&h.local, &there));
	ck_assert_int_eq(datagram_send(any, &h.local, &target, slice_of(&byte, 1)), 0);
	receive(b, other, &target, 1, &h);
	ck_assert_uint_eq(h.count, 2);
	ck_assert(address_equal(&h.remote, &there));
	/* An address that is not ours any more. */
	ck_assert_int_eq(datagram_send(any, &gone, &target, slice_of(&byte, 1)), 0);
	receive(b, other, &target, 1, &h);
	ck_assert_uint_eq(h.count, 3);
	datagram_batch_free(b);
	(void)close(any);
	(void)close(other);
}
END_TEST

START_TEST(receiver_drops_what_is_too_long_and_stops_when_told)
{
	static const uint8_t large[DATAGRAM_SIZE_MAX + 1];
	struct datagram_batch *b = datagram_batch_new();
	struct heard h = { .stop_after = 1 };
	int from, to;
	struct address source = bound("[::1]", &from), target = bound("[::1]", &to);
	struct datagram_queue *q = datagram_queue_new(from);

	(void)source;
	ck_assert_int_eq(datagram_queue_put(q, NULL, &target, slice_of(large, sizeof(large))), ERR_LIMIT);
	ck_assert_int_eq(datagram_send(from, NULL, &target, slice_of(large, sizeof(large))), 0);
	ck_assert_int_eq(datagram_send(from, NULL, &target, slice_of(large, DATAGRAM_SIZE_MAX)), 0);
	ck_assert_int_eq(datagram_send(from, NULL, &target, slice_of(large, 1)), 0);
	receive(b, to, &target, 4, &h);
	ck_assert_uint_eq(h.count, 1);
	ck_assert_uint_eq(h.len[0], DATAGRAM_SIZE_MAX);
	datagram_queue_free(q);
	datagram_batch_free(b);
	(void)close(from);
	(void)close(to);
}
END_TEST

START_TEST(open_says_when_somebody_else_is_there)
{
	int first, second;
	struct address at = bound("127.0.0.1", &first);

	ck_assert_int_eq(datagram_open(&at, 0, 0, &second), -EADDRINUSE);
	ck_assert_int_eq(second, -1);
	(void)close(first);
}
END_TEST

int main(void)
{
	return RUN_TESTS("datagram", queue_sends_all_in_order, wildcard_socket_knows_and_chooses_its_address,
			 receiver_drops_what_is_too_long_and_stops_when_told, open_says_when_somebody_else_is_there);
}
