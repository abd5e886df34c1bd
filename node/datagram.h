/* SPDX-License-Identifier: MIT */
/* Datagram sockets for many small packets: read in batches with the address they were sent to, and sent in batches from
 * an address of choice. UDP, or raw sockets of one IP protocol. */
#ifndef NODE_DATAGRAM_H
#define NODE_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "overlay/base/error.h"
#include "overlay/base/slice.h"
#include "overlay/wire/address.h"

#define DATAGRAM_SIZE_MAX 2304 /* bytes of one packet that is taken; an IPv4 header of raw sockets included */
#define DATAGRAM_BATCH 32      /* packets of one system call */

/* One that was received. `local` is the address it was sent to. */
struct datagram {
	struct address local, remote;
	uint8_t *bytes; /* may be changed in place; valid until the callback returns */
	size_t len;
};

/* A bound socket that does not block. `protocol` 0: UDP; else raw with that IP protocol, the port being left out.
 * `buffer`: bytes asked of the kernel each way; 0: its default. A negative errno on failure. */
int datagram_open(const struct address *at, int protocol, int buffer, int *fd);

/* Takes the error that the kernel noted for a socket, so that it can be waited for again; as errno has it. */
int datagram_clear_error(int fd);

/* Room for one batch of what is received; shared by all sockets of a node. */
struct datagram_batch;
struct datagram_batch *datagram_batch_new(void);
void datagram_batch_free(struct datagram_batch *b);

/* False: the socket has been closed, no more is read. */
typedef bool datagram_fn(void *ctx, const struct datagram *d);
/* Reads what is there, at most `rounds` batches of `per_round` packets; packets that are too long are dropped. `bound`
 * is the address of the socket, `is_raw` says what it is. Returns how many were handed on. */
size_t datagram_receive(struct datagram_batch *b, int fd, const struct address *bound, bool is_raw, unsigned rounds,
			unsigned per_round, datagram_fn *fn, void *ctx);

/* Packets of one socket that wait for the end of the turn. */
struct datagram_queue;
struct datagram_queue *datagram_queue_new(int fd);
void datagram_queue_free(struct datagram_queue *q);
/* Copies it in; a full queue is sent first. `local` with type ADDRESS_NONE or any address: the kernel chooses.
 * ERR_LIMIT: too long. */
int MUST_CHECK datagram_queue_put(struct datagram_queue *q, const struct address *local, const struct address *remote,
				  struct slice bytes);
/* Sends what waits. What the kernel does not take is lost: *lost is increased. */
void datagram_queue_flush(struct datagram_queue *q, uint64_t *lost);
bool datagram_queue_is_empty(const struct datagram_queue *q);

/* Sends one at once. A negative errno. */
int datagram_send(int fd, const struct address *local, const struct address *remote, struct slice bytes);

#endif
