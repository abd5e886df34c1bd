/* SPDX-License-Identifier: MIT */
/* First bytes from strangers: a datagram before there is a connection, then the same bytes as the beginning of
 * a DTLS and of a TLS connection. No answer to a first datagram is longer than the datagram. */
#include "crypto/certificate_authority.h"
#include "crypto/keystore.h"
#include "crypto/provider.h"
#include "crypto/tls_engine.h"
#include "overlay/base/invariant.h"

#define NOW_MS 1800000000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_answer(void *ctx, struct slice bytes)
{
	size_t *sent = ctx;

	*sent += bytes.len;
}

/* One context for all inputs: keys are not what is tested. */
static struct tls_context *shared_context(void)
{
	static struct tls_context *context;
	static struct keystore *keys;
	static struct provider *provider;
	struct tls_context_options options = { 0 };
	struct provider_trust trust = { .overlay_name = "overlay.example" };
	char detail[256];

	if (context != NULL)
		return context;
	invariant(keystore_create_in_memory(&keys, KEY_P256) == 0);
	invariant(certificate_authority_create(keys, "root", (struct walltime){ NOW_MS - 1000 },
					       (struct walltime){ NOW_MS + 1000 }, detail, sizeof(detail)) == 0);
	invariant(provider_new(&provider, NULL, &trust, detail, sizeof(detail)) == 0);
	options.keys = keys;
	options.provider = provider;
	invariant(tls_context_new(&context, &options) == 0);
	return context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address from = { .type = ADDRESS_IPV4, .bytes = { 192, 0, 2, 1 }, .port = 6084 };
	struct tls_context *c = shared_context();
	struct now now = { { 1 }, { NOW_MS } };
	size_t sent = 0;

	if (tls_datagram_listen(c, &from, slice_of(data, size), count_answer, &sent) == 0)
		invariant(sent <= size);
	for (int transport = TLS_STREAM; transport <= TLS_DATAGRAM; transport++) {
		struct tls_engine *e;
		struct slice plaintext;

		invariant(tls_engine_new(&e, c, (enum tls_transport)transport, true, count_answer, &sent) == 0);
		if (tls_engine_receive(e, now, slice_of(data, size)) == 0)
			invariant(tls_engine_read(e, &plaintext) <= 0);
		invariant(!tls_engine_is_established(e));
		tls_engine_free(e);
	}
	return 0;
}
