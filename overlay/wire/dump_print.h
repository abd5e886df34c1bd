/* SPDX-License-Identifier: MIT */
/* How dump prints: indented lines, byte strings, and the structures that many messages share. For the dump
 * files of this folder only. */
#ifndef OVERLAY_WIRE_DUMP_PRINT_H
#define OVERLAY_WIRE_DUMP_PRINT_H

#include "overlay/wire/address.h"
#include "overlay/wire/destination.h"
#include "overlay/wire/dump.h"
#include "overlay/wire/security_block.h"

struct dump {
	dump_sink_fn *sink;
	void *ctx;
	uint8_t (*model_of)(uint32_t kind); /* never NULL here */
	struct arena *arena;
	unsigned depth; /* of indentation */
};

/* One line, indented; longer ones are cut at 500 bytes. */
void dump_line(struct dump *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "name" on a line of its own, and what follows belongs to it until dump_close. */
void dump_open(struct dump *d, const char *name);
void dump_close(struct dump *d);

/* "name: 3 bytes 010203"; long ones on lines of their own, and at most 512 bytes of them. */
void dump_bytes(struct dump *d, const char *name, struct slice bytes);

/* "name: "text"" when the bytes are printable ASCII, else as dump_bytes. */
void dump_text(struct dump *d, const char *name, struct slice bytes);

/* "name: 1700000000000 (2023-11-14T22:13:20.000Z)" */
void dump_time(struct dump *d, const char *name, uint64_t ms);

void dump_bool(struct dump *d, const char *name, bool v);
void dump_node_id(struct dump *d, const char *name, const struct node_id *id);
void dump_node_ids(struct dump *d, const char *name, const struct node_id *ids, size_t count);
void dump_resource_id(struct dump *d, const char *name, const struct resource_id *id);
void dump_kind(struct dump *d, uint32_t kind);
void dump_address(struct dump *d, const char *name, const struct address *a);
void dump_destination(struct dump *d, const char *name, const struct destination *x);
void dump_signature(struct dump *d, const struct signature *s);

#endif
