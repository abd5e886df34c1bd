/* SPDX-License-Identifier: MIT */
/* peal-decode: RELOAD messages and frames as text. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/error.h"
#include "overlay/base/hex.h"
#include "overlay/base/invariant.h"
#include "overlay/wire/dump.h"
#include "overlay/wire/frame.h"

#define INPUT_MAX (256u << 20) /* bytes */

enum exit_code { EXIT_DECODED = 0, EXIT_UNDECODABLE = 1, EXIT_USAGE = 2 };

/* The bytes to decode, collected piece by piece. */
struct input {
	uint8_t *data; /* owned */
	size_t len;
	size_t room;
};

/* What dump prints goes to standard output; the last line that says where decoding stopped is kept, so
 * that standard error can repeat it. */
struct output {
	char stopped[600];
};

static const char usage_text[] =
	"usage: peal-decode [HEX...]\n"
	"       peal-decode --message FILE\n"
	"       peal-decode --frames FILE\n"
	"\n"
	"Prints RELOAD messages (RFC 6940) field by field.\n"
	"\n"
	"  HEX                  a message or frames as hex digits, blanks allowed; read from\n"
	"                       standard input when there is no argument\n"
	"  -m, --message FILE   one message, binary; - is standard input\n"
	"  -f, --frames FILE    frames back to back, binary; - is standard input\n"
	"  -h, --help           this text\n"
	"  -V, --version        the version\n"
	"\n"
	"Exit status: 0 decoded, 1 not decodable, 2 wrong use or unreadable input.\n";

static void input_add(struct input *in, const void *bytes, size_t len)
{
	if (in->room - in->len < len) {
		in->room = 2 * (in->len + len);
		in->data = memory_resize(in->data, in->room);
	}
	memcpy(in->data + in->len, bytes, len);
	in->len += len;
}

/* All of `file`, called `name` in messages. 0 or ERR_IO, ERR_LIMIT with the message printed. */
static int input_read(struct input *in, FILE *file, const char *name)
{
	char bytes[65536];
	size_t len;

	while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0) {
		if (in->len + len > INPUT_MAX) {
			fprintf(stderr, "peal-decode: %s: more than %u bytes\n", name, INPUT_MAX);
			return ERR_LIMIT;
		}
		input_add(in, bytes, len);
	}
	if (ferror(file)) {
		fprintf(stderr, "peal-decode: %s: %s\n", name, strerror(errno));
		return ERR_IO;
	}
	return 0;
}

static int input_read_file(struct input *in, const char *path)
{
	FILE *file;
	int err;

	if (strcmp(path, "-") == 0)
		return input_read(in, stdin, "standard input");
	file = fopen(path, "rb");
	if (file == NULL) {
		fprintf(stderr, "peal-decode: %s: %s\n", path, strerror(errno));
		return ERR_IO;
	}
	err = input_read(in, file, path);
	fclose(file);
	return err;
}

/* Turns hex text into bytes, in place. ERR_MALFORMED with the message printed. */
static int input_unhex(struct input *in)
{
	size_t digits = 0;

	for (size_t i = 0; i < in->len; i++) {
		uint8_t c = in->data[i];
		int digit = hex_digit(c);

		if (strchr(" \t\r\n\v\f:", c) != NULL && c != '\0')
			continue;
		if (digit < 0) {
			fprintf(stderr, "peal-decode: character %zu (byte %zu): not a hex digit: 0x%02x\n",
				i, digits / 2, c);
			return ERR_MALFORMED;
		}
		if (digits % 2 == 0)
			in->data[digits / 2] = (uint8_t)(digit << 4);
		else
			in->data[digits / 2] |= (uint8_t)digit;
		digits++;
	}
	if (digits % 2 != 0) {
		fprintf(stderr, "peal-decode: byte %zu: only one hex digit\n", digits / 2);
		return ERR_MALFORMED;
	}
	in->len = digits / 2;
	return 0;
}

static void output_print(void *ctx, const char *text)
{
	struct output *out = ctx;
	const char *stopped = strstr(text, "stopped in ");

	fputs(text, stdout);
	if (stopped != NULL && strspn(text, " ") == (size_t)(stopped - text))
		snprintf(out->stopped, sizeof(out->stopped), "%.*s", (int)strcspn(stopped, "\n"), stopped);
}

/* Frames and messages differ in their first byte. */
static bool input_is_frames(const struct input *in)
{
	return in->len > 0 && (in->data[0] == FRAME_DATA || in->data[0] == FRAME_ACK);
}

static enum exit_code decode(const struct input *in, bool frames)
{
	struct output out = { "" };
	struct slice bytes = slice_of(in->data, in->len);
	int err;

	if (in->len == 0) {
		fputs("peal-decode: byte 0: there is nothing to decode\n", stderr);
		return EXIT_UNDECODABLE;
	}
	err = frames ? dump_frames(bytes, NULL, output_print, &out)
		     : dump_message(bytes, NULL, output_print, &out);
	if (fflush(stdout) != 0) {
		fprintf(stderr, "peal-decode: standard output: %s\n", strerror(errno));
		return EXIT_USAGE;
	}
	if (err == 0)
		return EXIT_DECODED;
	fprintf(stderr, "peal-decode: %s\n", out.stopped[0] != '\0' ? out.stopped : error_text(err));
	return EXIT_UNDECODABLE;
}

/* Hex from the arguments, or from standard input when there are none. */
static enum exit_code decode_hex(struct input *in, char **arguments, int count)
{
	if (count == 0 && input_read(in, stdin, "standard input") != 0)
		return EXIT_USAGE;
	for (int i = 0; i < count; i++) {
		input_add(in, arguments[i], strlen(arguments[i]));
		input_add(in, " ", 1);
	}
	if (input_unhex(in) != 0)
		return EXIT_UNDECODABLE;
	return decode(in, input_is_frames(in));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "message", required_argument, NULL, 'm' },
		{ "frames", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct input in = { 0 };
	const char *path = NULL;
	bool frames = false;
	enum exit_code result;
	int option;

	while ((option = getopt_long(argc, argv, "m:f:hV", options, NULL)) != -1) {
		switch (option) {
		case 'm':
		case 'f':
			if (path != NULL) {
				fputs("peal-decode: only one of --message and --frames, once\n", stderr);
				return EXIT_USAGE;
			}
			path = optarg;
			frames = option == 'f';
			break;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_DECODED;
		case 'V':
			puts("peal-decode " PEAL_VERSION);
			return EXIT_DECODED;
		default:
			fputs("Try 'peal-decode --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (path != NULL && optind < argc) {
		fprintf(stderr, "peal-decode: '%s': hex and a file do not go together\n", argv[optind]);
		return EXIT_USAGE;
	}
	if (path == NULL)
		result = decode_hex(&in, argv + optind, argc - optind);
	else if (input_read_file(&in, path) != 0)
		result = EXIT_USAGE;
	else
		result = decode(&in, frames);
	free(in.data);
	return result;
}
