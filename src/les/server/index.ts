/**
 * les/server: `LesServer`, which serves light clients (les/2, les/3, les/4) from a full chain that it is handed as a
 * `LesBackend`: headers, bodies, receipts, proofs, code, transactions. Buffers per client, a share of one core for all.
 *
 *   admitted (ClientPool) → status exchanged → serving ⇄ frozen (stop/resume) → gone
 *
 * Not here: the chain (`core`, `eth`), the wire (`les/protocol`), helper tries (asked for, answered empty).
 */
export type { LesBackend, LesChain, TxPlace } from "./backend.ts";
export { type ClientEvent, LesServer, type LesServerOptions } from "./les-server.ts";
