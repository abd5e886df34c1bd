/* SPDX-License-Identifier: MIT */
/* The framing header between neighbours (RFC 6940 6.6.2). */
#ifndef OVERLAY_WIRE_FRAME_H
#define OVERLAY_WIRE_FRAME_H

#include <stdbool.h>

#include "overlay/base/reader.h"
#include "overlay/base/writer.h"

#define FRAME_DATA_HEADER 8 /* bytes: type, sequence, 24-bit length */
#define FRAME_ACK_SIZE 9    /* bytes */

enum frame_type { FRAME_DATA = 128, FRAME_ACK = 129 };

struct frame {
	uint8_t type;      /* enum frame_type; others are ERR_MALFORMED */
	uint32_t sequence; /* data: its number; ack: ack_sequence */
	uint32_t received; /* ack: bit 0 stands for ack_sequence - 1, bit 31 for ack_sequence - 32 */
	struct slice message; /* data; borrowed */
};

/* Cuts the first frame off a byte stream. 1: got one, *taken bytes long; 0: more bytes are needed;
 * ERR_MALFORMED: not a frame; ERR_MESSAGE_TOO_LARGE: a data frame announces more than `max_message`. */
int MUST_CHECK frame_cut(struct slice stream, size_t max_message, struct frame *f, size_t *taken);

void frame_get(struct reader *r, struct frame *f);
void frame_put(struct writer *w, const struct frame *f);

/* Just the 8 bytes before a data frame's message of `message_len` bytes. */
void frame_data_header_put(struct writer *w, uint32_t sequence, size_t message_len);

#endif
