/* SPDX-License-Identifier: MIT */
/* What usages on top see of the host. */
#include "usage/hip/hip_internal.h"

const struct host_security *hip_host_security(const struct hip_host *h)
{
	return &h->security;
}

size_t hip_host_locators(const struct hip_host *h, struct address out[HIP_LISTEN_MAX])
{
	memcpy(out, h->options.locators, h->options.locator_count * sizeof(*out));
	return h->options.locator_count;
}
