/* SPDX-License-Identifier: MIT */
/* Any message as text, for logs of refused input and for peal-decode. */
#ifndef OVERLAY_WIRE_DUMP_H
#define OVERLAY_WIRE_DUMP_H

#include "overlay/base/slice.h"

/* Appends `text` (NUL-terminated, may hold several lines) to whatever the caller collects. */
typedef void dump_sink_fn(void *ctx, const char *text);

/* One message from its forwarding header on, an indented line a field with the RFC's field names.
 * `model_of` tells a Kind's data model (0: unknown, its values are printed as hex); may be NULL, then the
 * Kinds of RFC 6940 and RFC 7904 and HIP-RVS are known. Returns 0, or the ERR_* at which decoding stopped: what came
 * before it is printed, and a line says where it stopped. */
int dump_message(struct slice bytes, uint8_t (*model_of)(uint32_t kind), dump_sink_fn *sink, void *ctx);

/* Frames back to back, as a stream of decrypted link bytes. */
int dump_frames(struct slice bytes, uint8_t (*model_of)(uint32_t kind), dump_sink_fn *sink, void *ctx);

#endif
