/* SPDX-License-Identifier: MIT */
/* Paths: by what a packet came or goes. */
#include <stdio.h>

#include "usage/hip/hip_host.h"

const char *hip_channel_name(enum hip_channel channel)
{
	static const char *const names[HIP_CHANNEL_COUNT] = { "none", "udp", "raw", "overlay" };

	return (unsigned)channel < HIP_CHANNEL_COUNT ? names[channel] : "unknown";
}

/* An address of type NONE as the local one means "whichever is right". */
static bool hip_path_local_equal(const struct address *a, const struct address *b)
{
	return a->type == ADDRESS_NONE || b->type == ADDRESS_NONE || address_equal(a, b);
}

bool hip_path_equal(const struct hip_path *a, const struct hip_path *b)
{
	if (a->channel != b->channel)
		return false;
	if (a->channel == HIP_CHANNEL_NONE)
		return true;
	if (a->channel == HIP_CHANNEL_OVERLAY)
		return node_id_equal(&a->node, &b->node);
	return address_equal(&a->remote, &b->remote) && hip_path_local_equal(&a->local, &b->local);
}

const char *hip_path_text(const struct hip_path *path, char text[HIP_PATH_TEXT_SIZE])
{
	char where[ADDRESS_TEXT_SIZE] = "";

	if (path->channel == HIP_CHANNEL_OVERLAY)
		node_id_text(&path->node, where);
	else if (path->channel != HIP_CHANNEL_NONE)
		address_text(&path->remote, where);
	snprintf(text, HIP_PATH_TEXT_SIZE, "%s%s%s", hip_channel_name(path->channel), where[0] != '\0' ? " " : "",
		 where);
	return text;
}
