/*
 * The passphrase of encrypted key files.  Runs in the signer before it gives
 * up its rights, and in "tlsd -t".
 *
 * It is the first line of a file that not everybody can read.  With
 * "credential:NAME" the file is in the folder that systemd names in
 * CREDENTIALS_DIRECTORY.
 */
#include "tlsd/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "credential:";

static bool
find_path(const char *where, char path[PATH_MAX], char *error)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	int n;

	if (strncmp(where, prefix, sizeof(prefix) - 1) != 0) {
		n = snprintf(path, PATH_MAX, "%s", where);
	} else if (folder == NULL) {
		(void)snprintf(error, PASSPHRASE_ERROR_MAX,
		    "%s: the service manager has handed over no credentials "
		    "(LoadCredential)",
		    where);
		return false;
	} else {
		n = snprintf(path, PATH_MAX, "%s/%s", folder,
		    where + sizeof(prefix) - 1);
	}
	if (n > 0 && n < PATH_MAX)
		return true;
	(void)snprintf(
	    error, PASSPHRASE_ERROR_MAX, "%s: the path is too long", where);
	return false;
}

static const char *
read_line(int fd, struct passphrase *p)
{
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		return "can be read by everybody, allowed is owner and group: "
		       "chmod 0600";
	n = read(fd, p->text, sizeof(p->text));
	if (n < 0)
		return strerror(errno);
	p->len_bytes = (size_t)n;
	for (size_t i = 0; i < (size_t)n; i++)
		if (p->text[i] == '\n' || p->text[i] == '\r') {
			p->len_bytes = i;
			break;
		}
	if (p->len_bytes == 0)
		return "its first line is empty";
	return p->len_bytes < sizeof(p->text) ? NULL : "is too long";
}

bool
passphrase_read(
    const char *where, struct passphrase *p, char error[PASSPHRASE_ERROR_MAX])
{
	char path[PATH_MAX];
	const char *wrong;
	int fd;

	p->len_bytes = 0;
	p->was_asked = false;
	if (where == NULL)
		return true;
	if (!find_path(where, path, error))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	wrong = read_line(fd, p);
	if (wrong != NULL)
		(void)snprintf(
		    error, PASSPHRASE_ERROR_MAX, "%s: %s", path, wrong);
	if (fd >= 0)
		close(fd);
	return wrong == NULL;
}

int
passphrase_give(char *room, int room_bytes, int writing, void *ctx)
{
	struct passphrase *p = ctx;

	(void)writing;
	p->was_asked = true;
	if (p->len_bytes == 0 || p->len_bytes > (size_t)room_bytes)
		return -1;
	memcpy(room, p->text, p->len_bytes);
	return (int)p->len_bytes;
}
