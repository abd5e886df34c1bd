/* SPDX-License-Identifier: MIT */
/* What single value, array and dictionary (RFC 6940 7.2) mean for places, order, limits and selection. */
#ifndef STORAGE_DATA_MODEL_H
#define STORAGE_DATA_MODEL_H

#include "storage/store.h"

/* Where a value of the same entry stands or would stand; *found is NULL when there is none. */
size_t data_model_place(const struct stored_kind *k, const struct stored_data_value *entry,
			struct stored_value **found);

/* The index after the last entry, tombstones included; 0 for an empty or missing array. */
uint32_t data_model_array_length(const struct stored_kind *k);

/* The entry's name in the backend: "", four bytes of index, or the key. `buffer` has room for 4 bytes. */
struct slice data_model_entry(const struct stored_data_value *value, uint8_t *buffer);
/* The reverse; ERR_MALFORMED. */
int MUST_CHECK data_model_entry_parse(enum data_model model, struct slice entry,
				      struct stored_data_value *value);

/* Two values are the same in all but lifetime and array index (which is not signed). */
bool data_model_same(const struct stored_data *a, const struct stored_data *b);
/* Order of two values of one entry: below 0 when `a` is the older one. Values of equal time are ordered by
 * their bytes, so that all holders of two such values come to keep the same one. */
int data_model_order(const struct stored_data *a, const struct stored_data *b);

/* What a specifier selects; `v` is NULL for an entry that is not there, then `entry` names it. */
typedef void data_model_select_fn(void *ctx, const struct stored_data_value *entry,
				  const struct stored_value *v);

/* Walks what `selector` selects of `k` (may be NULL: nothing is stored). ERR_MALFORMED, ERR_LIMIT,
 * ERR_RESPONSE_TOO_LARGE when ranges name more than STORED_VALUES_MAX entries. */
int MUST_CHECK data_model_select(const struct stored_kind *k, enum data_model model,
				 struct slice selector, struct arena *arena, data_model_select_fn *each,
				 void *ctx);

#endif
