/* SPDX-License-Identifier: MIT */
/* Tests of host_dh.c. */
#include "crypto/host_dh.h"

#include <openssl/bn.h>

#include "test/unit/crypto/hex.h"
#include "test/unit/run.h"

static const struct {
	enum host_dh_group group;
	size_t public, shared; /* bytes */
	bool is_curve;
} groups[] = {
	{ HOST_DH_MODP_1536, 192, 192, false }, { HOST_DH_MODP_3072, 384, 384, false },
	{ HOST_DH_P256, 64, 32, true },         { HOST_DH_P384, 96, 48, true },
	{ HOST_DH_P521, 132, 66, true },        { HOST_DH_SECP160R1, 40, 20, true },
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

START_TEST(both_ends_agree_in_every_group)
{
	struct host_dh_maker maker = { 0 };

	for (size_t i = 0; i < GROUPS; i++) {
		uint8_t a_public[HOST_DH_PUBLIC_MAX], b_public[HOST_DH_PUBLIC_MAX];
		uint8_t a_shared[HOST_DH_SHARED_MAX], b_shared[HOST_DH_SHARED_MAX];
		size_t a_len, b_len, len;
		struct host_dh *a, *b;

		ck_assert_int_eq(host_dh_new(&maker, groups[i].group, &a, a_public, &a_len), 0);
		ck_assert_int_eq(host_dh_new(&maker, groups[i].group, &b, b_public, &b_len), 0);
		ck_assert_uint_eq(a_len, groups[i].public);
		ck_assert_uint_eq(b_len, groups[i].public);
		ck_assert_mem_ne(a_public, b_public, a_len);
		ck_assert_int_eq(host_dh_shared(a, slice_of(b_public, b_len), a_shared, &len), 0);
		ck_assert_uint_eq(len, groups[i].shared);
		ck_assert_int_eq(host_dh_shared(b, slice_of(a_public, a_len), b_shared, &len), 0);
		ck_assert_uint_eq(len, groups[i].shared);
		ck_assert_mem_eq(a_shared, b_shared, len);
		/* Once more: an R1's pair serves several I2s. */
		ck_assert_int_eq(host_dh_shared(b, slice_of(a_public, a_len), a_shared, &len), 0);
		ck_assert_mem_eq(a_shared, b_shared, len);
		host_dh_free(a);
		host_dh_free(b);
	}
	host_dh_maker_free(&maker);
}
END_TEST

struct vector {
	enum host_dh_group group;
	const char *i, *gi, *r, *gr, *shared;
};

static void check_vector(const struct vector *v)
{
	struct hex_bytes i = hex(v->i), gi = hex(v->gi), r = hex(v->r), gr = hex(v->gr), shared = hex(v->shared);
	uint8_t out[HOST_DH_SHARED_MAX];
	struct host_dh *dh;
	size_t len;

	ck_assert_int_eq(host_dh_import(v->group, hex_slice(&i), hex_slice(&gi), &dh), 0);
	ck_assert_int_eq(host_dh_shared(dh, hex_slice(&gr), out, &len), 0);
	ck_assert(slice_equal(slice_of(out, len), hex_slice(&shared)));
	host_dh_free(dh);
	ck_assert_int_eq(host_dh_import(v->group, hex_slice(&r), hex_slice(&gr), &dh), 0);
	ck_assert_int_eq(host_dh_shared(dh, hex_slice(&gi), out, &len), 0);
	ck_assert(slice_equal(slice_of(out, len), hex_slice(&shared)));
	host_dh_free(dh);
}

START_TEST(shared_value_fits_rfc_5903)
{
	static const struct vector p256 = {
		HOST_DH_P256,
		"C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
		"DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180"
		"5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3",
		"C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53",
		"D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
		"56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
		"D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE",
	};
	static const struct vector p384 = {
		HOST_DH_P384,
		"099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF896783AB194",
		"667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6DE3AC808ACB4BDB4C88732AEE95F41AA"
		"9482ED1FC0EEB9CAFC4984625CCFC23F65032149E0E144ADA024181535A0F38EEB9FCFF3C2C947DAE69B4C634573A81C",
		"41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942E0308312916B8ED2960E4BD55A7448FC",
		"E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D0D1AC43A0336DEF96FDA41D0774A3571"
		"DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FFF83FA40142209DFF5EAAD96DB9E6386C",
		"11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A270F59746",
	};

	check_vector(&p256);
	check_vector(&p384);
}
END_TEST

START_TEST(small_shared_value_keeps_its_zeroes)
{
	/* 2 to the power of 1, and of 3: with private numbers that nobody would draw, Kij is 8, in 192 bytes. */
	uint8_t one[1] = { 1 }, two[1] = { 2 }, eight[192] = { 0 }, out[HOST_DH_SHARED_MAX];
	struct host_dh *dh;
	size_t len;

	eight[191] = 8;
	ck_assert_int_eq(host_dh_import(HOST_DH_MODP_1536, slice_of(one, 1), slice_of(two, 1), &dh), 0);
	ck_assert_int_eq(host_dh_shared(dh, slice_of(eight, sizeof(eight)), out, &len), 0);
	ck_assert(slice_equal(slice_of(out, len), slice_of(eight, sizeof(eight))));
	/* A number without the zeroes in front is the same number. */
	ck_assert_int_eq(host_dh_shared(dh, slice_of(eight + 191, 1), out, &len), 0);
	ck_assert(slice_equal(slice_of(out, len), slice_of(eight, sizeof(eight))));
	host_dh_free(dh);
}
END_TEST

/* p of a MODP group. */
static BIGNUM *prime_of(enum host_dh_group group)
{
	return group == HOST_DH_MODP_1536 ? BN_get_rfc3526_prime_1536(NULL) : BN_get_rfc3526_prime_3072(NULL);
}

START_TEST(modp_value_outside_the_group_is_refused)
{
	struct host_dh_maker maker = { 0 };

	for (size_t i = 0; i < 2; i++) {
		uint8_t value[HOST_DH_PUBLIC_MAX], out[HOST_DH_SHARED_MAX];
		BIGNUM *p = prime_of(groups[i].group), *x = BN_new();
		struct host_dh *dh;
		size_t public_len, len;
		int size = (int)groups[i].public;

		ck_assert_int_eq(host_dh_new(&maker, groups[i].group, &dh, value, &public_len), 0);
		/* 0, 1, p - 1, p, p + 1, and p - 4: a square's negative, which is none. */
		for (int k = 0; k < 6; k++) {
			ck_assert_int_eq(k < 2 ? BN_set_word(x, (BN_ULONG)k) : BN_copy(x, p) != NULL, 1);
			ck_assert_int_eq(k == 2 ? BN_sub_word(x, 1) : k == 4 ? BN_add_word(x, 1) :
					 k == 5 ? BN_sub_word(x, 4) : 1, 1);
			ck_assert_int_eq(BN_bn2binpad(x, value, size), size);
			ck_assert_int_eq(host_dh_shared(dh, slice_of(value, (size_t)size), out, &len), ERR_MALFORMED);
		}
		ck_assert_int_eq(host_dh_shared(dh, SLICE_EMPTY, out, &len), ERR_MALFORMED);
		memset(value, 0, sizeof(value));
		ck_assert_int_eq(host_dh_shared(dh, slice_of(value, 1), out, &len), ERR_MALFORMED);
		host_dh_free(dh);
		BN_free(p);
		BN_free(x);
	}
	host_dh_maker_free(&maker);
}
END_TEST

START_TEST(point_off_the_curve_is_refused)
{
	struct host_dh_maker maker = { 0 };

	for (size_t i = 0; i < GROUPS; i++) {
		uint8_t own[HOST_DH_PUBLIC_MAX], value[HOST_DH_PUBLIC_MAX + 1] = { 0 }, out[HOST_DH_SHARED_MAX];
		struct host_dh *dh;
		size_t public_len, len;

		if (!groups[i].is_curve)
			continue;
		ck_assert_int_eq(host_dh_new(&maker, groups[i].group, &dh, own, &public_len), 0);
		/* (0, 0), what stands for infinity at times. */
		ck_assert_int_eq(host_dh_shared(dh, slice_of(value, public_len), out, &len), ERR_MALFORMED);
		memcpy(value, own, public_len);
		value[public_len - 1] ^= 1;
		ck_assert_int_eq(host_dh_shared(dh, slice_of(value, public_len), out, &len), ERR_MALFORMED);
		memset(value, 0xff, sizeof(value)); /* coordinates beyond p */
		ck_assert_int_eq(host_dh_shared(dh, slice_of(value, public_len), out, &len), ERR_MALFORMED);
		/* Not a byte more or less, the 04 in front included. */
		memcpy(value + 1, own, public_len);
		value[0] = 4;
		ck_assert_int_eq(host_dh_shared(dh, slice_of(value, public_len + 1), out, &len), ERR_MALFORMED);
		for (size_t n = 0; n < public_len; n++)
			ck_assert_int_eq(host_dh_shared(dh, slice_of(own, n), out, &len), ERR_MALFORMED);
		host_dh_free(dh);
	}
	host_dh_maker_free(&maker);
}
END_TEST

START_TEST(other_groups_are_not_supported)
{
	static const int others[] = { 0, 1, 2, 5, 6, 11, 255 };
	struct host_dh_maker maker = { 0 };
	uint8_t public[HOST_DH_PUBLIC_MAX];
	struct host_dh *dh;
	size_t len;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_int_eq(host_dh_new(&maker, (enum host_dh_group)others[i], &dh, public, &len),
				 ERR_UNSUPPORTED);
		ck_assert_ptr_null(dh);
	}
	host_dh_free(NULL);
	host_dh_maker_free(&maker);
}
END_TEST

int main(void)
{
	return RUN_TESTS("host dh", both_ends_agree_in_every_group, shared_value_fits_rfc_5903,
			 small_shared_value_keeps_its_zeroes, modp_value_outside_the_group_is_refused,
			 point_off_the_curve_is_refused, other_groups_are_not_supported);
}
