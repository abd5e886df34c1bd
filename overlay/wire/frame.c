/* SPDX-License-Identifier: MIT */
/* The framing header between neighbours. */
#include "overlay/wire/frame.h"

/* enum { data(128), ack(129), (255) } FramedMessageType;
 * struct {
 *   FramedMessageType type;
 *   select (type) {
 *     case data: uint32 sequence; opaque message<0..2^24-1>;
 *     case ack: uint32 ack_sequence; uint32 received;
 *   };
 * } FramedMessage; */
void frame_get(struct reader *r, struct frame *f)
{
	f->type = reader_u8(r);
	f->sequence = reader_u32(r);
	f->received = 0;
	f->message = SLICE_EMPTY;
	switch (f->type) {
	case FRAME_DATA:
		f->message = reader_opaque24(r);
		break;
	case FRAME_ACK:
		f->received = reader_u32(r);
		break;
	default:
		reader_fail(r, ERR_MALFORMED);
		break;
	}
}

void frame_put(struct writer *w, const struct frame *f)
{
	writer_u8(w, f->type);
	writer_u32(w, f->sequence);
	switch (f->type) {
	case FRAME_DATA:
		writer_opaque24(w, f->message);
		break;
	case FRAME_ACK:
		writer_u32(w, f->received);
		break;
	default:
		writer_fail(w, ERR_MALFORMED);
		break;
	}
}

int frame_cut(struct slice stream, size_t max_message, struct frame *f, size_t *taken)
{
	struct reader r = reader_of(stream);
	struct reader length = r;
	size_t message_len;
	uint8_t type;

	if (stream.len == 0)
		return 0;
	type = stream.data[0];
	if (type != FRAME_DATA && type != FRAME_ACK)
		return ERR_MALFORMED;
	if (stream.len < (type == FRAME_DATA ? FRAME_DATA_HEADER : FRAME_ACK_SIZE))
		return 0;
	if (type == FRAME_DATA) {
		reader_bytes(&length, FRAME_DATA_HEADER - 3);
		message_len = reader_u24(&length);
		if (message_len > max_message)
			return ERR_MESSAGE_TOO_LARGE;
		if (message_len > reader_left(&length))
			return 0;
	}
	frame_get(&r, f);
	*taken = stream.len - reader_left(&r);
	return r.err != 0 ? r.err : 1;
}

void frame_data_header_put(struct writer *w, uint32_t sequence, size_t message_len)
{
	if (message_len > 0xffffff) {
		writer_fail(w, ERR_LIMIT);
		return;
	}
	writer_u8(w, FRAME_DATA);
	writer_u32(w, sequence);
	writer_u24(w, (uint32_t)message_len);
}
