/* SPDX-License-Identifier: MIT */
/* pealctl's commands of HIP: associations and the race of their channels, pings, calls with their media, and who is
 * believed to be behind which HIT. */
#ifndef TOOLS_CTL_HIP_H
#define TOOLS_CTL_HIP_H

#include "tools/ctl.h"

/* `hip`: this node's HIT, then tables of associations, races and registrations. */
int show_hip_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);

/* `hip ping`: a line an answer. */
int show_hip_ping_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);
int show_hip_locator_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);

/* `calls`: dialogs, and a table of the streams whose media is protected. */
int show_calls_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);

/* `identity known`, `identity trust`, `identity forget`. */
int show_identity_known_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);
int show_identity_change_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);

/* The tables, for tests. */
void show_hip(const struct terminal *t, json_t *items, json_t *result);
void show_calls(const struct terminal *t, json_t *items);

#endif
