/**
 * light: what a light node retrieves, how each answer is proven, and what it keeps. Knows headers, roots and proofs; does not know who is
 * asked or over which protocol: a `ProofSource` does that (`les/client` is one).
 *
 * - requests: `proofRequest`, `codeRequest`, `bodyRequest`, `receiptsRequest`, `headersRequest`: an ask and a `verify`.
 * - `Odr`: reads against a header, from proven data kept (`RetrievedCache`) or over the source; a StateReader for the EVM.
 * - `LightTxPool`: own transactions, relayed until they stand in a block, kept over a restart.
 * - `findTransaction`: where a transaction is, by a server's claim that its block proves.
 *
 * Not here: the header chain itself (`core`), RPC, wire messages.
 */
export { type CachedKind, type CacheOptions, RetrievedCache } from "./cache.ts";
export { LightError } from "./errors.ts";
export { type FindParts, findTransaction, type LocatedTransaction } from "./find-transaction.ts";
export { Odr, type ProvenAccount } from "./odr.ts";
export {
  type BlockRef,
  bodyRequest,
  checkBody,
  type ClaimKind,
  type ClaimKinds,
  type CodeAsk,
  codeRequest,
  type HeadersAsk,
  headersRequest,
  type OdrKind,
  type OdrKinds,
  type OdrRequest,
  type ProofAsk,
  proofRequest,
  type ProvenPath,
  receiptsRequest,
  type TrieNode,
  type TxClaim,
} from "./requests.ts";
export type { BlockRange, Claim, ClaimOptions, ProofSource, RetrieveOptions } from "./source.ts";
export { LightTxPool, txPoolLimits, type TxPoolOptions } from "./tx-pool.ts";
