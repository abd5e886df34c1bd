/* SPDX-License-Identifier: MIT */
/* Documents for tests. */
#include "test/unit/node/document.h"

#include <stdio.h>

#include "test/unit/crypto/fixture.h"
#include "test/unit/run.h"

const char document_sample[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<overlay xmlns=\"urn:ietf:params:xml:ns:p2p:config-base\"\n"
	"   xmlns:ext=\"urn:ietf:params:xml:ns:p2p:config-ext1\"\n"
	"   xmlns:sip=\"urn:ietf:params:xml:ns:p2p:config-base:sip\"\n"
	"   xmlns:ids=\"urn:peal:params:xml:ns:p2p:aor-derived-node-ids\"\n"
	"   xmlns:chord=\"urn:ietf:params:xml:ns:p2p:config-chord\">\n"
	"   <!-- <configuration instance-name=\"comment.example\"> -->\n"
	"   <configuration instance-name=\"overlay.example.org\" sequence=\"22\"\n"
	"       expiration=\"2002-10-10T07:00:00Z\" ext:ext-example=\"stuff > more\" >\n"
	"       <topology-plugin> CHORD-RELOAD </topology-plugin>\n"
	"       <node-id-length>16</node-id-length>\n"
	"       <root-cert>\n YmFkIGNl\n cnQK </root-cert>\n"
	"       <enrollment-server>https://example.org</enrollment-server>\n"
	"       <enrollment-server>https://example.net</enrollment-server>\n"
	"       <self-signed-permitted digest=\"sha1\">false</self-signed-permitted>\n"
	"       <bootstrap-node address=\"192.0.0.1\" port=\"6085\" />\n"
	"       <bootstrap-node address=\"2001:DB8::1\"/>\n"
	"       <turn-density> 20 </turn-density>\n"
	"       <clients-permitted> false </clients-permitted>\n"
	"       <no-ice> 1 </no-ice>\n"
	"       <chord:chord-update-interval>\n           400</chord:chord-update-interval>\n"
	"       <chord:chord-ping-interval>30</chord:chord-ping-interval>\n"
	"       <chord:chord-reactive> false </chord:chord-reactive>\n"
	"       <max-message-size>4000</max-message-size>\n"
	"       <initial-ttl> 30 </initial-ttl>\n"
	"       <overlay-reliability-timer> 2000 </overlay-reliability-timer>\n"
	"       <overlay-link-protocol>TLS</overlay-link-protocol>\n"
	"       <configuration-signer>47112162e84c69ba47112162e84c69ba</configuration-signer>\n"
	"       <kind-signer> 47112162e84c69ba47112162E84C69BA </kind-signer>\n"
	"       <kind-signer> 6eba45d31a900c066eba45d31a900c06 </kind-signer>\n"
	"       <bad-node> 6ebc45d31a900c066ebc45d31a900c06 </bad-node>\n"
	"       <ext:example-extension> foo </ext:example-extension>\n"
	"       <mandatory-extension>\n urn:ietf:params:xml:ns:p2p:config-chord </mandatory-extension>\n"
	"       <ids:aor-derived-node-ids><ids:bits>32</ids:bits></ids:aor-derived-node-ids>\n"
	"       <required-kinds>\n"
	"         <kind-block>\n"
	"           <kind name=\"SIP-REGISTRATION\">\n"
	"               <data-model>SINGLE</data-model>\n"
	"               <access-control>USER-MATCH</access-control>\n"
	"               <max-count>1</max-count>\n"
	"               <max-size>100</max-size>\n"
	"               <sip:domain-restriction enable=\"true\">\n"
	"                   <sip:pattern>dht\\.example\\.com</sip:pattern>\n"
	"                   <sip:pattern>.*\\.my\\.example</sip:pattern>\n"
	"               </sip:domain-restriction>\n"
	"           </kind>\n"
	"           <kind-signature> VGhpcyBpcyBub3QgcmlnaHQhCg== </kind-signature>\n"
	"         </kind-block>\n"
	"         <kind-block>\n"
	"           <kind id=\"2000\">\n"
	"               <data-model>ARRAY</data-model>\n"
	"               <access-control>NODE-MULTIPLE</access-control>\n"
	"               <max-node-multiple>3</max-node-multiple>\n"
	"               <max-count>22</max-count>\n"
	"               <max-size>4</max-size>\n"
	"               <ext:example-kind-extension> 1 </ext:example-kind-extension>\n"
	"           </kind>\n"
	"           <kind-signature> VGhpcyBpcyBub3QgcmlnaHQhCg== </kind-signature>\n"
	"         </kind-block>\n"
	"       </required-kinds>\n"
	"       %s\n"
	"   </configuration>\n"
	"   <signature> VGhpcyBpcyBub3QgcmlnaHQhCg== </signature>\n"
	"   <configuration instance-name=\"other.example.net\">\n"
	"     <root-cert>AAAA</root-cert>\n"
	"   </configuration>\n"
	"</overlay>\n";

char *document_text(const char *elements)
{
	char *text = NULL;

	ck_assert_int_gt(asprintf(&text, document_sample, elements), 0);
	return text;
}

char *document_signed(const struct keystore *authority, const struct keystore *node, uint16_t sequence)
{
	struct configuration_document *d = calloc(1, sizeof(*d));
	char detail[300], *text;

	ck_assert_ptr_nonnull(d);
	configuration_init(&d->configuration);
	(void)snprintf(d->configuration.overlay_name, sizeof(d->configuration.overlay_name), "%s",
		       FIXTURE_OVERLAY);
	d->configuration.sequence = sequence;
	d->configuration.no_ice = true;
	d->configuration.expiration.ms = FIXTURE_NOW_MS + FIXTURE_DAY_MS;
	ck_assert_int_eq(address_parse("[2001:db8::5]:6084", 0, &d->configuration.bootstrap_nodes[0]), 0);
	d->configuration.bootstrap_node_count = 1;
	d->configuration.configuration_signers[0] = fixture_node_id(1);
	d->configuration.configuration_signer_count = 1;
	d->configuration.kind_signers[0] = fixture_node_id(1);
	d->configuration.kind_signers[1] = fixture_node_id(2);
	d->configuration.kind_signer_count = 2;
	d->root_certs[0] = keystore_certificate(authority);
	d->root_cert_count = 1;
	ck_assert_msg(configuration_document_write(d, node, &text, detail, sizeof(detail)) == 0, "%s", detail);
	free(d);
	return text;
}
