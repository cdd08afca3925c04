/*
 * The signer as its workers and its master see it: a real process on the
 * other end of real channels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "common/bytes.h"
#include "common/check.h"
#include "tests/unit/tlsd/signer_fixture.h"
#include "tlsd/protocol.h"

#define CONTEXT "TLS 1.3, server CertificateVerify"

static struct conf conf;
static EVP_PKEY *rsa_key, *ec_key;

static const char site[] = "[site]\nnames = a.test\n[tls]\n"
			   "certificate = ../rsa.pem\nkey = ../rsa.key\n"
			   "certificate = ../ec.pem\nkey = ../ec.key\n"
			   "[route r]\nprefix = /\npool = p\n[pool p]\n"
			   "server = https://h\ntls_ca = ../ec.pem\n"
			   "tls_certificate = ../ec.pem\n"
			   "tls_key = ../ec.key\n";
#define N_KEYS 3
#define POOL_KEY 2

static int
set_up(void **state)
{
	X509 *rsa, *ec;

	(void)state;
	make_dir();
	rsa_key = make_key("RSA", NULL);
	ec_key = make_key("EC", "P-256");
	rsa = make_cert(rsa_key, &(struct cert_spec){ .cn = "a.test" });
	ec = make_cert(ec_key, &(struct cert_spec){ .cn = "a.test" });
	write_pair("rsa", rsa, rsa_key);
	write_pair("ec", ec, ec_key);
	X509_free(rsa);
	X509_free(ec);
	write_file("sites/a.ini", site);
	conf_load(&conf);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	conf_unload(&conf);
	EVP_PKEY_free(rsa_key);
	EVP_PKEY_free(ec_key);
	remove_dir();
	return 0;
}

/* channels ---------------------------------------------------------------- */

static struct slice
receive(int fd, char in[PROTOCOL_MAX_MESSAGE])
{
	ssize_t n = recv(fd, in, PROTOCOL_MAX_MESSAGE, 0);

	return (struct slice){ in, n > 0 ? (size_t)n : 0 };
}

static void
skip_greeting(int fd)
{
	char in[PROTOCOL_MAX_MESSAGE];
	struct slice s;
	uint16_t no;

	for (unsigned i = 0; i < N_KEYS; i++) {
		assert_true(protocol_decode_key(receive(fd, in), &no, &s));
		assert_int_equal(no, i);
	}
}

static void
start_greeted(struct signer *s)
{
	signer_start_ready(s, &conf);
	for (unsigned i = 0; i < SIGNER_CHANNELS; i++)
		skip_greeting(s->channel[i]);
}

static void
stop(struct signer *s)
{
	signer_order(s, CHILD_STOP, 0, -1);
	assert_int_equal(signer_wait(s), 0);
	for (unsigned i = 0; i < SIGNER_CHANNELS; i++)
		close(s->channel[i]);
	close(s->control);
}

static struct slice
certificate_verify(char out[256])
{
	memset(out, ' ', 64);
	memcpy(out + 64, CONTEXT, sizeof(CONTEXT));
	memset(out + 64 + sizeof(CONTEXT), 0xa5, 32);
	return (struct slice){ out, 64 + sizeof(CONTEXT) + 32 };
}

static struct slice
client_certificate_verify(char out[256])
{
	struct slice s = certificate_verify(out);

	memcpy(out + 64 + strlen("TLS 1.3, "), "client", 6);
	return s;
}

/* Randoms of TLS 1.2, and whatever is said to be a point. */
static struct slice
exchange_of(char out[256], uint8_t group, const void *point, size_t len)
{
	memset(out, 0, 256);
	memcpy(out + 56, "DOWNGRD\1\3", 9);
	out[66] = (char)group;
	out[67] = (char)len;
	memcpy(out + 68, point, len);
	return (struct slice){ out, 68 + len };
}

/* The same of TLS 1.1, with X25519. */
static struct slice
old_key_exchange(char out[256])
{
	struct slice s = exchange_of(out, 29, (char[32]){ 1 }, 32);

	out[63] = 0;
	return s;
}

static size_t
point_of_curve(int nid, unsigned char out[133])
{
	EC_GROUP *curve = EC_GROUP_new_by_curve_name(nid);
	size_t len = EC_POINT_point2oct(curve, EC_GROUP_get0_generator(curve),
	    POINT_CONVERSION_UNCOMPRESSED, out, 133, NULL);

	EC_GROUP_free(curve);
	return len;
}

static void
ask(int fd, enum sign_algorithm a, uint16_t key_no, struct slice tbs)
{
	struct sign_request r = { a, key_no, 7, tbs };
	static char out[PROTOCOL_MAX_REQUEST];
	size_t n = protocol_encode_request(&r, out, sizeof(out));

	assert_int_equal(send(fd, out, n, 0), n);
}

