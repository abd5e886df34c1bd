/* SPDX-License-Identifier: MIT */
/* What follows from the security port alone. */
#include "overlay/security.h"

#define SHA1_LENGTH 20 /* bytes */

struct resource_id security_resource_id(const struct security *s, struct slice resource_name)
{
	uint8_t digest[SHA1_LENGTH];
	struct resource_id id = { .length = NODE_ID_LENGTH };

	s->ops->digest(s->ctx, HASH_SHA1, &resource_name, 1, digest);
	memcpy(id.bytes, digest, NODE_ID_LENGTH);
	return id;
}

bool identity_has_node_id(const struct identity *identity, const struct node_id *id)
{
	for (size_t i = 0; i < identity->node_id_count; i++)
		if (node_id_equal(&identity->node_ids[i], id))
			return true;
	return false;
}
