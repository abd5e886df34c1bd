/* SPDX-License-Identifier: MIT */
/* Any bytes as a HIP-RVS record that somebody wants stored: under the Resource that it names, by the edge that it
 * names, so that its proof is looked at. A record that stands for another HIT than its signer's must not be taken as
 * the signer's own. */
#include <stdlib.h>

#include "overlay/access_hit.h"
#include "overlay/base/arena.h"
#include "tools/sim/fake_security.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct security fuzz_security(void)
{
	static const struct node_id node = { { 1 } };
	static struct fake_security *fake;
	uint8_t certificate[FAKE_CERTIFICATE_MAX];

	if (fake == NULL)
		fake = fake_security_new(1, slice_of(certificate,
						     fake_certificate_put(certificate, &node, 1, "edge@example.org",
									  (struct walltime){ 0 },
									  (struct walltime){ 1000 })));
	return fake_security_port(fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct security s = fuzz_security();
	struct identity signer = *s.ops->own_identity(s.ctx);
	struct hit own = signer.hit;
	struct stored_data_value value = {
		.model = DATA_MODEL_DICTIONARY,
		.key = slice_of(signer.node_id.bytes, NODE_ID_LENGTH),
		.data = { .exists = true, .value = slice_of(data, size) },
	};
	struct reader r = reader_of(value.data.value);
	struct hip_record record = { 0 };
	struct resource_id resource;
	struct hip_packet p;
	struct arena arena;

	arena_init(&arena, 65536);
	if (hip_record_get(&r, &arena, &record) == 0) {
		const struct destination *last =
			record.destinations.count == 0 ? NULL
						       : &record.destinations.items[record.destinations.count - 1];

		if (last != NULL && last->type == DESTINATION_NODE)
			signer.node_id = last->id.node;
		if (hip_packet_get(record.proof_packet, &p) == 0)
			signer.hit = p.receiver;
	}
	resource = security_resource_id(&s, slice_of(record.hit.bytes, HIT_LENGTH));
	(void)access_hit_is_unproven(&value);
	if (access_hit_matches(&s, &resource, &signer, &value) && record.proof == HIP_PROOF_CERTIFICATE &&
	    !hit_equal(&record.hit, &own) && !hit_equal(&record.hit, &signer.hit))
		abort();
	arena_free(&arena);
	return 0;
}
