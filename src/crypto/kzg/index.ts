/**
 * crypto/kzg: verifies that a blob polynomial has a value at a point (EIP-4844), which is all that execution asks of KZG.
 * A room of its own, because BLS12-381 is slow to load and only the EVM's point evaluation precompile needs it.
 *
 * Not here: making commitments and proofs, verifying whole blobs.
 */
export { verifyKzgProof } from "./kzg.ts";
