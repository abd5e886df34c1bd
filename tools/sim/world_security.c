/* SPDX-License-Identifier: MIT */
/* Identities of OpenSSL for the nodes of a world. Keys are P-256: what they sign differs from run to run, so
 * such a world is not repeatable to the byte, only in what it decides. */
#include "tools/sim/world_security.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/certificate_authority.h"
#include "crypto/keystore.h"
#include "crypto/provider.h"
#include "overlay/base/invariant.h"
#include "tools/sim/net.h"

#define SECURITY_DAY_MS 86400000ull
#define SECURITY_DETAIL 256

struct world_security {
	char overlay_name[OVERLAY_NAME_MAX + 1];
	struct keystore *authority;
	struct keystore **nodes; /* by node; NULL: none yet */
	size_t count;
};

/* A simulation that cannot make a key cannot go on. */
static void security_need(int err, const char *what, const char *detail)
{
	if (err == 0)
		return;
	fprintf(stderr, "peal-sim: %s: %s %s\n", what, error_text(err), detail);
	abort();
}

struct world_security *world_security_new_authority(const char *overlay_name)
{
	struct world_security *s = memory_alloc(sizeof(*s));
	char detail[SECURITY_DETAIL] = "";

	snprintf(s->overlay_name, sizeof(s->overlay_name), "%s", overlay_name);
	security_need(keystore_create_in_memory(&s->authority, KEY_P256), "the authority's key", detail);
	security_need(certificate_authority_create(s->authority, "Simulated overlay",
						   (struct walltime){ NET_WALL_START - SECURITY_DAY_MS },
						   (struct walltime){ NET_WALL_START + 800 * SECURITY_DAY_MS }, detail,
						   sizeof(detail)),
		      "the authority's certificate", detail);
	return s;
}

void world_security_free(struct world_security *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		keystore_free(s->nodes[i]);
	keystore_free(s->authority);
	free(s->nodes);
	free(s);
}

static struct keystore *security_issue(struct world_security *s, const struct node_id *id, const char *user)
{
	struct certificate_order order = {
		.overlay_name = s->overlay_name,
		.user = user,
		.node_ids = id,
		.node_id_count = 1,
		.not_before = { NET_WALL_START - SECURITY_DAY_MS / 24 },
		.not_after = { NET_WALL_START + 400 * SECURITY_DAY_MS },
	};
	struct certificate_request *request;
	char detail[SECURITY_DETAIL] = "";
	struct keystore *k;
	uint8_t *der;
	size_t len;

	security_need(keystore_create_in_memory(&k, KEY_P256), "a node's key", detail);
	security_need(keystore_make_csr(k, &der, &len), "a node's request", detail);
	security_need(certificate_request_parse(&request, slice_of(der, len), detail, sizeof(detail)),
		      "a node's request", detail);
	free(der);
	order.request = request;
	security_need(certificate_authority_issue(s->authority, &order, &der, &len, detail, sizeof(detail)),
		      "a node's certificate", detail);
	certificate_request_free(request);
	security_need(keystore_set_certificate(k, slice_of(der, len), detail, sizeof(detail)), "a node's certificate",
		      detail);
	free(der);
	return k;
}

struct security world_security_port(struct world_security *s, size_t node, const struct node_id *id,
				    const char *user, struct slice *certificate, void **owned)
{
	struct slice root = keystore_certificate(s->authority);
	struct provider_trust trust = {
		.root_certs = &root,
		.root_cert_count = 1,
		.overlay_name = s->overlay_name,
	};
	char detail[SECURITY_DETAIL] = "";
	struct provider *p;

	if (node >= s->count) {
		s->nodes = memory_resize(s->nodes, (node + 1) * sizeof(struct keystore *));
		while (s->count <= node)
			s->nodes[s->count++] = NULL;
	}
	if (s->nodes[node] == NULL)
		s->nodes[node] = security_issue(s, id, user);
	security_need(provider_new(&p, s->nodes[node], &trust, detail, sizeof(detail)), "a node's identity", detail);
	*certificate = keystore_certificate(s->nodes[node]);
	*owned = p;
	return provider_security(p);
}

void world_security_port_free(void *owned)
{
	provider_free(owned);
}
