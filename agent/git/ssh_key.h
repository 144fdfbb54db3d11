/* ssh_key.h: what a file with a private ssh key shows without its passphrase. */
#ifndef AGENT_GIT_SSH_KEY_H
#define AGENT_GIT_SSH_KEY_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct ssh_key {
	bool locked;	/* it has a passphrase */
	bool rsa;	/* its kind is known to be RSA */
};

/* Reads a file as ssh-keygen writes it, or one in PEM.  False: *err says what is wrong with the file without naming it:
 * "cannot be read: ...", "contains a public key; ...". */
bool ssh_key_inspect(const char *path, struct ssh_key *out, struct err *err);

#endif
