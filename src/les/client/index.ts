/**
 * les/client: the light client's side of les. Connects to servers (as protocols of a p2p Server), follows their heads into the header chain,
 * and retrieves proofs from them: a `ProofSource` of the room `light`.
 *
 * - `ServerPeer`: one server: handshake done, buffer estimated, requests matched with replies.
 * - `Retriever`: merges requests, picks servers, 500 ms soft and 10 s hard timeouts, drops liars, asks the next.
 * - `HeadSync`: announcements → headers → chain.
 *
 * Not here: what proves an answer (`light`), the wire (`les/protocol`), dialling (`p2p`).
 *
 *   dialled → status exchanged → serving ⇄ frozen (stop/resume) → gone
 */
export { LesClient, type LesClientOptions, type ServerInfo } from "./client.ts";
export { HeadSync, type SyncState } from "./head-sync.ts";
export { clientLimits } from "./limits.ts";