static enum sign_status
reply(int fd, char signature[PROTOCOL_MAX_MESSAGE], size_t *len)
{
	char in[PROTOCOL_MAX_MESSAGE];
	struct sign_reply r;

	assert_true(protocol_decode_reply(receive(fd, in), &r));
	memcpy(signature, r.signature.p, r.signature.len);
	*len = r.signature.len;
	return r.status;
}

/* The signature is good. */
static void
assert_signs_with(int fd, uint16_t key_no, struct slice s)
{
	char signature[PROTOCOL_MAX_MESSAGE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t len;

	ask(fd, SIGN_ECDSA_SHA256, key_no, s);
	assert_int_equal(reply(fd, signature, &len), SIGN_OK);
	assert_int_equal(
	    EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, ec_key), 1);
	assert_int_equal(EVP_DigestVerify(md, (unsigned char *)signature, len,
			     (const unsigned char *)s.p, s.len),
	    1);
	EVP_MD_CTX_free(md);
}

/* An open, working channel. */
static void
assert_signs(int fd)
{
	char tbs[256];

	assert_signs_with(fd, 1, certificate_verify(tbs));
}

static void
assert_is_closed(int fd)
{
	char in[PROTOCOL_MAX_MESSAGE];

	assert_int_equal(recv(fd, in, sizeof(in), 0), 0);
}

/* tests ------------------------------------------------------------------- */

static void
greets_each_channel_with_the_keys(void **state)
{
	char in[PROTOCOL_MAX_MESSAGE];
	unsigned char *der = NULL;
	int der_bytes = i2d_PUBKEY(rsa_key, &der);
	struct signer s;
	struct slice spki;
	uint16_t no;

	(void)state;
	signer_start_ready(&s, &conf);
	assert_true(protocol_decode_key(receive(s.channel[0], in), &no, &spki));
	assert_true(
	    slice_eq(spki, (struct slice){ (char *)der, (size_t)der_bytes }));
	assert_true(protocol_decode_key(receive(s.channel[0], in), &no, &spki));
	skip_greeting(s.channel[1]);
	OPENSSL_free(der);
	stop(&s);
}

static void
signs_what_a_tls_server_signs(void **state)
{
	struct signer s;

	(void)state;
	start_greeted(&s);
	assert_signs(s.channel[0]);
	assert_signs(s.channel[1]);
	assert_signs(s.channel[0]);
	stop(&s);
}

/* The longest that may be asked for: a server lists many CAs. */
static void
signs_what_a_tls_client_signs_with_the_key_of_a_pool(void **state)
{
	static const char types[] = { 1, 2, 11, 13, 14, 11, 16 };
	static char run[PROTOCOL_MAX_TBS];
	struct slice s = { run, 0 };
	char tbs[256];
	struct signer signer;

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		size_t len = types[i] == 13 ? sizeof(run) - 28 : 0;

		put_be32(run + s.len, (uint32_t)types[i] << 24 | (uint32_t)len);
		s.len += 4 + len;
	}
	assert_int_equal(s.len, sizeof(run));
	start_greeted(&signer);
	assert_signs_with(
	    signer.channel[0], POOL_KEY, client_certificate_verify(tbs));
	assert_signs_with(signer.channel[0], POOL_KEY, s);
	stop(&signer);
}

static void
answers_many_requests_of_one_channel_in_order(void **state)
{
	char tbs[256], in[PROTOCOL_MAX_MESSAGE], out[PROTOCOL_MAX_MESSAGE];
	struct sign_request r = { SIGN_ECDSA_SHA256, 1, 0,
		certificate_verify(tbs) };
	struct sign_reply got;
	struct signer s;

	(void)state;
	start_greeted(&s);
	for (r.id = 1; r.id <= 100; r.id++) {
		size_t n = protocol_encode_request(&r, out, sizeof(out));

		assert_int_equal(send(s.channel[0], out, n, 0), n);
	}
	for (uint32_t id = 1; id <= 100; id++) {
		assert_true(
		    protocol_decode_reply(receive(s.channel[0], in), &got));
		assert_int_equal(got.id, id);
		assert_int_equal(got.status, SIGN_OK);
	}
	stop(&s);
}

/* The one channel ends, the other and the process live on. */
static void
assert_refused(struct signer *s, const char *message, size_t len)
{
	char signature[PROTOCOL_MAX_MESSAGE];
	int pair[2];
	size_t n;

	make_pair(pair, SOCK_SEQPACKET);
	signer_order(s, CHILD_PEER, 0, pair[1]);
	close(pair[1]);
	skip_greeting(pair[0]);
	assert_int_equal(send(pair[0], message, len, 0), len);
	assert_int_equal(reply(pair[0], signature, &n), SIGN_REFUSED);
	assert_int_equal(n, 0);
	assert_is_closed(pair[0]);
	close(pair[0]);
	assert_signs(s->channel[1]);
}

