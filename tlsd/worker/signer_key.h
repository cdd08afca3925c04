/*
 * A private key as the worker has it: the public half and a number.  The key
 * management of the signer's provider.  Runs in the worker.
 */
#ifndef TLSD_WORKER_SIGNER_KEY_H
#define TLSD_WORKER_SIGNER_KEY_H

#include <openssl/core.h>
#include <openssl/evp.h>
#include <stdbool.h>

#define SIGNER_PROVIDER "tlsd-signer"
#define SIGNER_PROPERTIES "provider=" SIGNER_PROVIDER

/* What an EVP_PKEY of the provider holds. */
struct signer_key {
	EVP_PKEY *public; /* a reference of ours, of the default provider */
	unsigned key_no;
	bool has_private; /* the signer has the other half */
};

/* For OSSL_OP_KEYMGMT. */
extern const OSSL_ALGORITHM signer_key_algorithms[];

/*
 * The handle of key key_no, whose public half is public, of the default
 * provider; the caller keeps its own reference.  The provider is loaded.
 * NULL: not a key that the provider knows, or out of memory.
 */
EVP_PKEY *signer_key_new(unsigned key_no, EVP_PKEY *public);

#endif
