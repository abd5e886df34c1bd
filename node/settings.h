/* SPDX-License-Identifier: MIT */
/* The node's own settings: what this machine decides, as opposed to the overlay's configuration document.
 * One row of settings_schema.c an option; libconfuse reads the syntax. */
#ifndef NODE_SETTINGS_H
#define NODE_SETTINGS_H

#include <stdio.h>

#include "overlay/base/log.h"
#include "overlay/wire/address.h"
#include "overlay/wire/hip_packet.h"

#define SETTING_TEXT_MAX 400     /* bytes of a text or path */
#define SETTING_ADDRESSES_MAX 16 /* addresses in one option */
#define SETTING_CHOICES_MAX 6
#define SETTING_TEXTS_MAX 16     /* texts in one option */

typedef char setting_text[SETTING_TEXT_MAX + 1];

struct setting_addresses {
	struct address items[SETTING_ADDRESSES_MAX];
	size_t count;
};

struct setting_texts {
	setting_text items[SETTING_TEXTS_MAX];
	size_t count;
};

struct setting_choices {
	int items[SETTING_CHOICES_MAX];
	size_t count;
};

enum setting_role { ROLE_PEER, ROLE_BOOTSTRAP, ROLE_CLIENT };
enum setting_link_protocol { LINK_PROTOCOL_TLS, LINK_PROTOCOL_DTLS };
enum setting_storage { STORAGE_SQLITE, STORAGE_MEMORY };
enum setting_hip_media { HIP_MEDIA_PREFER, HIP_MEDIA_REQUIRE, HIP_MEDIA_OFF };
enum setting_hip_unknown { HIP_UNKNOWN_IS_HARDER, HIP_UNKNOWN_IS_REFUSED, HIP_UNKNOWN_IS_ADMITTED };
enum setting_dh_group { DH_GROUP_P256, DH_GROUP_P384, DH_GROUP_P521, DH_GROUP_MODP_3072, DH_GROUP_MODP_1536,
			DH_GROUP_SECP160R1 };
enum setting_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct settings {
	setting_text overlay;
	setting_text state_folder;
	setting_text configuration_document; /* "": overlay.xml in the state folder */
	setting_text control_socket;         /* "": control in the state folder */
	int role;                            /* enum setting_role */
	struct setting_addresses listen;
	struct setting_addresses advertise;
	struct setting_choices link_protocols; /* enum setting_link_protocol, preferred first */
	struct address app_listen;
	struct setting_addresses bootstrap;
	uint32_t links_max;
	uint32_t handshakes_max;
	uint32_t handshakes_per_minute;
	uint32_t datagram_mtu;
	int storage; /* enum setting_storage */
	struct setting_addresses sip_listen;
	bool sip_digest;
	setting_text sip_password_file;
	uint32_t sip_registrations_max;
	bool hip;
	struct setting_addresses hip_listen;
	struct setting_addresses hip_advertise;
	int hip_media; /* enum setting_hip_media */
	setting_text media_ports; /* "first-last" */
	bool hip_edge;
	bool hip_edge_lenient;
	bool hip_raw;
	struct address hip_transparent;
	int hip_unknown; /* enum setting_hip_unknown */
	struct setting_texts hip_register;
	struct setting_texts hip_serve;
	struct setting_choices hip_dh_groups; /* enum setting_dh_group, preferred first */
	setting_text hip_tun;
	setting_text hip_capture;
	struct setting_texts issuer_names;
	int log_level;  /* enum log_level */
	int log_format; /* enum setting_log_format */
	setting_text log_file;
};

/* The defaults. */
void settings_init(struct settings *s);

/* Reads a file over what is there. ERR_IO, ERR_CONFIG; `detail` is "file:line: option: what is wrong". */
int MUST_CHECK settings_read(struct settings *s, const char *path, char *detail, size_t detail_size);

/* What one option cannot see for itself: that options fit each other. ERR_CONFIG. */
int MUST_CHECK settings_check(const struct settings *s, char *detail, size_t detail_size);

/* The range of media-ports: both ends, the first one even. ERR_CONFIG; `detail` says what is wrong. */
int MUST_CHECK settings_media_ports(const struct settings *s, uint16_t *first, uint16_t *last, char *detail,
				    size_t detail_size);

struct issuer_rule;
/* The rules of issuer-names, as many as there are texts; `out` has room for SETTING_TEXTS_MAX. ERR_CONFIG; `detail`
 * says which is wrong and why. */
int MUST_CHECK settings_issuer_rules(const struct settings *s, struct issuer_rule *out, char *detail,
				     size_t detail_size);

/* A HIP host elsewhere, and where it is. */
struct setting_hip_host {
	struct hit hit;
	struct address address;
	bool is_relay; /* hip-register: asked to be a control relay, not a rendezvous server */
};
/* The hosts of hip-register and hip-serve, as many as there are texts; `out` has room for SETTING_TEXTS_MAX.
 * ERR_CONFIG; `detail` says which is wrong and why. */
int MUST_CHECK settings_hip_register(const struct settings *s, struct setting_hip_host *out, char *detail,
				     size_t detail_size);
int MUST_CHECK settings_hip_serve(const struct settings *s, struct setting_hip_host *out, char *detail,
				  size_t detail_size);

/* All options with their values; reading that again gives the same settings. */
void settings_print(const struct settings *s, FILE *out);

/* The manual page peald.conf(5), as roff. */
void settings_print_manual(FILE *out);

/* Path of a file in the state folder, malloc'ed. */
char *settings_path(const struct settings *s, const char *name);
char *settings_configuration_path(const struct settings *s);
char *settings_control_path(const struct settings *s);

#endif
