/* SPDX-License-Identifier: MIT */
/* The enrollment rules. */
#include "tools/enroll_issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "crypto/certificate.h"
#include "crypto/certificate_authority.h"
#include "crypto/keystore.h"
#include "overlay/base/invariant.h"

#define DAY_MS 86400000ull
#define BACKDATE_MS 300000ull /* clocks of nodes may be behind ours */
#define NODE_ID_TRIES 16

const char *enroll_outcome_token(enum enroll_outcome outcome)
{
	switch (outcome) {
	case ENROLL_ISSUED:
		return "issued";
	case ENROLL_FAILED_AUTHENTICATION:
		return "failed_authentication";
	case ENROLL_USERNAME_NOT_AVAILABLE:
		return "username_not_available";
	case ENROLL_NODE_IDS_NOT_AVAILABLE:
		return "Node-IDs_not_available";
	case ENROLL_BAD_CSR:
		return "bad_CSR";
	case ENROLL_FAILURE:
	case ENROLL_OUTCOME_COUNT:
		break;
	}
	return "failure";
}

bool enroll_user_is_acceptable(const char *user)
{
	const char *at = strrchr(user, '@');

	if (!certificate_user_is_acceptable(slice_text(user)) || at == NULL)
		return false;
	for (const char *c = at + 1; *c != '\0'; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '.'))
			return false;
	return true;
}

enum enroll_outcome enroll_authenticate(const struct enroll_overlay *o, const char *user,
					const char *password, const struct enroll_lock *lock)
{
	struct enroll_user account;
	int err;

	if (lock != NULL)
		lock->take(lock->ctx);
	err = enroll_state_user_find(o->state, user, &account);
	if (lock != NULL)
		lock->release(lock->ctx);
	if (err == ERR_NOT_FOUND) {
		password_verify_nothing(password);
		return ENROLL_FAILED_AUTHENTICATION;
	}
	if (err != 0)
		return ENROLL_FAILURE;
	err = password_verify(password, account.password_hash);
	explicit_bzero(account.password_hash, sizeof(account.password_hash));
	return err == 0 ? ENROLL_ISSUED :
	       err == ERR_FORBIDDEN ? ENROLL_FAILED_AUTHENTICATION : ENROLL_FAILURE;
}

/* A Node-ID nobody has: random (RFC 4086), its high bits derived from the user name where the overlay
 * asks for it. Node-IDs of one user take the slots in turn, so that they lie far apart on the ring. */
static int node_id_draw(const struct enroll_overlay *o, const char *user, unsigned nth, struct node_id *id)
{
	for (unsigned i = 0; i < NODE_ID_TRIES; i++) {
		int err;

		if (getrandom(id->bytes, sizeof(id->bytes), 0) != (ssize_t)sizeof(id->bytes))
			return ERR_IO;
		if (o->node_id_bits > 0)
			certificate_node_id_prefix(o->name, user, (uint8_t)(nth % o->node_id_slots),
						   o->node_id_bits, id);
		if (node_id_is_zero(id) || node_id_is_wildcard(id))
			continue;
		err = enroll_state_node_id_find(o->state, id);
		if (err == ERR_NOT_FOUND)
			return 0;
		if (err != 0)
			return err;
	}
	return ERR_LIMIT;
}

/* Gives the device `wanted` Node-IDs in all, counting what the user has against the quota. */
static enum enroll_outcome device_extend(const struct enroll_overlay *o, const struct enroll_user *user,
					 size_t wanted, struct enroll_device *device, char *detail,
					 size_t detail_size)
{
	size_t more = wanted - device->node_id_count;

	if (wanted > IDENTITY_NODE_IDS_MAX || user->node_ids + more > user->quota) {
		snprintf(detail, detail_size, "has %u Node-IDs of %u, asks for %zu more", user->node_ids,
			 user->quota, more);
		return ENROLL_NODE_IDS_NOT_AVAILABLE;
	}
	for (size_t i = 0; i < more; i++) {
		int err = node_id_draw(o, user->name, user->node_ids + (unsigned)i,
				       &device->node_ids[device->node_id_count]);

		if (err != 0) {
			snprintf(detail, detail_size, "no free Node-ID: %s", error_text(err));
			return ENROLL_FAILURE;
		}
		device->node_id_count++;
	}
	return ENROLL_ISSUED;
}

/* The lowest device number not in use. */
static int device_number_free(struct enroll_state *s, const char *user, unsigned *number)
{
	struct enroll_device device;
	int err;

	*number = 1;
	while ((err = enroll_state_device_next(s, user, *number - 1, &device)) == 0 &&
	       device.number == *number)
		(*number)++;
	return err == 0 || err == ERR_NOT_FOUND ? 0 : err;
}

/* Which device a request is for: the one with its key, the one it names, or a new one. */
static enum enroll_outcome device_choose(const struct enroll_overlay *o, const struct enroll_request *r,
					 const uint8_t *key_hash, struct walltime now,
					 struct enroll_device *device, char *detail, size_t detail_size)
{
	char owner[USER_NAME_MAX + 1];
	int err = enroll_state_device_by_key(o->state, key_hash, owner, device);

