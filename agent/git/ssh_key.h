/* ssh_key.h: what a file with a private key of ssh says to anybody, whoever has its passphrase. */
#ifndef AGENT_GIT_SSH_KEY_H
#define AGENT_GIT_SSH_KEY_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct ssh_key {
	bool locked;	/* it takes a passphrase */
	bool rsa;	/* its kind is known to be RSA */
};

/* Takes a file as ssh-keygen makes it, or one in PEM.  False: *err says what is wrong with the file
 * and does not name it: "cannot be read: ...", "holds a public key: ...". */
bool ssh_key_inspect(const char *path, struct ssh_key *out, struct err *err);

#endif
