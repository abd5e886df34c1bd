/* SPDX-License-Identifier: MIT */
/* peal-enroll create: from an empty folder to an overlay, in one command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/enroll.h"
#include "tools/enroll_document.h"
#include "tools/enroll_tls.h"
#include "tools/overlay_time.h"

#define DEFAULT_URL "https://127.0.0.1:8443"

/* RFC 3986 reg-name as far as a DNS name goes, so that it also fits RELOAD URIs and certificates. */
static bool overlay_name_is_acceptable(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > 200 || name[0] == '.' || name[0] == '-' || name[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
		      name[i] == '-' || (name[i] == '.' && name[i + 1] != '.')))
			return false;
	return true;
}

static bool url_is_acceptable(const char *url)
{
	char host[256];

	return enroll_url_host(url, host, sizeof(host)) == 0 && strlen(url) < 400 &&
	       strpbrk(url, " \"'<>&#?") == NULL && strchr(url + 8, '/') == NULL;
}

/* "@domain" for the example user; "": the overlay's own, which need not be said. */
static const char *user_domain(const struct enroll_create *o, char *out, size_t size)
{
	const char *overlay = o->configuration.overlay_name;
	bool is_own = o->name_count == 0;

	for (size_t i = 0; i < o->name_count; i++)
		is_own = is_own || strcmp(o->names[i], overlay) == 0;
	out[0] = '\0';
	for (size_t i = 0; i < o->name_count && !is_own && out[0] == '\0'; i++)
		if (strpbrk(o->names[i], "*@") == NULL)
			snprintf(out, size, "@%s", o->names[i]);
	return out;
}

static void print_next_steps(const struct enroll_create *o)
{
	const struct configuration *c = &o->configuration;
	char text[ADDRESS_TEXT_SIZE], domain[USER_NAME_MAX + 2];

	printf("Overlay %s is ready in %s\n\n", c->overlay_name, o->folder);
	if (c->node_id_bits > 0)
		printf("  Node-IDs        %u bits derived from the user name, %u slots\n", c->node_id_bits,
		       c->node_id_slots);
	else
		puts("  Node-IDs        random");
	for (size_t i = 0; i < c->bootstrap_node_count; i++)
		printf("  bootstrap node  %s\n", address_text(&c->bootstrap_nodes[i], text));
	if (c->bootstrap_node_count == 0)
		puts("  bootstrap node  none yet: peal-enroll document --add-bootstrap ADDR:PORT");
	for (size_t i = 0; i < o->name_count; i++)
		printf("  may name users  of %s\n", o->names[i]);
	printf("  enrollment at   %s/enroll\n\nNext:\n", o->url);
	printf("  peal-enroll user add alice%s --folder %s\n", user_domain(o, domain, sizeof(domain)), o->folder);
	printf("  peal-enroll serve --folder %s --listen %s\n", o->folder, o->url + 8);
	printf("  pealctl identity enroll --url %s --ca %s/tls-certificate.pem \\\n"
	       "      --user alice%s%s --folder STATE-FOLDER\n\n"
	       "Keep a copy of %s/authority where nobody else can read it: whoever has it can make nodes.\n",
	       o->url, o->folder, domain[0] == '\0' ? "@" : domain, domain[0] == '\0' ? c->overlay_name : "",
	       o->folder);
}

enum { O_OVERLAY = 1, O_FOLDER, O_URL, O_BOOTSTRAP, O_BITS, O_SLOTS, O_RANDOM, O_NODE_IDS, O_DAYS, O_ROOT,
       O_NAMES, O_SET, O_HELP };

static const struct option long_options[] = {
	{ "overlay", required_argument, NULL, O_OVERLAY },
	{ "folder", required_argument, NULL, O_FOLDER },
	{ "url", required_argument, NULL, O_URL },
	{ "bootstrap", required_argument, NULL, O_BOOTSTRAP },
	{ "bits", required_argument, NULL, O_BITS },
	{ "slots", required_argument, NULL, O_SLOTS },
	{ "random-node-ids", no_argument, NULL, O_RANDOM },
	{ "node-ids", required_argument, NULL, O_NODE_IDS },
	{ "certificate-days", required_argument, NULL, O_DAYS },
	{ "root-days", required_argument, NULL, O_ROOT },
	{ "names", required_argument, NULL, O_NAMES },
	{ "set", required_argument, NULL, O_SET },
	{ "help", no_argument, NULL, O_HELP },
	{ NULL, 0, NULL, 0 },
};