static void
ends_the_channel_of_who_asks_for_anything_else(void **state)
{
	char tbs[256], old_tbs[256], client_tbs[256];
	char message[PROTOCOL_MAX_MESSAGE];
	struct slice legal = certificate_verify(tbs);
	struct slice client = client_certificate_verify(client_tbs);
	struct slice old = old_key_exchange(old_tbs);
	const struct sign_request illegal[] = {
		/* the site does not speak TLS 1.0 or 1.1 */
		{ SIGN_RSA_PKCS1_MD5_SHA1, 0, 7, old },
		{ SIGN_ECDSA_SHA1, 1, 7, old },
		{ SIGN_ECDSA_SHA256, 0, 7, legal },      /* an RSA key */
		{ SIGN_RSA_PSS_SHA256, 1, 7, legal },    /* an EC key */
		{ SIGN_ED25519, 1, 7, legal },           /* an EC key */
		{ SIGN_RSA_PKCS1_SHA256, 0, 7, legal },  /* never in 1.3 */
		{ SIGN_ECDSA_SHA256, N_KEYS, 7, legal }, /* no such key */
		{ SIGN_ECDSA_SHA256, 65535, 7, legal },
		{ SIGN_ECDSA_SHA256, 1, 0, legal }, /* no id */
		/* each kind of key for its own side */
		{ SIGN_ECDSA_SHA256, POOL_KEY, 7, legal },
		{ SIGN_ECDSA_SHA256, 1, 7, client },
		{ SIGN_ECDSA_SHA256, 1, 7, SLICE("hello") },
		{ SIGN_ECDSA_SHA256, 1, 7, slice_first(legal, 129) },
	};
	struct signer s;

	(void)state;
	start_greeted(&s);
	for (size_t i = 0; i < ARRAY_LEN(illegal); i++)
		assert_refused(&s, message,
		    protocol_encode_request(
			&illegal[i], message, sizeof(message)));
	assert_refused(&s, "S", 1);
	assert_refused(&s, "R\0\0\0\0\0\0\1x", 9);
	memset(message, 'S', sizeof(message));
	assert_refused(&s, message, sizeof(message));
	stop(&s);
}

/*
 * To be signed in a certificate for "evil" by "p", with all the fixed bytes
 * of a key exchange over P-521 within its serial number.
 */
static const char certificate[] =
    "0\201\306\240\003\002\001\002"
    "\002E\021\021\021\021\021\021\021\021\021\021\021\021\021\021\021"
    "\021\021\021\021\021\021\021\021\021\021\021\021\021\021\021\021\021"
    "\021\021\021\021\021\021\021\021\021\021\021\021\021\021"
    "DOWNGRD\001\003\000\031\205\004"
    "\021\021\021\021\021\021\021\021\021\021"
    "0\015\006\011*\206H\206\367\015\001\001\013\005\000"
    "0\0141\0120\010\006\003U\004\003\014\001p"
    "0\036\027\015260101000000Z\027\015360101000000Z"
    "0\0171\0150\013\006\003U\004\003\014\004evil"
    "0*0\005\006\003+ep\003!\000"
    "\021\021\021\021\021\021\021\021\021\021\021\021\021\021\021\021"
    "\021\021\021\021\021\021\021\021\021\021\021\021\021\021\021\021";

static void
signs_no_certificate_where_a_point_would_be(void **state)
{
	struct sign_request r = { SIGN_RSA_PKCS1_SHA256, 0, 7,
		{ certificate, sizeof(certificate) - 1 } };
	char message[PROTOCOL_MAX_MESSAGE];
	struct signer s;

	(void)state;
	assert_true(protocol_is_tls_structure(r.algorithm, r.tbs));
	start_greeted(&s);
	assert_refused(
	    &s, message, protocol_encode_request(&r, message, sizeof(message)));
	stop(&s);
}

static void
signs_points_that_are_on_their_curve_and_no_others(void **state)
{
	static const struct {
		uint8_t group;
		int nid;
	} curves[] = { { 23, NID_X9_62_prime256v1 }, { 24, NID_secp384r1 },
		{ 25, NID_secp521r1 } };
	char tbs[256], message[PROTOCOL_MAX_MESSAGE];
	unsigned char point[133];
	struct signer s;

	(void)state;
	start_greeted(&s);
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		size_t len = point_of_curve(curves[i].nid, point), n;
		struct sign_request r = { SIGN_ECDSA_SHA256, 1, 7,
			exchange_of(tbs, curves[i].group, point, len) };

		ask(s.channel[1], r.algorithm, r.key_no, r.tbs);
		assert_int_equal(reply(s.channel[1], message, &n), SIGN_OK);
		tbs[67 + len] ^= 1;
		assert_refused(&s, message,
		    protocol_encode_request(&r, message, sizeof(message)));
	}
	stop(&s);
}

