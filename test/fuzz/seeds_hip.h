/* SPDX-License-Identifier: MIT */
/* The seeds of the HIP codecs, for seeds.c. */
#ifndef TEST_FUZZ_SEEDS_HIP_H
#define TEST_FUZZ_SEEDS_HIP_H

#include "overlay/base/slice.h"

/* Writes one input; `choice` as the target's first byte unless it is negative. */
typedef void seeds_write_fn(const char *corpus, const char *target, const char *name, int choice, struct slice bytes);

void seeds_hip_write(const char *corpus, seeds_write_fn *write);

#endif
