// SPDX-License-Identifier: Apache-2.0
#include "ipc/dp_unix.h"

#include "dp_log.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int dp_unix_failed(int fd, const char *path, const char *why)
{
	DP_LOG(ERR, "socket %s: %s", path, why);
	if (fd >= 0)
		close(fd);
	return -1;
}

void dp_unix_clear(const char *path, int type)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) && errno == ECONNREFUSED &&
		stat(sun.sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(sun.sun_path);
	close(fd);
}

// /run/weft is not there before somebody makes it. Returns why it cannot be made, or 0: that it is
// not there is all that is said of it later.
static int dp_unix_make_folder(const char *path)
{
	char *copy = strdup(path);
	int why = copy && mkdir(dirname(copy), 0755) ? errno : 0;

	free(copy);
	return why;
}

static const char *dp_unix_why(int folder)
{
	if (errno == EADDRINUSE)
		return "another data plane has it";
	return strerror(errno == ENOENT && folder ? folder : errno);
}

int dp_unix_listen(const char *path, int type)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, rc, folder;

	if (strlen(path) >= sizeof(sun.sun_path))
		return dp_unix_failed(-1, path, "path too long");
	strcpy(sun.sun_path, path);
	folder = dp_unix_make_folder(path);
	dp_unix_clear(path, type);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return dp_unix_failed(fd, path, strerror(errno));
	mask = umask(0077);
	rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (rc || listen(fd, 4))
		return dp_unix_failed(fd, path, dp_unix_why(folder));
	return fd;
}

int dp_unix_accept(int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		(peer.uid == 0 || peer.uid == geteuid()))
		return fd;
	DP_LOG(WARNING, "user %u is not allowed to connect", (unsigned)peer.uid);
	close(fd);
	return -1;
}
