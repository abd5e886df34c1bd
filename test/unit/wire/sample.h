/* SPDX-License-Identifier: MIT */
/* Messages and bodies to test with, of every method, different for each state of the generator. */
#ifndef TEST_UNIT_WIRE_SAMPLE_H
#define TEST_UNIT_WIRE_SAMPLE_H

#include "overlay/base/arena.h"
#include "overlay/base/prng.h"
#include "overlay/wire/message.h"

struct sample {
	struct prng prng;
	struct arena arena; /* of what the sample points to */
};

void sample_init(struct sample *s, uint64_t seed);
void sample_free(struct sample *s);

/* Up to `max` random bytes, or letters. */
struct slice sample_bytes(struct sample *s, size_t max);
struct slice sample_text(struct sample *s, size_t max);

struct node_id sample_node_id(struct sample *s);
struct resource_id sample_resource_id(struct sample *s);
struct destination sample_destination(struct sample *s);
struct signature sample_signature(struct sample *s);

/* The body that belongs to a message code; a StoreAns or text in an error. */
void sample_body_put(struct writer *w, struct sample *s, uint16_t code);

/* A whole message with that body. */
struct message sample_message(struct sample *s, uint16_t code);

/* Its bytes, in the arena. */
struct slice sample_message_bytes(struct sample *s, uint16_t code);

#endif
