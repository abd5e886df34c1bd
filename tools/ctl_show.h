/* SPDX-License-Identifier: MIT */
/* Answers of peald as text. Names end in their unit (rtt_us, uptime_s, share_ppb), which tells how to
 * show a value; so one function shows every table and one every object. */
#ifndef TOOLS_CTL_SHOW_H
#define TOOLS_CTL_SHOW_H

#include "tools/ctl.h"

#define SHOW_TEXT_SIZE 1024

/* The value of field `name` as text. Returns out (room for SHOW_TEXT_SIZE). */
const char *show_value(const char *name, json_t *value, char *out);

/* An array of objects as a table: a column for each field met, in the order met. */
void show_items(const struct terminal *t, json_t *items);

/* An object as lines "name  value"; objects within it are shown under "name.". */
void show_object(const struct terminal *t, json_t *object);

/* A command whose answer is shown so: items as a table, then the result. */
int show_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);

/* `counters`: names as they are, which other programs look for; those at zero only with --all. */
int show_counters_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);

/* The same, for `log`: an item a line, until interrupted. */
int show_log_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);

/* A command of the ring: table, circle, findings. CTL_FAILED when it is not consistent. */
int show_ring_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);

#endif
