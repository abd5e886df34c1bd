/* SPDX-License-Identifier: MIT */
/* recvmmsg and sendmmsg with IP_PKTINFO: one system call for up to 32 packets, since a call's packets are small and
 * many. A source address that is not ours any more does not lose the packet: it is sent again, the kernel chooses. */
#include "node/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/socket_address.h"
#include "overlay/base/invariant.h"

#define CONTROL_SIZE (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)))
#define IPV4_HEADER_MIN 20

struct datagram_batch {
	struct mmsghdr messages[DATAGRAM_BATCH];
	struct iovec parts[DATAGRAM_BATCH];
	struct sockaddr_storage from[DATAGRAM_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[DATAGRAM_BATCH][CONTROL_SIZE];
	uint8_t bytes[DATAGRAM_BATCH][DATAGRAM_SIZE_MAX];
};

/* A packet to be sent. */
struct outgoing {
	struct sockaddr_storage to;
	struct iovec part;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE];
};

struct datagram_queue {
	int fd;
	unsigned count;
	uint64_t lost;
	struct mmsghdr messages[DATAGRAM_BATCH];
	struct outgoing items[DATAGRAM_BATCH];
	uint8_t bytes[DATAGRAM_BATCH][DATAGRAM_SIZE_MAX];
};

static socklen_t socket_length(const struct sockaddr_storage *at)
{
	return at->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int options_set(int fd, bool is_ipv6, int buffer)
{
	int on = 1, err = 0;

	if (is_ipv6)
		err = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) |
		      setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	else
		err = setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if (buffer > 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	}
	return err == 0 ? 0 : -errno;
}

int datagram_open(const struct address *at, int protocol, int buffer, int *fd)
{
	bool is_ipv6 = at->type == ADDRESS_IPV6;
	int type = (protocol == 0 ? SOCK_DGRAM : SOCK_RAW) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	struct address bound = *at;
	struct sockaddr_storage name;
	int err;

	if (protocol != 0)
		bound.port = 0;
	address_to_socket(&bound, &name);
	*fd = socket(is_ipv6 ? AF_INET6 : AF_INET, type, protocol);
	if (*fd < 0)
		return -errno;
	err = options_set(*fd, is_ipv6, buffer);
	if (err == 0 && bind(*fd, (const struct sockaddr *)&name, socket_length(&name)) != 0)
		err = -errno;
	if (err == 0)
		return 0;
	(void)close(*fd);
	*fd = -1;
	return err;
}

int datagram_clear_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 ? err : errno;
}

struct datagram_batch *datagram_batch_new(void)
{
	struct datagram_batch *b = memory_alloc(sizeof(*b));

	for (size_t i = 0; i < DATAGRAM_BATCH; i++) {
		b->parts[i] = (struct iovec){ b->bytes[i], DATAGRAM_SIZE_MAX };
		b->messages[i].msg_hdr.msg_iov = &b->parts[i];
		b->messages[i].msg_hdr.msg_iovlen = 1;
		b->messages[i].msg_hdr.msg_name = &b->from[i];
		b->messages[i].msg_hdr.msg_control = b->control[i];
	}
	return b;
}

void datagram_batch_free(struct datagram_batch *b) { free(b); }

/* The address that the packet was sent to; `bound` keeps the rest. */
static struct address local_of(struct msghdr *message, const struct address *bound)
{
	struct address local = *bound;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(local.bytes, &info.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(local.bytes, &info.ipi6_addr, 16);
		}
	}
	return local;
}

/* A raw IPv4 socket gives the IP header too. False: not a whole packet. */
static bool header_strip(struct datagram *d)
{
	size_t length;

	if (d->local.type != ADDRESS_IPV4)
		return true;
	if (d->len < IPV4_HEADER_MIN)
		return false;
	length = (size_t)(d->bytes[0] & 0x0f) * 4;
	if (length < IPV4_HEADER_MIN || length > d->len)
		return false;
	d->bytes += length;
	d->len -= length;
	return true;
}

static void batch_reset(struct datagram_batch *b, unsigned count)
{
	for (size_t i = 0; i < count; i++) {
		b->messages[i].msg_hdr.msg_namelen = sizeof(b->from[i]);
		b->messages[i].msg_hdr.msg_controllen = CONTROL_SIZE;
		b->messages[i].msg_hdr.msg_flags = 0;
	}
}

