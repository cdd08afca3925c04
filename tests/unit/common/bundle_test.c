#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bundle.h"
#include "common/check.h"

static char folder[64];

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static const char *
write_file(const char *name, struct slice s)
{
	const char *path = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, s.p, s.len), s.len);
	close(fd);
	return path;
}

static void
read_ok(struct bundle *b, const char *path, struct slice want)
{
	struct slice got;
	const char *error = NULL;

	if (!bundle_read(b, path, &got, &error))
		fail_msg("%s: %s", path, error);
	assert_true(slice_eq(got, want));
}

static void
read_fails(struct bundle *b, const char *path, const char *want)
{
	struct slice got;
	const char *error = NULL;
	size_t n = bundle_count(b);

	assert_false(bundle_read(b, path, &got, &error));
	assert_non_null(strstr(error, want));
	assert_int_equal(bundle_count(b), n);
}

static void
the_other_end_sees_every_file_in_order(void **state)
{
	struct bundle *b = bundle_new();
	struct bundle *other;
	struct slice got;

	(void)state;
	read_ok(b, write_file("a.ini", SLICE("[tlsd]\n")), SLICE("[tlsd]\n"));
	read_ok(b, write_file("empty", SLICE("")), SLICE(""));
	read_ok(b, write_file("crl", SLICE("\0\x01\0")), SLICE("\0\x01\0"));
	other = bundle_open(bundle_seal(b));
	assert_non_null(other);
	assert_false(bundle_is_fixed(b));
	assert_true(bundle_is_fixed(other));
	bundle_free(b);

	assert_int_equal(bundle_count(other), 3);
	assert_string_equal(bundle_path(other, 0), path_of("a.ini"));
	assert_string_equal(bundle_path(other, 2), path_of("crl"));
	assert_true(bundle_find(other, path_of("a.ini"), &got));
	assert_true(slice_eq(got, SLICE("[tlsd]\n")));
	assert_true(bundle_find(other, path_of("empty"), &got));
	assert_int_equal(got.len, 0);
	assert_true(bundle_find(other, path_of("crl"), &got));
	assert_true(slice_eq(got, SLICE("\0\x01\0")));
	assert_false(bundle_find(other, path_of("a.in"), &got));
	bundle_free(other);
}

static void
a_file_is_read_once(void **state)
{
	struct bundle *b = bundle_new();
	const char *path = write_file("twice", SLICE("old"));

	(void)state;
	read_ok(b, path, SLICE("old"));
	write_file("twice", SLICE("new"));
	read_ok(b, path, SLICE("old"));
	assert_int_equal(bundle_count(b), 1);
	bundle_free(b);
}

static void
a_child_reads_nothing_that_is_not_in_it(void **state)
{
	struct bundle *b = bundle_new();
	struct bundle *other;
	const char *path = write_file("in", SLICE("here"));

	(void)state;
	read_ok(b, path, SLICE("here"));
	other = bundle_open(bundle_seal(b));
	unlink(path);
	read_ok(other, path, SLICE("here"));
	read_fails(other, write_file("out", SLICE("x")), "not among");
	bundle_free(other);
	bundle_free(b);
}

static void
says_why_a_file_cannot_be_read(void **state)
{
	struct bundle *b = bundle_new();
	const char *path;

	(void)state;
	read_fails(b, "/nonexistent/x", "No such file");
	read_fails(b, folder, "Is a directory");
	read_fails(b, "/dev/null", "not a regular file");
	path = path_of("fifo");
	assert_int_equal(mkfifo(path, 0600), 0);
	read_fails(b, path, "not a regular file");
	path = write_file("large", SLICE(""));
	assert_int_equal(truncate(path, 16 * 1024 * 1024 + 1), 0);
	read_fails(b, path, "larger than 16 MiB");
	bundle_free(b);
}

static void
refuses_a_file_with_a_private_key(void **state)
{
	static const struct slice rows[] = {
		{ "-----BEGIN PRIVATE KEY-----\nMC4\n", 32 },
		{ "x\n-----BEGIN RSA PRIVATE KEY-----\n", 34 },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----", 37 },
	};
	struct bundle *b = bundle_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		read_fails(b, write_file("both.pem", rows[i]), "private key");
	read_ok(b, write_file("c.pem", SLICE("-----BEGIN CERTIFICATE-----")),
	    SLICE("-----BEGIN CERTIFICATE-----"));
	bundle_free(b);
}

static void
what_is_sealed_cannot_be_changed(void **state)
{
	struct bundle *b = bundle_new();
	int fd;

	(void)state;
	read_ok(b, write_file("sealed", SLICE("abc")), SLICE("abc"));
	fd = bundle_seal(b);
	assert_true(fd >= 0);
	assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_ptr_equal(
	    mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
	    MAP_FAILED);
	close(fd);
	bundle_free(b);
}

static int
sealed_copy(const char *p, size_t len, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, p, len), len);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static void
opens_whole_sealed_bundles_only(void **state)
{
	struct bundle *b = bundle_new();
	char bytes[1024];
	ssize_t len;
	int fd;

	(void)state;
	read_ok(b, write_file("part", SLICE("abcdef")), SLICE("abcdef"));
	fd = bundle_seal(b);
	bundle_free(b);
	len = pread(fd, bytes, sizeof(bytes) - 1, 0);
	assert_true(len > 20);
	close(fd);

	for (size_t n = 0; n < (size_t)len; n++)
		assert_null(bundle_open(sealed_copy(bytes, n, ALL_SEALS)));
	bytes[len] = 'x';
	assert_null(
	    bundle_open(sealed_copy(bytes, (size_t)len + 1, ALL_SEALS)));
	assert_null(bundle_open(sealed_copy(bytes, (size_t)len, F_SEAL_GROW)));
	b = bundle_open(sealed_copy(bytes, (size_t)len, ALL_SEALS));
	assert_non_null(b);
	bundle_free(b);
	bytes[0] ^= 1;
	assert_null(bundle_open(sealed_copy(bytes, (size_t)len, ALL_SEALS)));
	assert_null(bundle_open(open("/dev/null", O_RDONLY)));
}

static int
set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/bundle_test.XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = { "a.ini", "empty", "crl", "twice",
		"in", "out", "fifo", "large", "both.pem", "c.pem", "sealed",
		"part" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unlink(path_of(names[i]));
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_other_end_sees_every_file_in_order),
		cmocka_unit_test(a_file_is_read_once),
		cmocka_unit_test(a_child_reads_nothing_that_is_not_in_it),
		cmocka_unit_test(says_why_a_file_cannot_be_read),
		cmocka_unit_test(refuses_a_file_with_a_private_key),
		cmocka_unit_test(what_is_sealed_cannot_be_changed),
		cmocka_unit_test(opens_whole_sealed_bundles_only),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
