/* SPDX-License-Identifier: MIT */
/* The access control policies, the domain restriction, and the input of the data signature.
 *
 * The domain patterns of RFC 7904 are POSIX regular expressions, so this file uses regcomp, regexec and
 * regfree: the only libc functions in overlay/ beyond memory and text. They do no I/O and keep no state; a
 * pattern comes from the signed configuration, never from a peer, and a domain is at most 255 bytes. */
#include "overlay/access.h"

#include <regex.h>
#include <stdio.h>
#include <strings.h>

#include "overlay/access_hit.h"
#include "overlay/base/hex.h"

/* Resource-ID, Kind, storage time, and around the value: key length, index, exists, value length. */
#define SIGNED_DATA_FIXED (RESOURCE_ID_MAX + 4 + 8 + 2 + 4 + 1 + 4)

/* The multiplier of NODE-MULTIPLE is hashed as one byte: RFC 6940 gives it no width, and the only Kind that
 * uses it carries it as one (TurnServer.iteration). */
#define NODE_MULTIPLE_MAX 255

/* The user name as it is hashed: no scheme, %xx decoded. `out` has room for USER_NAME_MAX + 1 bytes. */
static struct slice access_resource_name(const char *user, char *out)
{
	size_t len = 0;

	if (strncasecmp(user, "sip:", 4) == 0)
		user += 4;
	else if (strncasecmp(user, "sips:", 5) == 0)
		user += 5;
	while (*user != '\0' && len < USER_NAME_MAX) {
		int high = user[0] == '%' ? hex_digit(user[1]) : -1;
		int low = high >= 0 ? hex_digit(user[2]) : -1;

		/* %00 stays as it is: a name never ends in its middle. */
		if (low >= 0 && (high | low) != 0) {
			out[len++] = (char)(high << 4 | low);
			user += 3;
		} else {
			out[len++] = *user++;
		}
	}
	out[len] = '\0';
	return slice_of(out, len);
}

struct resource_id access_user_resource(const struct security *s, const char *user)
{
	char name[USER_NAME_MAX + 1];

	return security_resource_id(s, access_resource_name(user, name));
}

static bool access_user_matches(const struct security *s, const struct resource_id *resource,
				const struct identity *signer)
{
	struct resource_id own;

	/* A certificate without a user name owns nothing by name. */
	if (signer->user[0] == '\0')
		return false;
	own = access_user_resource(s, signer->user);
	return resource_id_equal(&own, resource);
}

static bool access_node_matches(const struct security *s, const struct resource_id *resource,
				const struct identity *signer)
{
	struct resource_id own =
		security_resource_id(s, slice_of(signer->node_id.bytes, NODE_ID_LENGTH));

	return resource_id_equal(&own, resource);
}

static bool access_node_multiple_matches(const struct security *s, const struct kind *kind,
					 const struct resource_id *resource,
					 const struct identity *signer)
{
	uint32_t last = kind->max_node_multiple < NODE_MULTIPLE_MAX ? kind->max_node_multiple
								    : NODE_MULTIPLE_MAX;
	uint8_t name[NODE_ID_LENGTH + 1];

	memcpy(name, signer->node_id.bytes, NODE_ID_LENGTH);
	for (uint32_t i = 0; i <= last; i++) {
		struct resource_id own;

		name[NODE_ID_LENGTH] = (uint8_t)i;
		own = security_resource_id(s, slice_of(name, sizeof(name)));
		if (resource_id_equal(&own, resource))
			return true;
	}
	return false;
}

int access_check(const struct security *s, const struct kind *kind, const struct resource_id *resource,
		 const struct identity *signer, const struct stored_data_value *value)
{
	bool allowed = false;

	switch (kind->access) {
	case ACCESS_USER_MATCH:
		allowed = access_user_matches(s, resource, signer);
		break;
	case ACCESS_NODE_MATCH:
		allowed = access_node_matches(s, resource, signer);
		break;
	case ACCESS_USER_NODE_MATCH:
		/* 7.3.3: only with dictionaries; the key is the Node-ID that signed. */
		allowed = kind->model == DATA_MODEL_DICTIONARY &&
			  slice_equal(value->key, slice_of(signer->node_id.bytes, NODE_ID_LENGTH)) &&
			  access_user_matches(s, resource, signer);
		break;
	case ACCESS_NODE_MULTIPLE:
		allowed = access_node_multiple_matches(s, kind, resource, signer);
		break;
	case ACCESS_HIT_MATCH:
		allowed = kind->model == DATA_MODEL_DICTIONARY && access_hit_matches(s, resource, signer, value);
		break;
	}
	return allowed ? 0 : ERR_FORBIDDEN;
}