size_t datagram_receive(struct datagram_batch *b, int fd, const struct address *bound, bool is_raw, unsigned rounds,
			unsigned per_round, datagram_fn *fn, void *ctx)
{
	size_t handed = 0;
	int count;

	invariant(per_round <= DATAGRAM_BATCH);
	do {
		batch_reset(b, per_round);
		count = recvmmsg(fd, b->messages, per_round, MSG_DONTWAIT, NULL);
		for (int i = 0; i < count; i++) {
			struct msghdr *message = &b->messages[i].msg_hdr;
			struct datagram d = { .bytes = b->bytes[i], .len = b->messages[i].msg_len };

			if ((message->msg_flags & MSG_TRUNC) != 0 || message->msg_namelen == 0)
				continue;
			d.local = local_of(message, bound);
			address_from_socket((const struct sockaddr *)&b->from[i], &d.remote);
			if (is_raw)
				d.local.port = d.remote.port = 0;
			if (is_raw && !header_strip(&d))
				continue;
			handed++;
			if (!fn(ctx, &d))
				return handed;
		}
	} while (count == (int)per_round && --rounds > 0);
	return handed;
}

/* Fills the header of one packet; a source address only where one is wanted. */
static void message_set(struct msghdr *message, struct outgoing *o, const struct address *local,
			const struct address *remote)
{
	bool chosen = local != NULL && local->type == remote->type && !address_is_any(local);
	struct cmsghdr *c;

	address_to_socket(remote, &o->to);
	*message = (struct msghdr){ .msg_name = &o->to, .msg_namelen = socket_length(&o->to), .msg_iov = &o->part,
				    .msg_iovlen = 1 };
	if (!chosen)
		return;
	memset(o->control, 0, sizeof(o->control));
	message->msg_control = o->control;
	if (local->type == ADDRESS_IPV6) {
		struct in6_pktinfo info = { .ipi6_ifindex = 0 };

		memcpy(&info.ipi6_addr, local->bytes, 16);
		message->msg_controllen = CMSG_SPACE(sizeof(info));
		c = CMSG_FIRSTHDR(message);
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO };
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	} else {
		struct in_pktinfo info = { .ipi_ifindex = 0 };

		memcpy(&info.ipi_spec_dst, local->bytes, 4);
		message->msg_controllen = CMSG_SPACE(sizeof(info));
		c = CMSG_FIRSTHDR(message);
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	}
}

/* After a failure with a source address: once more without it. 0 or a negative errno. */
static int message_send(int fd, struct msghdr *message)
{
	int err;

	if (sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	err = -errno;
	if (message->msg_controllen == 0 || err == -EAGAIN || err == -ENOBUFS)
		return err;
	message->msg_control = NULL;
	message->msg_controllen = 0;
	return sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : -errno;
}

int datagram_send(int fd, const struct address *local, const struct address *remote, struct slice bytes)
{
	struct outgoing o = { .part = { (void *)bytes.data, bytes.len } };
	struct msghdr message;

	message_set(&message, &o, local, remote);
	return message_send(fd, &message);
}

struct datagram_queue *datagram_queue_new(int fd)
{
	struct datagram_queue *q = memory_alloc(sizeof(*q));

	q->fd = fd;
	return q;
}

void datagram_queue_free(struct datagram_queue *q) { free(q); }

bool datagram_queue_is_empty(const struct datagram_queue *q) { return q->count == 0 && q->lost == 0; }

static void queue_send(struct datagram_queue *q)
{
	unsigned sent = 0;
	int n;

	while (sent < q->count) {
		n = sendmmsg(q->fd, q->messages + sent, q->count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			sent += (unsigned)n;
			continue;
		}
		/* It is the first one that the kernel did not take. */
		q->lost += message_send(q->fd, &q->messages[sent].msg_hdr) != 0;
		sent++;
	}
	q->count = 0;
}

int datagram_queue_put(struct datagram_queue *q, const struct address *local, const struct address *remote,
		       struct slice bytes)
{
	struct outgoing *o;

	if (bytes.len > DATAGRAM_SIZE_MAX)
		return ERR_LIMIT;
	if (q->count == DATAGRAM_BATCH)
		queue_send(q);
	o = &q->items[q->count];
	memcpy(q->bytes[q->count], bytes.data, bytes.len);
	o->part = (struct iovec){ q->bytes[q->count], bytes.len };
	message_set(&q->messages[q->count].msg_hdr, o, local, remote);
	q->count++;
	return 0;
}

void datagram_queue_flush(struct datagram_queue *q, uint64_t *lost)
{
	queue_send(q);
	*lost += q->lost;
	q->lost = 0;
}
