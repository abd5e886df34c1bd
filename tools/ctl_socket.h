/* SPDX-License-Identifier: MIT */
/* The control socket, seen from pealctl. One JSON object a line: {"command":NAME, ...} is sent; answered
 * are any number of {"progress":{..}} and {"item":{..}}, then one {"result":{..}} or {"error":{..}}. */
#ifndef TOOLS_CTL_SOCKET_H
#define TOOLS_CTL_SOCKET_H

#include "tools/ctl.h"

#define CTL_LINE_MAX (4 * 1024 * 1024) /* bytes of one answer line */

/* What is done with each item. False ends the call (with CTL_DONE). */
typedef bool ctl_item_fn(void *ctx, json_t *item);

/* Sends a command and reads its answer. Progress goes to standard error if that is a terminal; an error is
 * printed. With ctl->json every answer line but progress is printed as it came, and items are still handed
 * to `item`. *result is a new reference, NULL unless CTL_DONE. Returns an enum ctl_exit. */
int ctl_request(struct ctl *ctl, const char *command, json_t *arguments, ctl_item_fn *item, void *ctx,
		json_t **result);

#endif
