/* SPDX-License-Identifier: MIT */
/* Two joined peers and numbered messages between them that never get to the peers: what the net does to them
 * shows in when, in which order and how whole they arrive. */
#ifndef TEST_UNIT_SIM_NET_PROBE_H
#define TEST_UNIT_SIM_NET_PROBE_H

#include <stdio.h>
#include <string.h>

#include "test/unit/run.h"
#include "tools/sim/net.h"

#define PROBE_LEN 997 /* bytes: no message of the peers has as many here */
#define PROBE_MAX 4096

struct probe {
	struct net *n;
	size_t count; /* arrived */
	struct {
		uint64_t at_us;
		size_t node;
		uint8_t bytes[2]; /* the number */
		size_t wrong;     /* bytes that are not as sent */
	} got[PROBE_MAX];
	size_t sent;
	size_t logged[2];       /* lines of each node */
	char down[2][200];      /* the latest link.down of each */
	size_t downs[2];
	size_t steps[2];
};

static inline bool probe_intercept(void *ctx, struct net *n, size_t node, size_t from, struct slice *bytes)
{
	struct probe *p = ctx;
	size_t i = p->count;

	(void)from;
	if (bytes->len != PROBE_LEN)
		return true;
	ck_assert_uint_lt(p->count++, PROBE_MAX);
	p->got[i].at_us = net_now(n).mono.us;
	p->got[i].node = node;
	memcpy(p->got[i].bytes, bytes->data, 2);
	p->got[i].wrong = 0;
	for (size_t k = 2; k < PROBE_LEN; k++)
		p->got[i].wrong += bytes->data[k] != 0x5a;
	return false;
}

static inline void probe_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
			     const char *text)
{
	struct probe *p = ctx;

	(void)now;
	(void)level;
	if (node > 1)
		return;
	p->logged[node]++;
	/* Those that never came up are about another matter. */
	if (strcmp(event, "link.down") != 0 || strstr(text, "state=opening") != NULL)
		return;
	p->downs[node]++;
	snprintf(p->down[node], sizeof(p->down[node]), "%s", text);
}

static inline void probe_stepped(void *ctx, struct net *n, size_t node)
{
	struct probe *p = ctx;

	ck_assert(net_is_running(n, node));
	if (node < 2)
		p->steps[node]++;
}

/* `options` may be NULL; its hooks are replaced. */
static inline struct probe *probe_new(const struct net_options *options)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct net_options o = options == NULL ? (struct net_options){ .seed = 11 } : *options;

	o.hooks.intercept = probe_intercept;
	o.hooks.log = probe_log;
	o.hooks.stepped = probe_stepped;
	o.log_level = LOG_INFO;
	o.ctx = p;
	p->n = net_new(&o);
	net_add_peers(p->n, 2);
	net_start_all(p->n);
	ck_assert(net_run_until(p->n, net_all_joined, NULL, duration_s(30)));
	net_run(p->n, duration_s(1));
	return p;
}

static inline struct probe *probe_new_datagram(void)
{
	return probe_new(&(struct net_options){ .seed = 11, .link_type = OVERLAY_LINK_DTLS_UDP_SR_NO_ICE });
}

static inline void probe_free(struct probe *p)
{
	net_free(p->n);
	free(p);
}

/* `count` messages from node 1 - `to`, numbered on. */
static inline void probe_send(struct probe *p, size_t to, size_t count)
{
	uint8_t bytes[PROBE_LEN];

	memset(bytes, 0x5a, sizeof(bytes));
	for (size_t i = 0; i < count; i++) {
		bytes[0] = (uint8_t)(p->sent >> 8);
		bytes[1] = (uint8_t)p->sent;
		p->sent++;
		net_inject(p->n, 1 - to, to, slice_of(bytes, sizeof(bytes)));
	}
}

static inline size_t probe_number(const struct probe *p, size_t i)
{
	return (size_t)p->got[i].bytes[0] << 8 | p->got[i].bytes[1];
}

/* How many arrived after one with a higher number. */
static inline size_t probe_overtaken(const struct probe *p)
{
	size_t highest = 0;
	size_t count = 0;

	for (size_t i = 0; i < p->count; i++) {
		count += probe_number(p, i) < highest;
		if (probe_number(p, i) > highest)
			highest = probe_number(p, i);
	}
	return count;
}

#endif
