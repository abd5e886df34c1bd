/* SPDX-License-Identifier: MIT */
/* peal-enroll: the enrollment and authentication server of an overlay (RFC 6940 11). */
#include "tools/enroll.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/keystore.h"
#include "tools/overlay_time.h"

static const struct enroll_command commands[] = {
	{ "create", "--overlay NAME --folder DIR [OPTION]...",
	  "make a new overlay: root key, configuration document, accounts",
	  "  --overlay NAME          the overlay's name, such as example.org\n"
	  "  --folder DIR            a new folder for everything that is made (mode 0700)\n"
	  "  --url https://HOST:PORT where nodes will reach `serve` (default https://127.0.0.1:8443)\n"
	  "  --bootstrap ADDR[:PORT] a bootstrap node; may be repeated (default port 6084)\n"
	  "  --bits N --slots N      Node-IDs derived from user names: N high bits (default 64), one of N\n"
	  "                          places on the ring for each of a user's Node-IDs (default 4)\n"
	  "  --random-node-ids       random Node-IDs instead\n"
	  "  --node-ids N            Node-IDs a user may have, unless said otherwise (default 8)\n"
	  "  --certificate-days N    how long a node's certificate is valid (default 90)\n"
	  "  --root-days N           how long the root certificate is valid (default 3650)\n"
	  "  --names DOMAIN          the root may name users of this domain only (*.DOMAIN: those below it);\n"
	  "                          may be repeated (default: any)\n"
	  "  --set NAME=VALUE        a value of the configuration document; see `document --show`\n",
	  enroll_create_run },
	{ "user", "add|passwd|quota|show|forget|remove NAME --folder DIR [OPTION]..., or list --folder DIR",
	  "accounts: who may enroll, with how many Node-IDs",
	  "  add NAME                a new account; NAME without @ gets the overlay's name as domain\n"
	  "  passwd NAME             a new password\n"
	  "  quota NAME --node-ids N how many Node-IDs it may have\n"
	  "  show NAME               its devices and their Node-IDs\n"
	  "  forget NAME --device N  frees the Node-IDs of a device\n"
	  "  remove NAME             the account and its devices\n"
	  "  list                    all accounts\n"
	  "  --password-file FILE    first line is the password; - for standard input; else asks\n"
	  "  --node-ids N            Node-IDs over all devices, at most 64\n"
	  "  --json                  list and show as JSON, a line each\n",
	  enroll_user_run },
	{ "serve", "--folder DIR [--listen ADDR:PORT] [--check] [--verbose]",
	  "answer over HTTPS until SIGTERM",
	  "  --listen ADDR:PORT      default 127.0.0.1:8443; port 0: any free one\n"
	  "  --check                 check everything in the folder and do not serve\n"
	  "  --verbose               log more\n"
	  "SIGUSR1 writes the counters to the log.\n",
	  enroll_serve_run },
	{ "issue", "--folder DIR --user NAME --csr FILE --out FILE [--nodeids N] [--device N] [--pem]",
	  "certify a request without the network",
	  "  --csr FILE              PKCS#10, PEM or DER\n"
	  "  --out FILE              the certificate, DER (or PEM with --pem)\n"
	  "  --nodeids N             Node-IDs in the certificate\n"
	  "  --device N              the key takes over this device and its Node-IDs\n",
	  enroll_issue_run },
	{ "document", "--folder DIR [OPTION]...",
	  "change and sign the configuration document, sequence + 1",
	  "  --show                  print what --set takes, and the current values\n"
	  "  --set NAME=VALUE        may be repeated, as all that follow\n"
	  "  --add-bootstrap ADDR[:PORT], --remove-bootstrap ADDR[:PORT]\n"
	  "  --bad-node NODE-ID      a certificate with this Node-ID is not valid any more\n"
	  "  --good-node NODE-ID     takes that back\n"
	  "  --expires DAYS          nodes fetch a new document before; 0: never (as at first)\n"
	  "  --out FILE              also write the document there, for overlays without server\n",
	  enroll_document_run },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

int enroll_fail(const char *format, ...)
{
	va_list args;

	fputs("peal-enroll: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

int enroll_usage(const struct enroll_command *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "peal-enroll %s: ", command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nTry `peal-enroll %s --help`.\n", command->name);
	return EXIT_USAGE;
}

int enroll_help(const struct enroll_command *command)
{
	printf("usage: peal-enroll %s %s\n\n%s.\n\n%s", command->name, command->synopsis, command->summary,
	       command->help);
	return EXIT_SUCCESS;
}

bool enroll_number(const char *option, const char *text, unsigned min, unsigned max, unsigned *out)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min || value > max) {
		enroll_fail("%s %s: a number from %u to %u is wanted", option, text, min, max);
		return false;
	}
	*out = (unsigned)value;
	return true;
}

int enroll_open(const struct enroll_command *command, struct enroll_folder *f, const char *folder)
{
	char detail[ENROLL_DETAIL_SIZE] = "";
	int err;

	if (folder == NULL)
		return enroll_usage(command, "--folder is missing: the one given to `peal-enroll create`");
	err = enroll_folder_open(f, folder, overlay_now(), detail, sizeof(detail));
	if (err == ERR_NOT_FOUND)
		return enroll_fail("%s\nMake an overlay with `peal-enroll create --overlay NAME --folder %s`.",
				   detail, folder);
	return err == 0 ? 0 : enroll_fail("%s", detail[0] != '\0' ? detail : error_text(err));
}

static void print_usage(FILE *out)
{
	fputs("usage: peal-enroll COMMAND [OPTION]...\n\n"
	      "The enrollment and authentication server of a Peal overlay.\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n`peal-enroll COMMAND --help` tells more, peal-enroll(8) all.\n", out);
}

int main(int argc, char **argv)
{
	umask(077);
	keystore_protect_memory();
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("peal-enroll %s (GnuTLS %s)\n", PEAL_VERSION, gnutls_check_version(NULL));
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].run(&commands[i], argc - 1, argv + 1);
	fprintf(stderr, "peal-enroll: there is no command %s\n", argv[1]);
	print_usage(stderr);
	return EXIT_USAGE;
}