/* One option. 0, or EXIT_USAGE after saying what is wrong. */
static int take_option(int option, struct enroll_create *o, const char **overlay)
{
	struct configuration *c = &o->configuration;
	char detail[ENROLL_DETAIL_SIZE] = "";
	unsigned n = 0;
	bool fine = true;

	switch (option) {
	case O_OVERLAY:
		*overlay = optarg;
		break;
	case O_FOLDER:
		o->folder = optarg;
		break;
	case O_URL:
		o->url = optarg;
		break;
	case O_BOOTSTRAP:
		fine = document_add_bootstrap(c, optarg, detail, sizeof(detail)) == 0;
		break;
	case O_BITS:
		fine = enroll_number("--bits", optarg, 1, 96, &n);
		c->node_id_bits = (uint8_t)n;
		break;
	case O_SLOTS:
		fine = enroll_number("--slots", optarg, 1, 255, &n);
		c->node_id_slots = (uint8_t)n;
		break;
	case O_RANDOM:
		c->node_id_bits = 0;
		c->node_id_slots = 0;
		break;
	case O_NODE_IDS:
		fine = enroll_number("--node-ids", optarg, 1, ENROLL_QUOTA_MAX, &o->quota);
		break;
	case O_DAYS:
		fine = enroll_number("--certificate-days", optarg, 1, 3650, &o->certificate_days);
		break;
	case O_ROOT:
		fine = enroll_number("--root-days", optarg, 1, 36500, &o->root_days);
		break;
	case O_NAMES:
		fine = o->name_count < sizeof(o->names) / sizeof(o->names[0]);
		if (fine)
			o->names[o->name_count++] = optarg;
		else
			snprintf(detail, sizeof(detail), "--names: at most %zu", o->name_count);
		break;
	case O_SET:
		fine = document_set(c, optarg, detail, sizeof(detail)) == 0;
		break;
	default:
		return EXIT_USAGE;
	}
	if (detail[0] != '\0')
		enroll_fail("%s", detail);
	return fine ? 0 : EXIT_USAGE;
}

static int create(const struct enroll_command *command, int argc, char **argv, struct enroll_create *o)
{
	const char *overlay = NULL;
	char detail[ENROLL_DETAIL_SIZE] = "";
	int option, err;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == O_HELP)
			return enroll_help(command);
		if (take_option(option, o, &overlay) != 0)
			return EXIT_USAGE;
	}
	if (optind < argc)
		return enroll_usage(command, "%s is not an option", argv[optind]);
	if (overlay == NULL || o->folder == NULL)
		return enroll_usage(command, "--overlay and --folder are wanted");
	if (!overlay_name_is_acceptable(overlay))
		return enroll_usage(command, "%s: an overlay's name is like a domain's: lower-case letters, "
				    "digits, '-' and '.', at most 200", overlay);
	if (!url_is_acceptable(o->url))
		return enroll_usage(command, "%s: https://HOST:PORT without a path is wanted", o->url);
	if (strlen(o->folder) >= ENROLL_PATH_MAX)
		return enroll_usage(command, "the folder's name is too long");
	if (o->configuration.node_id_bits == 0 && o->configuration.node_id_slots != 0)
		return enroll_usage(command, "--slots goes with --bits");
	snprintf(o->configuration.overlay_name, sizeof(o->configuration.overlay_name), "%s", overlay);
	err = enroll_folder_create(o, overlay_now(), detail, sizeof(detail));
	if (err != 0)
		return enroll_fail("%s", detail[0] != '\0' ? detail : error_text(err));
	print_next_steps(o);
	return EXIT_SUCCESS;
}

int enroll_create_run(const struct enroll_command *command, int argc, char **argv)
{
	struct enroll_create *o = calloc(1, sizeof(*o));
	int rc;

	if (o == NULL)
		return enroll_fail("no memory");
	configuration_init(&o->configuration);
	if (kind_add(&o->configuration.kinds, kind_registered(KIND_HIP_RVS)) != 0) {
		free(o);
		return enroll_fail("no room for the Kind HIP-RVS");
	}
	o->configuration.no_ice = true; /* the links Peal has are the No-ICE ones */
	o->configuration.turn_density = 0; /* and so nobody needs TURN */
	o->configuration.max_message_size = 32768; /* a ConfigUpdate carries the whole document */
	o->configuration.node_id_bits = 64;
	o->configuration.node_id_slots = 4;
	o->url = DEFAULT_URL;
	o->quota = 8;
	o->certificate_days = 90;
	o->root_days = 3650;
	rc = create(command, argc, argv, o);
	free(o);
	return rc;
}
