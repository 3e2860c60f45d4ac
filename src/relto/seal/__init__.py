"""Digests, signatures, sealed packages: the only room that knows the cryptography library.

Spec: `docs/spec/journal.md` for what is hashed and signed, `docs/spec/package.md` for what is
sealed. The room has no state besides parsed public keys. It checks and encrypts; it never holds a
private key: those are behind `Signer` and `Opener`, which the core is handed.
"""

from relto.seal.digest import (
    DIGEST_ZERO,
    EMPTY_ROOT,
    HASH_BYTES,
    SALT_BYTES,
    RunningDigest,
    commitment,
    digest,
    digest_bytes,
    leaf_hash,
    node_hash,
    running_digest,
)
from relto.seal.package import (
    PACKAGE_HEADER_BYTES,
    PACKAGE_MAGIC,
    TAG_BYTES,
    PackageError,
    PackageTooLargeError,
    open_chunks,
    open_package,
    seal_chunks,
    seal_package,
    sealed_size,
)
from relto.seal.protocols import Entropy, Opener, Sealer, Signer
from relto.seal.sealing import (
    CONTENT_KEY_BYTES,
    HPKE_SUITE,
    SEALED_KEY_BYTES,
    SEALING_KEY_BYTES,
    SEALING_SEED_BYTES,
    check_sealing_key,
    expand_sealing_seed,
    seal_content_key,
)
from relto.seal.signature import (
    ED25519_KEY_BYTES,
    ED25519_SIGNATURE_BYTES,
    MLDSA65_KEY_BYTES,
    MLDSA65_SIGNATURE_BYTES,
    PublicKeyError,
    SignatureError,
    check_ed25519,
    check_mldsa65,
    check_signing_keys,
)

__all__ = [
    "CONTENT_KEY_BYTES",
    "DIGEST_ZERO",
    "ED25519_KEY_BYTES",
    "ED25519_SIGNATURE_BYTES",
    "EMPTY_ROOT",
    "HASH_BYTES",
    "HPKE_SUITE",
    "MLDSA65_KEY_BYTES",
    "MLDSA65_SIGNATURE_BYTES",
    "PACKAGE_HEADER_BYTES",
    "PACKAGE_MAGIC",
    "SALT_BYTES",
    "SEALED_KEY_BYTES",
    "SEALING_KEY_BYTES",
    "SEALING_SEED_BYTES",
    "TAG_BYTES",
    "Entropy",
    "Opener",
    "PackageError",
    "PackageTooLargeError",
    "PublicKeyError",
    "RunningDigest",
    "Sealer",
    "SignatureError",
    "Signer",
    "check_ed25519",
    "check_mldsa65",
    "check_sealing_key",
    "check_signing_keys",
    "commitment",
    "digest",
    "digest_bytes",
    "expand_sealing_seed",
    "leaf_hash",
    "node_hash",
    "open_chunks",
    "open_package",
    "running_digest",
    "seal_chunks",
    "seal_content_key",
    "seal_package",
    "sealed_size",
]
