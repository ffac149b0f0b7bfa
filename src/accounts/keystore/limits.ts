/** What a key file, whoever wrote it, may ask of this machine (attacks-and-faults KS-01, KS-02). */
export const limits = {
  /** Largest key file, bytes; real ones have 500. */
  fileBytes: 64 * 1024,
  /** scrypt memory: 128 · n · r bytes. The standard takes 256 MiB. */
  scryptBytes: 512 * 1024 * 1024,
  /** scrypt work: n · r · p. The standard is 2^21. */
  scryptWork: 2 ** 23,
  pbkdf2Rounds: 10_000_000,
  derivedBytesMin: 32,
  derivedBytesMax: 64,
  saltBytes: 1_024,
  /** Encrypted bytes: a key has 32, in version 1 48. */
  ciphertextBytes: 64,
  /** Key derivations at once: each may take 256 MiB and a thread for seconds (RP-18). */
  kdfAtOnce: 1,
  /** Those that wait; the next is refused. */
  kdfQueue: 4,
  /** Files looked at in a keystore; more are not listed. */
  files: 100_000,
  /** Files read at once. */
  filesAtOnce: 32,
  /** After a change on disk, before the folder is read again, ms (geth: 500). */
  debounceMs: 500,
  /** Between two readings where changes are not told, ms (geth: 2 s). */
  rescanMs: 2_000,
  /** A claim on an address older than this was left by a process that died, ms. */
  claimMs: 120_000,
  /** Longest password, bytes. */
  passwordBytes: 64 * 1024,
} as const;
