/* SPDX-License-Identifier: MIT */
/* The enrollment rules (RFC 6940 11.3): who gets a certificate, with which Node-IDs. No HTTP here.
 *
 * A user's Node-IDs are kept by device. A request signed by a key seen before is that device coming back
 * and gets the same Node-IDs. A new key is a new device and gets new Node-IDs while the user's quota
 * lasts; or it takes over a device that the request names, with its Node-IDs. */
#ifndef TOOLS_ENROLL_ISSUE_H
#define TOOLS_ENROLL_ISSUE_H

#include "overlay/base/instant.h"
#include "overlay/base/log.h"
#include "overlay/configuration.h"
#include "tools/enroll_state.h"

struct keystore;

/* What a request can come to. The middle four are the tokens of RFC 6940 11.3. */
enum enroll_outcome {
	ENROLL_ISSUED,
	ENROLL_FAILED_AUTHENTICATION,
	ENROLL_USERNAME_NOT_AVAILABLE,
	ENROLL_NODE_IDS_NOT_AVAILABLE,
	ENROLL_BAD_CSR,
	ENROLL_FAILURE, /* ours: state or key not usable */
	ENROLL_OUTCOME_COUNT
};

/* The overlay and its authority. Borrowed for as long as requests are served. */
struct enroll_overlay {
	char name[OVERLAY_NAME_MAX + 1];
	uint8_t node_id_bits; /* aor-derived-node-ids; 0: random */
	uint8_t node_id_slots;
	uint32_t certificate_days;
	const struct keystore *authority;
	struct enroll_state *state;
	const struct log *log;
};

struct enroll_request {
	const char *user;
	struct slice csr;   /* DER */
	unsigned node_ids;  /* how many in the certificate; 0: not said, as many as before, or 1 */
	unsigned device;    /* which device this key takes over; 0: not said */
};

struct enroll_answer {
	uint8_t *certificate; /* DER, malloc'ed; NULL unless issued */
	size_t certificate_len;
	struct enroll_device device;
	char detail[256]; /* why not, for the log */
};

/* "failed_authentication" ...; "issued", "failure" for those that have no token. */
const char *enroll_outcome_token(enum enroll_outcome outcome);

/* Checks account name and password. Takes the same time whether or not the account exists. `lock` is held
 * only while the state is read (NULL: no lock is needed). */
struct enroll_lock {
	void (*take)(void *ctx);
	void (*release)(void *ctx);
	void *ctx;
};
enum enroll_outcome enroll_authenticate(const struct enroll_overlay *o, const char *user,
					const char *password, const struct enroll_lock *lock);

/* Issues for a user that has been authenticated, or whom the operator vouches for. `out` is filled in any
 * case and freed by enroll_answer_free. */
enum enroll_outcome enroll_issue(const struct enroll_overlay *o, const struct enroll_request *request,
				 struct walltime now, struct enroll_answer *out);
void enroll_answer_free(struct enroll_answer *a);

/* A user name this overlay can certify: RFC 6940 11.3 asks for legal characters only; we also ask for a
 * domain in lower case, because user names are compared and hashed as bytes. */
bool enroll_user_is_acceptable(const char *user);

#endif
