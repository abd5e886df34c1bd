/* SPDX-License-Identifier: MIT */
/* What a session description does to a call, and how it is written anew. */
#ifndef USAGE_MEDIA_MEDIA_DESCRIPTION_H
#define USAGE_MEDIA_MEDIA_DESCRIPTION_H

#include "usage/media/media_internal.h"

/* ---- media_call.c, for media_description.c ---- */

struct media_call *media_call_find(struct media_relay *r, const struct sip_media_message *m);
/* NULL: the table is full, or the other node's share of it. */
struct media_call *media_call_new(struct media_relay *r, struct now now, const struct sip_media_message *m);
/* The other node may not have one more stream until some of its calls are answered. */
bool media_call_is_crowded(const struct media_call *call);
/* The dialog a message belongs to, noted; NULL: it has no remote tag yet, or there are too many. */
struct media_dialog *media_dialog_note(struct media_call *call, const struct sip_media_message *m);
bool media_call_is_elsewhere(struct media_relay *r, const struct sip_media_message *m);

#endif
