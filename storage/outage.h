/* SPDX-License-Identifier: MIT */
/* While the backend cannot store anything (a full disk, a broken one): what is held is served, every Store is
 * refused at once with an error, values expire in memory, and the backend is tried again from time to time. */
#ifndef STORAGE_OUTAGE_H
#define STORAGE_OUTAGE_H

#include "storage/storage_state.h"

/* A commit failed. */
void outage_begin(struct storage *s, struct now now, int err);
bool outage_is_on(const struct storage *s);
/* Without a word. */
void outage_free(struct storage *s);

#endif
