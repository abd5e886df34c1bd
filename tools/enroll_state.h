/* SPDX-License-Identifier: MIT */
/* What the enrollment server remembers, in one SQLite file: accounts, their devices and the Node-IDs of
 * each, settings. A device is one key of a user: the same key gets the same Node-IDs for ever
 * (RFC 6940 11.3). Every function that changes several rows is one transaction. */
#ifndef TOOLS_ENROLL_STATE_H
#define TOOLS_ENROLL_STATE_H

#include "crypto/password.h"
#include "overlay/base/instant.h"
#include "overlay/security.h"

#define ENROLL_KEY_HASH_LENGTH 32
#define ENROLL_QUOTA_MAX 64 /* Node-IDs of one user */
#define ENROLL_SETTING_MAX 511

struct enroll_state;

struct enroll_user {
	char name[USER_NAME_MAX + 1];
	char password_hash[PASSWORD_HASH_SIZE];
	unsigned quota;     /* Node-IDs it may have, over all devices */
	unsigned node_ids;  /* Node-IDs it has */
	unsigned devices;
	struct walltime created;
};

struct enroll_device {
	unsigned number; /* from 1, per user */
	uint8_t key_hash[ENROLL_KEY_HASH_LENGTH];
	struct node_id node_ids[IDENTITY_NODE_IDS_MAX];
	size_t node_id_count;
	struct walltime created;
	struct walltime not_after; /* of the newest certificate */
};

/* Makes the file (0600) and its tables; ERR_DUPLICATE when it is there. */
int MUST_CHECK enroll_state_create(struct enroll_state **out, const char *path, char *detail,
				   size_t detail_size);
/* ERR_NOT_FOUND, ERR_PERMISSION, ERR_STORAGE (not such a file, or made by a newer version). */
int MUST_CHECK enroll_state_open(struct enroll_state **out, const char *path, char *detail,
				 size_t detail_size);
/* A state in memory only, for tests. */
int MUST_CHECK enroll_state_open_in_memory(struct enroll_state **out);
void enroll_state_close(struct enroll_state *s);

/* Reads the whole file. ERR_STORAGE with what is wrong. */
int MUST_CHECK enroll_state_check(struct enroll_state *s, char *detail, size_t detail_size);

/* Why the last call failed with ERR_STORAGE; never NULL. */
const char *enroll_state_error(const struct enroll_state *s);

/* ERR_NOT_FOUND. `value` has room for ENROLL_SETTING_MAX + 1. */
int MUST_CHECK enroll_state_setting(struct enroll_state *s, const char *name, char *value);
int MUST_CHECK enroll_state_set_setting(struct enroll_state *s, const char *name, const char *value);

/* ERR_DUPLICATE. */
int MUST_CHECK enroll_state_user_add(struct enroll_state *s, const char *name, const char *password_hash,
				     unsigned quota, struct walltime now);
/* ERR_NOT_FOUND, as all that follow. */
int MUST_CHECK enroll_state_user_find(struct enroll_state *s, const char *name, struct enroll_user *out);
int MUST_CHECK enroll_state_user_set_password(struct enroll_state *s, const char *name,
					      const char *password_hash);
int MUST_CHECK enroll_state_user_set_quota(struct enroll_state *s, const char *name, unsigned quota);
/* With its devices. */
int MUST_CHECK enroll_state_user_remove(struct enroll_state *s, const char *name);

/* The first user whose name is greater than `after` ("" first). ERR_NOT_FOUND: no more. */
int MUST_CHECK enroll_state_user_next(struct enroll_state *s, const char *after, struct enroll_user *out);

/* The device with that number, or the first greater one for _next (0 first). */
int MUST_CHECK enroll_state_device_find(struct enroll_state *s, const char *user, unsigned number,
					struct enroll_device *out);
int MUST_CHECK enroll_state_device_next(struct enroll_state *s, const char *user, unsigned after,
					struct enroll_device *out);
/* The device of a public key, whoever's it is; `user` has room for USER_NAME_MAX + 1. */
int MUST_CHECK enroll_state_device_by_key(struct enroll_state *s, const uint8_t *key_hash, char *user,
					  struct enroll_device *out);
/* Adds the device or replaces it by number, with all its Node-IDs. ERR_DUPLICATE: the key or a Node-ID is
 * another device's. */
int MUST_CHECK enroll_state_device_put(struct enroll_state *s, const char *user,
				       const struct enroll_device *device);
int MUST_CHECK enroll_state_device_remove(struct enroll_state *s, const char *user, unsigned number);

/* ERR_NOT_FOUND: nobody has that Node-ID. */
int MUST_CHECK enroll_state_node_id_find(struct enroll_state *s, const struct node_id *id);

#endif
