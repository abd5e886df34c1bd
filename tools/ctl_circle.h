/* SPDX-License-Identifier: MIT */
/* The ring as a picture of characters: a circle, the peers on it where their Node-IDs lie (zero at the
 * top, clockwise), each with its number in the table. */
#ifndef TOOLS_CTL_CIRCLE_H
#define TOOLS_CTL_CIRCLE_H

#include "tools/ctl_ring.h"

/* `ring` is sorted. At most `width` columns are used (it wants at least 40). `marked[i]` draws peer i as
 * one with a finding; NULL: none. Lines end with '\n' and carry no trailing blanks. malloc'ed. */
char *circle_draw(const struct ring *ring, const bool *marked, unsigned width);

#endif
