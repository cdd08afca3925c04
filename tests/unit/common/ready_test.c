#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd_pass.h"
#include "common/ready.h"

static int
bind_manager(const char *name, char *shown, size_t room_bytes)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	size_t len;

	snprintf(shown, room_bytes, "%s.%ld", name, (long)getpid());
	len = strlen(shown);
	memcpy(a.sun_path, shown, len);
	if (shown[0] == '@')
		a.sun_path[0] = '\0';
	else
		len++;
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
	    0);
	return fd;
}

static void
assert_told(int fd, const char *start)
{
	char text[128];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(n > 0);
	text[n] = '\0';
	assert_memory_equal(text, start, strlen(start));
}

static void
tells_manager(const char *name)
{
	char shown[64];
	int fd = bind_manager(name, shown, sizeof(shown));

	setenv("NOTIFY_SOCKET", shown, 1);
	ready_init();
	assert_null(getenv("NOTIFY_SOCKET"));
	ready_tell(READY_UP);
	assert_told(fd, "READY=1");
	ready_tell(READY_RELOADING);
	assert_told(fd, "RELOADING=1\nMONOTONIC_USEC=");
	ready_tell(READY_STOPPING);
	assert_told(fd, "STOPPING=1");
	close(fd);
	if (shown[0] == '/')
		unlink(shown);
}

static void
tells_a_manager_behind_a_path(void **state)
{
	(void)state;
	tells_manager("/tmp/ready_test");
}

static void
tells_a_manager_behind_an_abstract_name(void **state)
{
	(void)state;
	tells_manager("@ready_test");
}

static void
gives_a_descriptor_to_the_manager(void **state)
{
	char shown[64], text[64];
	int fd = bind_manager("@ready_keep", shown, sizeof(shown));
	int kept[2], got = -1;
	unsigned n_fds;

	(void)state;
	assert_int_equal(pipe(kept), 0);
	setenv("NOTIFY_SOCKET", shown, 1);
	ready_init();
	ready_keep(kept[1], "page");
	assert_told(fd, "FDSTOREREMOVE=1\nFDNAME=page");
	assert_int_equal(
	    fd_pass_receive(fd, text, sizeof(text), &got, 1, &n_fds, false),
	    strlen("FDSTORE=1\nFDNAME=page"));
	assert_memory_equal(text, "FDSTORE=1\nFDNAME=page", 21);
	assert_int_equal(n_fds, 1);
	assert_int_equal(write(got, "x", 1), 1);
	assert_int_equal(read(kept[0], text, 1), 1);
	close(got);
	close(kept[0]);
	close(kept[1]);
	close(fd);
}

static void
does_not_mind_a_manager_that_is_gone(void **state)
{
	(void)state;
	setenv("NOTIFY_SOCKET", "/tmp/no/such/socket", 1);
	ready_init();
	ready_tell(READY_UP);
	ready_keep(STDERR_FILENO, "page");
	assert_null(getenv("NOTIFY_SOCKET"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_a_manager_behind_a_path),
		cmocka_unit_test(tells_a_manager_behind_an_abstract_name),
		cmocka_unit_test(gives_a_descriptor_to_the_manager),
		cmocka_unit_test(does_not_mind_a_manager_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