static void
survives_a_worker_that_never_reads(void **state)
{
	char tbs[256], out[PROTOCOL_MAX_MESSAGE];
	struct sign_request r = { SIGN_ECDSA_SHA256, 1, 1,
		certificate_verify(tbs) };
	size_t n = protocol_encode_request(&r, out, sizeof(out));
	struct signer s;

	(void)state;
	start_greeted(&s);
	/* until neither the replies nor, then, the requests fit any more */
	for (;;) {
		struct timespec pause = { 0, 20 * 1000 * 1000 };

		if (send(s.channel[0], out, n, MSG_DONTWAIT) > 0)
			continue;
		nanosleep(&pause, NULL);
		if (send(s.channel[0], out, n, MSG_DONTWAIT) < 0)
			break;
	}
	assert_signs(s.channel[1]);
	stop(&s);
}

static void
drains_until_the_last_channel_has_closed(void **state)
{
	struct signer s;

	(void)state;
	start_greeted(&s);
	signer_order(&s, CHILD_DRAIN, 1000, -1);
	assert_signs(s.channel[0]);
	close(s.channel[0]);
	assert_signs(s.channel[1]);
	close(s.channel[1]);
	assert_int_equal(signer_wait(&s), 0);
	close(s.control);
}

static void
goes_on_without_workers_until_told_otherwise(void **state)
{
	int pair[2];
	struct signer s;

	(void)state;
	start_greeted(&s);
	close(s.channel[0]);
	close(s.channel[1]);
	make_pair(pair, SOCK_SEQPACKET);
	signer_order(&s, CHILD_PEER, 1, pair[1]);
	close(pair[1]);
	skip_greeting(pair[0]);
	assert_signs(pair[0]);
	s.channel[0] = pair[0];
	s.channel[1] = dup(pair[0]);
	stop(&s);
}

static void
dies_with_its_master(void **state)
{
	struct signer s;

	(void)state;
	start_greeted(&s);
	close(s.control);
	assert_int_equal(signer_wait(&s), 0);
	assert_is_closed(s.channel[0]);
	close(s.channel[0]);
	close(s.channel[1]);
}

/* The report of a start that fails with the file as it is now. */
static void
assert_start_fails(const char *words)
{
	char text[256];
	struct signer s;

	signer_start(&s, &conf);
	assert_false(signer_report(&s, text));
	if (strstr(text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text, words);
	assert_int_equal(signer_wait(&s), 1);
	for (unsigned i = 0; i < SIGNER_CHANNELS; i++)
		close(s.channel[i]);
	close(s.control);
}

static void
names_the_key_file_that_is_wrong(void **state)
{
	EVP_PKEY *other = make_key("EC", "P-256");
	FILE *f;

	(void)state;
	write_key("ec.key", other);
	assert_start_fails("ec.key: the key does not match the certificate");
	f = fopen(in_dir("ec.key"), "w");
	PEM_write_PKCS8PrivateKey(
	    f, ec_key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
	fclose(f);
	assert_start_fails("ec.key: the key is encrypted");
	write_file("ec.key", "nothing\n");
	assert_start_fails("ec.key: no private key in PEM form");
	unlink(in_dir("ec.key"));
	assert_start_fails("ec.key: No such file or directory");
	write_key("ec.key", ec_key);
	EVP_PKEY_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greets_each_channel_with_the_keys),
		cmocka_unit_test(signs_what_a_tls_server_signs),
		cmocka_unit_test(
		    signs_what_a_tls_client_signs_with_the_key_of_a_pool),
		cmocka_unit_test(answers_many_requests_of_one_channel_in_order),
		cmocka_unit_test(
		    ends_the_channel_of_who_asks_for_anything_else),
		cmocka_unit_test(signs_no_certificate_where_a_point_would_be),
		cmocka_unit_test(
		    signs_points_that_are_on_their_curve_and_no_others),
		cmocka_unit_test(survives_a_worker_that_never_reads),
		cmocka_unit_test(drains_until_the_last_channel_has_closed),
		cmocka_unit_test(goes_on_without_workers_until_told_otherwise),
		cmocka_unit_test(dies_with_its_master),
		cmocka_unit_test(names_the_key_file_that_is_wrong),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
