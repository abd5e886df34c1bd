/* SPDX-License-Identifier: MIT */
/* What attacker.c and attacker_lies.c share. */
#ifndef TOOLS_SIM_ATTACKER_STATE_H
#define TOOLS_SIM_ATTACKER_STATE_H

#include "overlay/base/map.h"
#include "overlay/transport_state.h"
#include "tools/sim/attacker.h"

/* The first version of a Resource's values of one Kind, as it came in a Store. */
struct hostile_memory {
	struct slice values;       /* these borrow from what follows */
	struct slice certificates[4];
	size_t certificate_count;
	uint8_t bytes[];
};

struct hostile {
	struct attacker *attacker;
	size_t node;
	enum attacker_behaviour behaviour;
	struct instant since;
	struct instant lies_at;                        /* the next round of them */
	struct request_handler honest[METHOD_COUNT];   /* those it had */
	struct map *memories;                          /* Resource-ID and Kind -> struct hostile_memory, owned */
};

struct attacker {
	struct net *net;
	struct attacker_options options;
	struct hostile **nodes; /* owned; by index of the node, NULL: honest */
	size_t room;
	struct attacker_totals totals;
	struct arena arena;
	uint8_t *bytes; /* owned: what is put in the place of what arrived */
	size_t len;
	size_t bytes_room;
};

/* What it does at this moment. */
enum attacker_behaviour hostile_acts(const struct hostile *h);
/* Puts our handlers before the peer's own. */
void hostile_hook(struct hostile *h);
/* LIAR: sends what is due. */
void hostile_spread_lies(struct hostile *h);
/* Frees what it remembers. */
void hostile_forget(struct hostile *h);

#endif
