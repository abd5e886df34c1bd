/* SPDX-License-Identifier: MIT */
/* Fragments of any size at any place: what comes out whole is exactly what the latest bytes at each
 * place were, and all of them had come. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/fragment.h"
#include "overlay/peer_state.h"
#include "tools/sim/fake_security.h"

#define BODY_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct shadow {
	uint8_t bytes[BODY_MAX];
	bool is_there[BODY_MAX];
};

static struct peer *fuzz_peer(struct fake_security *security, struct configuration *c)
{
	struct peer_options *o = memory_alloc(sizeof(*o));
	struct peer *p;

	configuration_init(c);
	o->configuration = c;
	o->security = fake_security_port(security);
	p = peer_new(o);
	free(o);
	return p;
}

/* A fragment from the input: where it lies, whether it is the last, its bytes. */
static int fuzz_add(struct peer *p, struct now now, struct reader *in, struct shadow *s,
		    struct slice *whole)
{
	struct forwarding_header h = { .fragment = FRAGMENT_ALWAYS, .transaction_id = 1 };
	uint16_t place = reader_u16(in);
	struct slice body = reader_opaque8(in);
	size_t from = place & 0x1fff;
	int got;

	h.fragment |= (uint32_t)from | ((place & 0x8000) != 0 ? FRAGMENT_LAST : 0);
	got = fragment_add(p, now, 1, &h, body, whole);
	for (size_t i = 0; i < body.len && from + i < BODY_MAX && got >= 0; i++) {
		s->bytes[from + i] = body.data[i];
		s->is_there[from + i] = true;
	}
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader in = reader_of(slice_of(data, size));
	struct node_id id = { { 0x80 } };
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t len = fake_certificate_put(certificate, &id, 1, "user@example.org",
					  (struct walltime){ 0 }, (struct walltime){ UINT64_MAX });
	struct fake_security *security = fake_security_new(1, slice_of(certificate, len));
	struct configuration *c = memory_alloc(sizeof(*c));
	struct peer *p = fuzz_peer(security, c);
	struct shadow *s = memory_alloc(sizeof(*s));
	struct now now = { { 1000000 }, { 1 } };

	while (reader_more(&in)) {
		struct slice whole;
		int got = fuzz_add(p, now, &in, s, &whole);

		if (got == 0)
			continue;
		if (got == 1) {
			invariant(whole.len > FORWARDING_HEADER_FIXED);
			for (size_t i = FORWARDING_HEADER_FIXED; i < whole.len; i++) {
				invariant(s->is_there[i - FORWARDING_HEADER_FIXED]);
				invariant(s->bytes[i - FORWARDING_HEADER_FIXED] == whole.data[i]);
			}
		}
		memset(s, 0, sizeof(*s));
		while (peer_next_effect(p) != NULL)
			;
	}
	peer_free(p);
	free(c);
	fake_security_free(security);
	free(s);
	return 0;
}
