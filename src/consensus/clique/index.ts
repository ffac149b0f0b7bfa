/*
 * clique: proof of authority (EIP-225) as geth 1.8 to 1.11 speak it.
 *
 * `Clique` is an Engine: verification of headers and seals over voting snapshots, votes, epochs with
 * checkpoints, and sealing through an injected `Signer`. `applyHeader` and its kin are the voting rules as
 * pure functions; `Clique` adds the caches and the database.
 *
 * Not here: when to seal (the service that owns the chain), keys (accounts), fork choice (#core).
 */
export { Clique, diffInTurn, diffNoTurn } from "./clique.ts";
export { CliqueError } from "./errors.ts";
export { checkpointSigners, extraSeal, extraVanity, sealHash } from "./extra.ts";
export { limits } from "./limits.ts";
export { keySigner } from "./signer.ts";
export { isInTurn, nonceAuthVote, nonceDropVote, type Snapshot, type Tally, type Vote } from "./snapshot.ts";
