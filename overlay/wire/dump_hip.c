/* SPDX-License-Identifier: MIT */
/* HIP_CARRY with the HIP packet in it, and values of Kind HIP-RVS, as text. */
#include "overlay/wire/dump_body.h"
#include "overlay/wire/hip_parameter.h"
#include "overlay/wire/hip_record.h"

static void dump_hit(struct dump *d, const char *name, const struct hit *x)
{
	char text[HIT_TEXT_SIZE];

	dump_line(d, "%s: %s", name, hit_text(x, text));
}

/* Header and names of the parameters, of any version; what is none is shown as bytes. */
static void dump_hip_packet(struct dump *d, const char *name, struct slice bytes)
{
	struct hip_parameter p;
	struct hip_packet x;
	size_t cursor = 0;

	if (hip_packet_peek(bytes, &x) != 0) {
		dump_bytes(d, name, bytes);
		return;
	}
	dump_open(d, name);
	dump_line(d, "packet_type: %u %s", x.type, hip_packet_type_name(x.type));
	dump_line(d, "version: %u", x.version);
	dump_line(d, "length: %zu", x.bytes.len);
	dump_line(d, "checksum: 0x%04x", x.checksum);
	dump_line(d, "controls: 0x%04x%s", x.controls, x.controls & HIP_CONTROL_ANONYMOUS ? " anonymous" : "");
	dump_hit(d, "sender_hit", &x.sender);
	dump_hit(d, "receiver_hit", &x.receiver);
	while (hip_parameter_next(&x, &cursor, &p))
		dump_line(d, "parameter: %u %s, %zu bytes", p.type, hip_parameter_name(p.type), p.contents.len);
	if (hip_packet_get(bytes, &x) != 0)
		dump_line(d, "not well-formed: %s", error_text(hip_packet_get(bytes, &x)));
	dump_close(d);
}

void dump_hip_carry_req(struct dump *d, struct reader *r)
{
	struct hip_carry x;

	if (hip_carry_get(r, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "hops: %u", x.hops);
	dump_line(d, "protocol: %u%s", x.protocol,
		  x.protocol == 0 ? " own host" : x.protocol == HIP_PROTOCOL ? " HIP" : " UDP");
	dump_address(d, "source", &x.source);
	dump_line(d, "nonce: 0x%016llx", (unsigned long long)x.nonce);
	dump_hip_packet(d, "HipPacket", x.packet);
}

void dump_hip_carry_ans(struct dump *d, struct reader *r)
{
	static const char *const names[] = {
		[HIP_CARRY_DELIVERED] = "delivered",
		[HIP_CARRY_NOT_SERVED] = "not served here",
		[HIP_CARRY_REFUSED] = "refused",
		[HIP_CARRY_SUPPRESSED] = "suppressed",
	};
	uint8_t outcome;

	if (hip_carry_answer_get(r, &outcome) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "outcome: %u %s", outcome, outcome <= HIP_CARRY_SUPPRESSED ? names[outcome] : "unknown");
}

void dump_hip_record(struct dump *d, struct reader *r)
{
	struct hip_record x;

	if (hip_record_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_hit(d, "hit", &x.hit);
	dump_line(d, "flags: 0x%02x%s%s%s%s", x.flags, x.flags & HIP_RECORD_RVS ? " rvs" : "",
		  x.flags & HIP_RECORD_RELAY ? " relay" : "", x.flags & HIP_RECORD_OWN ? " own" : "",
		  x.flags & HIP_RECORD_PLAIN ? " plain" : "");
	dump_line(d, "sequence: %llu", (unsigned long long)x.sequence);
	dump_line(d, "lifetime: %u", x.lifetime_s);
	for (size_t i = 0; i < x.destinations.count; i++)
		dump_destination(d, "destination", &x.destinations.items[i]);
	for (size_t i = 0; i < x.locator_count; i++)
		dump_address(d, "locator", &x.locators[i]);
	switch (x.proof) {
	case HIP_PROOF_CERTIFICATE:
		dump_line(d, "proof: certificate");
		break;
	case HIP_PROOF_REGISTRATION:
		dump_line(d, "proof: registration");
		dump_bytes(d, "host_id", x.proof_host_id);
		dump_hip_packet(d, "packet", x.proof_packet);
		break;
	default:
		dump_line(d, "proof: none, vouched for by the edge alone");
		break;
	}
}
