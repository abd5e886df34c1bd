/* SPDX-License-Identifier: MIT */
/* kind-block elements of the configuration document (RFC 6940 11.1) with RFC 7904's domain-restriction. */
#ifndef NODE_CONFIGURATION_KIND_H
#define NODE_CONFIGURATION_KIND_H

#include "node/configuration_document.h"
#include "node/configuration_xml.h"

/* Reads a kind-block element. block->signature is owned by the caller. ERR_CONFIG, ERR_UNSUPPORTED. */
int MUST_CHECK configuration_kind_read(struct xml_reading *r, struct xml_node *kind_block,
				       struct configuration_kind_block *block);

#endif
