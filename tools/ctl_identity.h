/* SPDX-License-Identifier: MIT */
/* pealctl identity: keys and certificates in a state folder. None of these needs a running peald. */
#ifndef TOOLS_CTL_IDENTITY_H
#define TOOLS_CTL_IDENTITY_H

#include "tools/ctl.h"

#define IDENTITY_PATH_SIZE 600
#define IDENTITY_DOCUMENT "overlay.xml" /* the configuration document in a state folder, as peald names it */

int identity_enroll_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);
int identity_show_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);
int identity_export_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);
int identity_import_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);

/* Prints whom the folder's certificate speaks for and whether it is valid. Shared by show, enroll, import. */
int identity_print(struct ctl *ctl);

#endif
