/*
 * ca_files.c - the CA in a directory
 */
#include "proxy/ca_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/config.h"
#include "proxy/read_file.h"

#define CA_CERTIFICATE "ca.pem"
#define CA_KEY "ca.key"
#define CA_LOCK "lock"
#define LABEL_MAX 64

/* All directories of the path that are missing, the last one for its owner alone. */
static int
make_directories(const char *dir)
{
	char path[4096];
	size_t len = strlen(dir);

	if (len == 0 || len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, len + 1);
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static bool
exists(int at, const char *name)
{
	return faccessat(at, name, F_OK, 0) == 0;
}

/* The whole text under its final name, or nothing of it. */
static int
write_whole(int at, const char *name, const char *text, mode_t mode)
{
	char temporary[32];
	size_t len = strlen(text);
	int fd, error = 0;

	snprintf(temporary, sizeof(temporary), ".%s.new", name);
	unlinkat(at, temporary, 0);
	fd = openat(at, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len || fsync(fd) < 0)
		error = errno ? -errno : -EIO;
	close(fd);
	if (!error && renameat(at, temporary, at, name) < 0)
		error = -errno;
	if (error)
		unlinkat(at, temporary, 0);
	return error;
}

/* Whose it is, for people who find it in a list of trusted certificates. */
static void
label_it(char label[LABEL_MAX])
{
	char host[LABEL_MAX] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0')
		snprintf(host, sizeof(host), "local");
	snprintf(label, LABEL_MAX, "%s", host);
	for (char *c = label; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", *c))
			*c = '-';
}

static bool
make_pair(struct tls *t, int at, const char *dir, uint64_t now, struct setup *su)
{
	char label[LABEL_MAX], cert[CA_PEM], key[CA_PEM];
	int error;

	if (exists(at, CA_CERTIFICATE) && exists(at, CA_KEY))
		return true;
	if (exists(at, CA_CERTIFICATE) || exists(at, CA_KEY))
		return wrong(su, "%s has only one of %s and %s; put the other one back, or remove both", dir,
			     CA_CERTIFICATE, CA_KEY);
	label_it(label);
	if (!ca_make(t, label, now, cert, key))
		return wrong(su, "cannot make a CA: no memory or no randomness");
	error = write_whole(at, CA_KEY, key, 0600);
	if (!error)
		error = write_whole(at, CA_CERTIFICATE, cert, 0644);
	if (error)
		unlinkat(at, CA_KEY, 0);
	explicit_bzero(key, sizeof(key));
	return error ? wrong(su, "cannot write the CA to %s: %s", dir, strerror(-error)) : true;
}

bool
ca_files_make(struct tls *t, const char *dir, uint64_t now, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	int error = make_directories(dir), at, lock;

	if (error)
		return wrong(&su, "cannot make the directory %s: %s", dir, strerror(-error));
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return wrong(&su, "cannot open the directory %s: %s", dir, strerror(errno));
	/* What is there needs no lock, and perhaps may not be written. */
	if (exists(at, CA_CERTIFICATE) && exists(at, CA_KEY)) {
		close(at);
		return true;
	}
	lock = openat(at, CA_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool good = lock >= 0 && flock(lock, LOCK_EX) == 0;
	if (!good)
		wrong(&su, "cannot lock %s/%s: %s", dir, CA_LOCK, strerror(errno));
	good = good && make_pair(t, at, dir, now, &su);
	if (lock >= 0)
		close(lock);
	close(at);
	return good;
}

/* NULL and a sentence.  alone: nobody else may be able to read it. */
static char *
read_part(const char *dir, const char *name, bool alone, size_t *len, struct setup *su)
{
	char path[4096];
	const char *why;
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
		wrong(su, "%s: the path is too long", dir);
		return NULL;
	}
	if (alone && stat(path, &st) == 0 && (st.st_mode & 077)) {
		wrong(su, "%s can be read by others (mode %04o): chmod 600 it, or remove it and %s", path,
		      (unsigned)(st.st_mode & 07777), CA_CERTIFICATE);
		return NULL;
	}
	char *text = read_file(path, 65536, "it is longer than 64 KiB", len, &why);
	if (!text)
		wrong(su, "%s: %s; 'sluice ca make' makes a CA", path, why);
	return text;
}

struct tls_ca *
ca_files_read(struct tls *t, const char *dir, uint64_t now, char *pem, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct tls_ca *ca = NULL;
	size_t ncert = 0, nkey = 0;
	char why[256];
	char *cert = read_part(dir, CA_CERTIFICATE, false, &ncert, &su);
	char *key = cert ? read_part(dir, CA_KEY, true, &nkey, &su) : NULL;

	if (key && pem && ncert >= CA_PEM)
		wrong(&su, "%s/%s is longer than %u bytes; it must hold one certificate", dir, CA_CERTIFICATE,
		      CA_PEM - 1);
	else if (key)
		ca = ca_read(t, view_of(cert, ncert), view_of(key, nkey), now, why, sizeof(why));
	if (key && !ca && !(pem && ncert >= CA_PEM))
		wrong(&su, "the CA in %s: %s", dir, why);
	if (ca && pem) {
		memcpy(pem, cert, ncert);
		pem[ncert] = '\0';
	}
	if (key)
		explicit_bzero(key, nkey);
	free(key);
	free(cert);
	return ca;
}
