/* SPDX-License-Identifier: MIT */
/* Tests of host_suite.c and host_cipher.c with the vectors of RFC 5869, RFC 4868 and RFC 3602. */
#include "crypto/host_suite.h"

#include "crypto/host_cipher.h"
#include "test/unit/crypto/hex.h"
#include "test/unit/run.h"

static void check_derive(const char *input, const char *salt, const char *info, const char *wanted)
{
	struct hex_bytes ikm = hex(input), s = hex(salt), i = hex(info), okm = hex(wanted);
	struct host_suite suite;
	uint8_t out[128];

	host_suite_init(&suite);
	/* A key is longer than one step hands out, and is cut anywhere. */
	for (size_t len = 0; len <= okm.len; len++) {
		memset(out, 0xee, sizeof(out));
		ck_assert_int_eq(host_suite_derive(&suite, HIT_SUITE_RSA, hex_slice(&s), hex_slice(&ikm), hex_slice(&i),
						   out, len), 0);
		ck_assert_mem_eq(out, okm.bytes, len);
		ck_assert_uint_eq(out[len], 0xee);
	}
	host_suite_free(&suite);
}

START_TEST(derive_fits_rfc_5869_a_1)
{
	check_derive("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
		     "f0f1f2f3f4f5f6f7f8f9",
		     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}
END_TEST

START_TEST(derive_fits_rfc_5869_a_2)
{
	check_derive("000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f"
		     "202122232425262728292a2b2c2d2e2f 303132333435363738393a3b3c3d3e3f "
		     "404142434445464748494a4b4c4d4e4f",
		     "606162636465666768696a6b6c6d6e6f 707172737475767778797a7b7c7d7e7f"
		     "808182838485868788898a8b8c8d8e8f 909192939495969798999a9b9c9d9e9f "
		     "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
		     "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf e0e1e2e3e4e5e6e7e8e9eaebecedeeef "
		     "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		     "b11e398dc80327a1c8e7f78c596a4934 4f012eda2d4efad8a050cc4c19afa97c"
		     "59045a99cac7827271cb41c65e590e09 da3275600c2f09b8367793a9aca3db71 "
		     "cc30c58179ec3e87c14c01d5c1f3434f"
		     "1d87");
}
END_TEST

START_TEST(derive_fits_rfc_5869_a_3)
{
	check_derive("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
		     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}
END_TEST

START_TEST(derive_refuses_too_much_and_other_suites)
{
	static uint8_t out[255 * 48 + 1];
	struct host_suite suite;

	host_suite_init(&suite);
	ck_assert_int_eq(host_suite_derive(&suite, HIT_SUITE_ECDSA, SLICE_EMPTY, slice_text("k"), SLICE_EMPTY, out,
					   sizeof(out) - 1), 0);
	ck_assert_int_eq(host_suite_derive(&suite, HIT_SUITE_ECDSA, SLICE_EMPTY, slice_text("k"), SLICE_EMPTY, out,
					   sizeof(out)), ERR_LIMIT);
	ck_assert_int_eq(host_suite_derive(&suite, HIT_SUITE_ECDSA_LOW, SLICE_EMPTY, slice_text("k"), SLICE_EMPTY, out,
					   1), ERR_UNSUPPORTED);
	host_suite_free(&suite);
}
END_TEST

START_TEST(mac_fits_rfc_4868)
{
	struct hex_bytes key_256 = hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
	struct hex_bytes key_384 = hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
				       "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
	struct hex_bytes tag_256 = hex("198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
	struct hex_bytes tag_384 = hex("b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee9737a959796489bddbc"
				       "4c5df61d5b3297b4fb68dab9f1b582c2");
	const struct slice parts[] = { slice_text("Hi"), SLICE_EMPTY, slice_text(" There") };
	struct host_suite suite;
	uint8_t out[HOST_DIGEST_MAX];

	host_suite_init(&suite);
	ck_assert_uint_eq(host_suite_mac(&suite, HIT_SUITE_RSA, hex_slice(&key_256), parts, 3, out), 32);
	ck_assert_mem_eq(out, tag_256.bytes, 32);
	ck_assert_uint_eq(host_suite_mac(&suite, HIT_SUITE_ECDSA, hex_slice(&key_384), parts, 3, out), 48);
	ck_assert_mem_eq(out, tag_384.bytes, 48);
	/* The key before has left nothing behind. */
	(void)host_suite_mac(&suite, HIT_SUITE_RSA, SLICE_EMPTY, parts, 3, out);
	ck_assert_mem_ne(out, tag_256.bytes, 32);
	ck_assert_uint_eq(host_suite_mac(&suite, HIT_SUITE_ECDSA_LOW, SLICE_EMPTY, parts, 3, out), 0);
	host_suite_free(&suite);
}
END_TEST

START_TEST(digest_is_that_of_the_suite)
{
	struct hex_bytes sha_256 = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	struct hex_bytes sha_384 = hex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
				       "8086072ba1e7cc2358baeca134c825a7");
	const struct slice parts[] = { slice_text("a"), slice_text("bc") };
	struct host_suite suite;
	uint8_t out[HOST_DIGEST_MAX];

	host_suite_init(&suite);
	ck_assert_uint_eq(host_suite_digest(&suite, HIT_SUITE_RSA, parts, 2, out), 32);
	ck_assert_mem_eq(out, sha_256.bytes, 32);
	ck_assert_uint_eq(host_suite_digest(&suite, HIT_SUITE_ECDSA, parts, 2, out), 48);
	ck_assert_mem_eq(out, sha_384.bytes, 48);
	ck_assert_uint_eq(host_suite_digest(&suite, HIT_SUITE_ECDSA_LOW, parts, 2, out), 0);
	host_suite_free(&suite);
}
END_TEST

START_TEST(cipher_fits_rfc_3602)
{
	struct hex_bytes key = hex("06a9214036b8a15b512e03d534120006"), iv = hex("3dafba429d9eb430b422da802c9fac41");
	struct hex_bytes wanted = hex("e353779c1079aeb82708942dbe77181a");
	uint8_t sealed[64], opened[64];
	size_t len, opened_len;

	ck_assert_int_eq(host_cipher_encrypt(HOST_CIPHER_AES_128_CBC, hex_slice(&key), iv.bytes,
					     slice_text("Single block msg"), sealed, &len), 0);
	/* A whole block of padding behind it. */
	ck_assert_uint_eq(len, 32);
	ck_assert_mem_eq(sealed, wanted.bytes, 16);
	ck_assert_int_eq(host_cipher_decrypt(HOST_CIPHER_AES_128_CBC, hex_slice(&key), iv.bytes, slice_of(sealed, len),
					     opened, &opened_len), 0);
	ck_assert(slice_equal(slice_of(opened, opened_len), slice_text("Single block msg")));
}
END_TEST

START_TEST(cipher_opens_what_it_sealed_of_any_length)
{
	static const enum host_cipher ciphers[] = {
		HOST_CIPHER_NULL, HOST_CIPHER_AES_128_CBC, HOST_CIPHER_AES_256_CBC,
	};
	uint8_t key[32] = { 1 }, iv[HOST_CBC_IV] = { 2 }, in[50], sealed[66], opened[66];
	size_t len, opened_len;

	memset(in, 7, sizeof(in));
	for (size_t c = 0; c < 3; c++) {
		struct slice k = slice_of(key, (size_t)host_cipher_key_length(ciphers[c]));

		for (size_t n = 0; n <= sizeof(in); n++) {
			ck_assert_int_eq(host_cipher_encrypt(ciphers[c], k, iv, slice_of(in, n), sealed, &len), 0);
			ck_assert_int_eq(host_cipher_decrypt(ciphers[c], k, iv, slice_of(sealed, len), opened,
							     &opened_len), 0);
			ck_assert(slice_equal(slice_of(opened, opened_len), slice_of(in, n)));
		}
	}
}
END_TEST

START_TEST(cipher_refuses_wrong_lengths_keys_and_padding)
{
	uint8_t key[32] = { 1 }, iv[HOST_CBC_IV] = { 2 }, out[80];
	uint8_t sealed[48];
	size_t len, out_len;

	ck_assert_int_eq(host_cipher_encrypt(HOST_CIPHER_AES_128_CBC, slice_of(key, 16), iv, slice_of(key, 20), sealed,
					     &len), 0);
	for (size_t n = 0; n < len; n++)
		if (n % 16 != 0 || n == 0)
			ck_assert_int_eq(host_cipher_decrypt(HOST_CIPHER_AES_128_CBC, slice_of(key, 16), iv,
							     slice_of(sealed, n), out, &out_len), ERR_MALFORMED);
	sealed[15] ^= 0xff; /* the last byte of the padding, in the block behind */
	ck_assert_int_eq(host_cipher_decrypt(HOST_CIPHER_AES_128_CBC, slice_of(key, 16), iv, slice_of(sealed, len), out,
					     &out_len), ERR_MALFORMED);
	ck_assert_int_eq(host_cipher_encrypt(HOST_CIPHER_AES_256_CBC, slice_of(key, 16), iv, SLICE_EMPTY, out, &len),
			 ERR_KEY);
	ck_assert_int_eq(host_cipher_encrypt((enum host_cipher)3, slice_of(key, 16), iv, SLICE_EMPTY, out, &len),
			 ERR_UNSUPPORTED);
	ck_assert_int_eq(host_cipher_key_length((enum host_cipher)3), -1);
}
END_TEST

int main(void)
{
	return RUN_TESTS("host suite", derive_fits_rfc_5869_a_1, derive_fits_rfc_5869_a_2, derive_fits_rfc_5869_a_3,
			 derive_refuses_too_much_and_other_suites, mac_fits_rfc_4868, digest_is_that_of_the_suite,
			 cipher_fits_rfc_3602, cipher_opens_what_it_sealed_of_any_length,
			 cipher_refuses_wrong_lengths_keys_and_padding);
}
