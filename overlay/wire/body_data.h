/* SPDX-License-Identifier: MIT */
/* StoredData and the bodies of Store, Fetch, Stat, Find (RFC 6940 7 to 7.4.4). A Kind's data model is not
 * on the wire, so lists of values and specifiers stay raw until the Kind is known. */
#ifndef OVERLAY_WIRE_BODY_DATA_H
#define OVERLAY_WIRE_BODY_DATA_H

#include "overlay/wire/message.h"

#define STORED_VALUES_MAX 1024 /* values, ranges, keys or Kinds in one list */
#define ARRAY_INDEX_LAST 0xffffffffu

enum data_model { DATA_MODEL_SINGLE = 1, DATA_MODEL_ARRAY = 2, DATA_MODEL_DICTIONARY = 3 };

struct data_value {
	bool exists;
	struct slice value; /* borrowed; empty when !exists */
};

/* StoredDataValue: DataValue, ArrayEntry or DictionaryEntry by the Kind's data model. */
struct stored_data_value {
	uint8_t model;    /* enum data_model; not on the wire */
	uint32_t index;   /* DATA_MODEL_ARRAY */
	struct slice key; /* DATA_MODEL_DICTIONARY; borrowed */
	struct data_value data;
};

struct stored_data {
	uint64_t storage_time; /* ms since 1970 UTC */
	uint32_t lifetime;     /* seconds from receipt */
	struct stored_data_value value;
	struct signature signature;
};

struct store_kind_data {
	uint32_t kind;
	uint64_t generation_counter;
	struct slice values; /* encoded StoredData list, see stored_data_list_get */
};

struct store_req {
	struct resource_id resource;
	uint8_t replica_number;
	struct store_kind_data *kinds; /* arena */
	size_t kind_count;
};

struct store_kind_response {
	uint32_t kind;
	uint64_t generation_counter;
	struct node_id *replicas; /* arena */
	size_t replica_count;
};

struct store_ans {
	struct store_kind_response *kinds; /* arena */
	size_t kind_count;
};

struct array_range {
	uint32_t first;
	uint32_t last; /* ARRAY_INDEX_LAST: the last there is */
};

struct stored_data_specifier {
	uint32_t kind;
	uint64_t generation;
	struct slice selector; /* encoded by data model, see array_ranges_get, dictionary_keys_get */
};

/* FetchReq and StatReq. */
struct fetch_req {
	struct resource_id resource;
	struct stored_data_specifier *specifiers; /* arena */
	size_t specifier_count;
};

/* One Kind of a FetchAns, or of a StatAns (values then are StoredMetaData). */
struct fetch_kind_response {
	uint32_t kind;
	uint64_t generation;
	struct slice values; /* encoded */
};

struct fetch_ans {
	struct fetch_kind_response *kinds; /* arena */
	size_t kind_count;
};

struct meta_data {
	bool exists;
	uint32_t value_length;
	uint8_t hash_algorithm; /* enum hash_algorithm */
	struct slice hash_value;
};

struct stored_meta_data {
	uint64_t storage_time;
	uint32_t lifetime;
	uint8_t model;
	uint32_t index;
	struct slice key;
	struct meta_data data;
};

struct find_req {
	struct resource_id resource;
	uint32_t *kinds; /* arena */
	size_t kind_count;
};

struct find_kind_data {
	uint32_t kind;
	struct resource_id closest; /* length 0: none, or the Kind is unknown */
};

struct find_ans {
	struct find_kind_data *results; /* arena */
	size_t count;
};

/* StoredDataValue as it stands inside StoredData; its encoding is also part of what the data signature
 * covers (7.1; an array entry is then encoded with index 0). */
void stored_data_value_get(struct reader *r, uint8_t model, struct stored_data_value *v);
void stored_data_value_put(struct writer *w, const struct stored_data_value *v);

void stored_data_get(struct reader *r, uint8_t model, struct stored_data *d);
void stored_data_put(struct writer *w, const struct stored_data *d);

/* All of `bytes` as StoredData of one Kind. Arena: *items. */
int MUST_CHECK stored_data_list_get(struct slice bytes, uint8_t model, struct arena *a,
				    struct stored_data **items, size_t *count);

int store_req_get(struct reader *r, struct arena *a, struct store_req *x);
void store_req_put(struct writer *w, const struct store_req *x);
int store_ans_get(struct reader *r, struct arena *a, struct store_ans *x);
void store_ans_put(struct writer *w, const struct store_ans *x);
int fetch_req_get(struct reader *r, struct arena *a, struct fetch_req *x);
void fetch_req_put(struct writer *w, const struct fetch_req *x);
int fetch_ans_get(struct reader *r, struct arena *a, struct fetch_ans *x);
void fetch_ans_put(struct writer *w, const struct fetch_ans *x);
int find_req_get(struct reader *r, struct arena *a, struct find_req *x);
void find_req_put(struct writer *w, const struct find_req *x);
int find_ans_get(struct reader *r, struct arena *a, struct find_ans *x);
void find_ans_put(struct writer *w, const struct find_ans *x);

/* A specifier's selector. Ranges: first <= last and none overlapping, else ERR_MALFORMED. */
int MUST_CHECK array_ranges_get(struct slice selector, struct arena *a, struct array_range **ranges,
				size_t *count);
void array_ranges_put(struct writer *w, const struct array_range *ranges, size_t count);
/* No keys: all of them. */
int MUST_CHECK dictionary_keys_get(struct slice selector, struct arena *a, struct slice **keys,
				   size_t *count);
void dictionary_keys_put(struct writer *w, const struct slice *keys, size_t count);

void stored_meta_data_get(struct reader *r, uint8_t model, struct stored_meta_data *m);
void stored_meta_data_put(struct writer *w, const struct stored_meta_data *m);
int MUST_CHECK stored_meta_data_list_get(struct slice bytes, uint8_t model, struct arena *a,
					 struct stored_meta_data **items, size_t *count);

#endif
