/* SPDX-License-Identifier: MIT */
/* Keying material of an association (RFC 7401 6.5): HKDF with the RHASH of the Responder's HIT. "gl" keys protect what
 * the host with the greater HIT sends. */
#include "usage/hip/hip_internal.h"

int hip_keymat_draw(struct hip_association *a, size_t len, uint8_t *out)
{
	struct hip_keys *k = &a->keys;

	if (len > k->keymat_len - k->keymat_used)
		return ERR_LIMIT;
	memcpy(out, k->keymat + k->keymat_used, len);
	k->keymat_used += len;
	return 0;
}

/* One direction: encryption key, then integrity key. */
static int hip_keymat_direction(struct hip_association *a, uint8_t *cipher, uint8_t *mac)
{
	int err = hip_keymat_draw(a, a->keys.cipher_len, cipher);

	return err < 0 ? err : hip_keymat_draw(a, a->keys.mac_len, mac);
}

int hip_keymat_init(struct hip_association *a, enum hit_suite rhash, enum host_cipher cipher, struct slice i,
		    struct slice j, struct slice kij)
{
	const struct host_security *security = &a->host->security;
	bool greater = hip_is_greater(a);
	uint8_t info[2 * HIT_LENGTH];
	struct hip_keys *k = &a->keys;
	int key_len = host_cipher_key_length(cipher), err;

	explicit_bzero(k, sizeof(*k));
	if (key_len < 0 || (size_t)key_len > sizeof(k->cipher_out) || host_digest_length(rhash) == 0)
		return ERR_UNSUPPORTED;
	if (i.len > HIP_RHASH_MAX || j.len > HIP_RHASH_MAX)
		return ERR_MALFORMED;
	k->cipher = cipher;
	k->rhash = rhash;
	k->cipher_len = (size_t)key_len;
	k->mac_len = host_digest_length(rhash);
	memcpy(k->salt, i.data, i.len);
	memcpy(k->salt + i.len, j.data, j.len);
	k->salt_len = i.len + j.len;
	memcpy(info, greater ? a->peer.bytes : a->host->hit.bytes, HIT_LENGTH);
	memcpy(info + HIT_LENGTH, greater ? a->host->hit.bytes : a->peer.bytes, HIT_LENGTH);
	err = security->ops->derive(security->ctx, rhash, slice_of(k->salt, k->salt_len), kij,
				    slice_of(info, sizeof(info)), k->keymat, sizeof(k->keymat));
	if (err < 0)
		return err;
	k->keymat_len = sizeof(k->keymat);
	err = greater ? hip_keymat_direction(a, k->cipher_out, k->mac_out)
		      : hip_keymat_direction(a, k->cipher_in, k->mac_in);
	if (err < 0)
		return err;
	return greater ? hip_keymat_direction(a, k->cipher_in, k->mac_in)
		       : hip_keymat_direction(a, k->cipher_out, k->mac_out);
}