/* Compiles `pattern` so that it must match the whole domain. */
static int access_compile(const char *pattern, regex_t *out)
{
	char anchored[KIND_DOMAIN_PATTERN_MAX + 5];
	int len = snprintf(anchored, sizeof(anchored), "^(%s)$", pattern);

	if (len < 0 || (size_t)len >= sizeof(anchored))
		return ERR_CONFIG;
	return regcomp(out, anchored, REG_EXTENDED | REG_ICASE | REG_NOSUB) == 0 ? 0 : ERR_CONFIG;
}

bool access_domain_pattern_is_valid(const char *pattern)
{
	regex_t compiled;

	/* Alone as well: "a)(b" would compile only inside our brackets. */
	if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	regfree(&compiled);
	if (access_compile(pattern, &compiled) != 0)
		return false;
	regfree(&compiled);
	return true;
}

int access_check_domain(const struct configuration *c, const struct kind *kind, const char *user)
{
	char name[USER_NAME_MAX + 1];
	const char *at;
	bool allowed = false;

	if (kind->domain_restriction == DOMAIN_RESTRICTION_ABSENT)
		return 0;
	access_resource_name(user, name);
	at = strrchr(name, '@');
	if (at == NULL)
		return ERR_FORBIDDEN;
	if (kind->domain_restriction == DOMAIN_RESTRICTION_OVERLAY)
		return strcasecmp(at + 1, c->overlay_name) == 0 ? 0 : ERR_FORBIDDEN;
	for (size_t i = 0; i < kind->domain_pattern_count && !allowed; i++) {
		regex_t compiled;

		if (access_compile(kind->domain_patterns[i], &compiled) != 0)
			continue;
		allowed = regexec(&compiled, at + 1, 0, NULL, 0) == 0;
		regfree(&compiled);
	}
	return allowed ? 0 : ERR_FORBIDDEN;
}

int access_signed_data(const struct resource_id *resource, uint32_t kind, const struct stored_data *data,
		       struct arena *arena, struct slice *out)
{
	struct stored_data_value value = data->value;
	size_t room = SIGNED_DATA_FIXED + value.key.len + value.data.value.len;
	uint8_t *buffer = arena_alloc(arena, room);
	struct writer w = writer_of(buffer, room);

	if (buffer == NULL)
		return ERR_LIMIT;
	/* 7.4.2.2: the index is not signed, because the signer that appends does not know it. */
	if (value.model == DATA_MODEL_ARRAY)
		value.index = 0;
	writer_bytes(&w, resource_id_slice(resource));
	writer_u32(&w, kind);
	writer_u64(&w, data->storage_time);
	stored_data_value_put(&w, &value);
	if (w.err != 0)
		return w.err;
	*out = writer_slice(&w);
	return 0;
}

int access_verify_value(const struct security *s, const struct configuration *c, struct walltime now,
			const struct kind *kind, const struct resource_id *resource,
			const struct stored_data *data, const struct certificate_list *bucket,
			struct arena *arena, struct identity *signer, struct slice *certificate)
{
	struct slice covered;
	int err;

	if (data->value.data.value.len > kind->max_size)
		return ERR_DATA_TOO_LARGE;
	if (data->storage_time > now.ms && data->storage_time - now.ms > STORAGE_TIME_AHEAD_MAX_MS)
		return ERR_FROM_THE_FUTURE;
	if (signature_is_none(&data->signature) || data->signature.identity.type == SIGNER_NONE ||
	    data->signature.algorithm == SIGNATURE_ANONYMOUS)
		return ERR_FORBIDDEN;
	err = access_signed_data(resource, kind->id, data, arena, &covered);
	if (err != 0)
		return err;
	err = s->ops->verify(s->ctx, now, &covered, 1, &data->signature, bucket, signer, certificate);
	if (err != 0)
		return err;
	err = access_check(s, kind, resource, signer, &data->value);
	if (err != 0)
		return err;
	return access_check_domain(c, kind, signer->user);
}