	if (err == 0 && strcmp(owner, r->user) != 0) {
		snprintf(detail, detail_size, "the key is another user's");
		return ENROLL_BAD_CSR;
	}
	if (err == 0 && r->device != 0 && r->device != device->number) {
		snprintf(detail, detail_size, "the key is device %u, not %u", device->number, r->device);
		return ENROLL_BAD_CSR;
	}
	if (err == 0)
		return ENROLL_ISSUED;
	if (err == ERR_NOT_FOUND && r->device != 0) {
		err = enroll_state_device_find(o->state, r->user, r->device, device);
		if (err == ERR_NOT_FOUND) {
			snprintf(detail, detail_size, "there is no device %u", r->device);
			return ENROLL_NODE_IDS_NOT_AVAILABLE;
		}
	} else if (err == ERR_NOT_FOUND) {
		memset(device, 0, sizeof(*device));
		device->created = now;
		err = device_number_free(o->state, r->user, &device->number);
	}
	if (err != 0) {
		snprintf(detail, detail_size, "%s", enroll_state_error(o->state));
		return ENROLL_FAILURE;
	}
	memcpy(device->key_hash, key_hash, sizeof(device->key_hash));
	return ENROLL_ISSUED;
}

/* The user, the device and its Node-IDs: everything that can be refused before a certificate is made. */
static enum enroll_outcome issue_prepare(const struct enroll_overlay *o, const struct enroll_request *r,
					 const struct certificate_request *csr, struct walltime now,
					 struct enroll_answer *out, size_t *in_certificate)
{
	const char *asked = certificate_request_user(csr);
	uint8_t key_hash[ENROLL_KEY_HASH_LENGTH];
	struct enroll_user user;
	enum enroll_outcome outcome;
	int err = enroll_state_user_find(o->state, r->user, &user);

	if (err != 0) {
		snprintf(out->detail, sizeof(out->detail), "%s",
			 err == ERR_NOT_FOUND ? "no such user" : enroll_state_error(o->state));
		return err == ERR_NOT_FOUND ? ENROLL_USERNAME_NOT_AVAILABLE : ENROLL_FAILURE;
	}
	if (asked[0] != '\0' && strcmp(asked, r->user) != 0) {
		snprintf(out->detail, sizeof(out->detail), "the request asks for another user name");
		return ENROLL_USERNAME_NOT_AVAILABLE;
	}
	if (!certificate_authority_permits(o->authority, r->user)) {
		snprintf(out->detail, sizeof(out->detail), "the authority may not name users of this domain");
		return ENROLL_USERNAME_NOT_AVAILABLE;
	}
	certificate_request_key_hash(csr, key_hash);
	outcome = device_choose(o, r, key_hash, now, &out->device, out->detail, sizeof(out->detail));
	if (outcome != ENROLL_ISSUED)
		return outcome;
	*in_certificate = r->node_ids != 0 ? r->node_ids :
			  out->device.node_id_count != 0 ? out->device.node_id_count : 1;
	if (*in_certificate > out->device.node_id_count)
		outcome = device_extend(o, &user, *in_certificate, &out->device, out->detail,
					sizeof(out->detail));
	return outcome;
}

enum enroll_outcome enroll_issue(const struct enroll_overlay *o, const struct enroll_request *request,
				 struct walltime now, struct enroll_answer *out)
{
	struct certificate_request *csr;
	struct certificate_order order = { .overlay_name = o->name, .user = request->user };
	enum enroll_outcome outcome;
	int err;

	memset(out, 0, sizeof(*out));
	if (request->csr.len == 0 || request->csr.len > CERTIFICATE_REQUEST_MAX) {
		snprintf(out->detail, sizeof(out->detail), "the request is empty or too long");
		return ENROLL_BAD_CSR;
	}
	err = certificate_request_parse(&csr, request->csr, out->detail, sizeof(out->detail));
	if (err != 0)
		return ENROLL_BAD_CSR;
	outcome = issue_prepare(o, request, csr, now, out, &order.node_id_count);
	if (outcome == ENROLL_ISSUED) {
		order.request = csr;
		order.node_ids = out->device.node_ids;
		order.not_before.ms = now.ms - BACKDATE_MS;
		order.not_after.ms = now.ms + o->certificate_days * DAY_MS;
		out->device.not_after = order.not_after;
		/* The state first: a certificate that nobody remembers would be worse than a Node-ID that
		 * nobody uses. */
		err = enroll_state_device_put(o->state, request->user, &out->device);
		if (err != 0)
			snprintf(out->detail, sizeof(out->detail), "%s", enroll_state_error(o->state));
		else
			err = certificate_authority_issue(o->authority, &order, &out->certificate,
							  &out->certificate_len, out->detail,
							  sizeof(out->detail));
		if (err != 0)
			outcome = ENROLL_FAILURE;
	}
	certificate_request_free(csr);
	return outcome;
}

void enroll_answer_free(struct enroll_answer *a)
{
	free(a->certificate);
	a->certificate = NULL;
}
