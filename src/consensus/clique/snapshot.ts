import type { Header } from "#core/types";
import { compareBytes, equalBytes, fromHex, type Hex, toHex } from "#util";
import { CliqueError } from "./errors.ts";

/** A vote that an authorised signer cast and that has not passed yet. */
export interface Vote {
  readonly signer: Hex;
  /** Number of the block it was cast in. */
  readonly block: number;
  readonly address: Hex;
  readonly authorize: boolean;
}

export interface Tally {
  readonly authorize: boolean;
  readonly votes: number;
}

/**
 * Who may seal after a given block. Addresses are `0x…` text of 20 bytes, as they are compared far more often
 * than they are sent. Never changed in place: `applyHeader` returns the next one and shares what stayed equal.
 */
export interface Snapshot {
  readonly number: number;
  /** 32 bytes: the block after which this holds. */
  readonly hash: Uint8Array;
  /** Ascending. BOUNDED by the votes that passed: one a header at most. */
  readonly signers: readonly Hex[];
  /** Who sealed the last blocks and must wait. BOUNDED: signers/2 + 1. */
  readonly recents: ReadonlyMap<number, Hex>;
  /** In the order they were cast. BOUNDED: one a header, emptied each epoch. */
  readonly votes: readonly Vote[];
  readonly tally: ReadonlyMap<Hex, Tally>;
}

/** The magic nonces of votes (consensus/clique/clique.go:62@v1.11.6). */
export const nonceAuthVote = new Uint8Array(8).fill(0xff);
export const nonceDropVote = new Uint8Array(8);

export function makeSnapshot(number: number, hash: Uint8Array, signers: readonly Uint8Array[]): Snapshot {
  const sorted = [...new Set([...signers].sort(compareBytes).map(toHex))];
  return { number, hash, signers: sorted, recents: new Map(), votes: [], tally: new Map() };
}

/** Blocks a signer must let pass: it may seal again when this many others … have sealed. */
const recentLimit = (signers: readonly Hex[]) => Math.floor(signers.length / 2) + 1;

/** @returns true when it is this signer's turn to seal the block of that number */
export function isInTurn(snapshot: Snapshot, number: number, signer: Hex): boolean {
  const { signers } = snapshot;
  // an unknown signer has the offset after the last, which no number reaches (snapshot.go:321@v1.11.6)
  return signers.length > 0 && signers[number % signers.length] === signer;
}

/**
 * True when `signer` sealed one of the last blocks and block `number` does not yet shift it out. geth lets the
 * first few blocks of a chain with five or more signers through here (an unsigned subtraction wraps) and then
 * finds no child for them; we refuse at once, as geth's own sealer does (clique.go:627@v1.11.6).
 */
export function hasSignedRecently(snapshot: Snapshot, number: number, signer: Hex): boolean {
  const limit = recentLimit(snapshot.signers);
  for (const [seen, recent] of snapshot.recents)
    if (recent === signer && (number < limit || seen > number - limit)) return true;
  return false;
}

/** True when a vote would change something: adding a stranger or dropping a signer. */
export function isValidVote(snapshot: Pick<Snapshot, "signers">, address: Hex, authorize: boolean): boolean {
  return snapshot.signers.includes(address) !== authorize;
}

/** What one header does, collected in copies that become the next snapshot. */
interface Draft {
  signers: Hex[];
  votes: Vote[];
  tally: Map<Hex, Tally>;
}

function cast(draft: Draft, address: Hex, authorize: boolean): boolean {
  if (!isValidVote(draft, address, authorize)) return false;
  const old = draft.tally.get(address);
  draft.tally.set(address, old === undefined ? { authorize, votes: 1 } : { ...old, votes: old.votes + 1 });
  return true;
}

function uncast(draft: Draft, address: Hex, authorize: boolean): void {
  const tally = draft.tally.get(address);
  if (tally === undefined || tally.authorize !== authorize) return;
  if (tally.votes > 1) draft.tally.set(address, { ...tally, votes: tally.votes - 1 });
  else draft.tally.delete(address);
}

/** Moves the vote of this header into the draft; returns true when the list of signers changed. */
function countVote(draft: Draft, number: number, signer: Hex, address: Hex, authorize: boolean): boolean {
  const earlier = draft.votes.findIndex((vote) => vote.signer === signer && vote.address === address);
  if (earlier >= 0) {
    const [vote] = draft.votes.splice(earlier, 1);
    if (vote !== undefined) uncast(draft, vote.address, vote.authorize);
  }
  if (cast(draft, address, authorize)) draft.votes.push({ signer, block: number, address, authorize });
  const tally = draft.tally.get(address);
  if (tally === undefined || tally.votes <= Math.floor(draft.signers.length / 2)) return false;
  if (tally.authorize) draft.signers = [...draft.signers, address].sort();
  else dropSigner(draft, address);
  draft.votes = draft.votes.filter((vote) => vote.address !== address);
  draft.tally.delete(address);
  return true;
}

function dropSigner(draft: Draft, address: Hex): void {
  draft.signers = draft.signers.filter((signer) => signer !== address);
  for (const vote of draft.votes) if (vote.signer === address) uncast(draft, vote.address, vote.authorize);
  draft.votes = draft.votes.filter((vote) => vote.signer !== address);
}

/**
 * The snapshot after one more header (snapshot.go:185@v1.11.6).
 * @param signer address the header's seal recovers to
 * @throws CLIQUE_INVALID_VOTING_CHAIN, CLIQUE_UNAUTHORIZED_SIGNER, CLIQUE_RECENTLY_SIGNED, CLIQUE_INVALID_VOTE
 */
export function applyHeader(snapshot: Snapshot, header: Header, signer: Hex, epoch: number): Snapshot {
  const { number } = header;
  if (number !== snapshot.number + 1) throw CliqueError("INVALID_VOTING_CHAIN", { number });
  const isCheckpoint = number % epoch === 0;
  const recents = new Map(snapshot.recents);
  recents.delete(number - recentLimit(snapshot.signers));
  if (!snapshot.signers.includes(signer)) throw CliqueError("UNAUTHORIZED_SIGNER", { number });
  for (const recent of recents.values())
    if (recent === signer) throw CliqueError("RECENTLY_SIGNED", { number });
  recents.set(number, signer);

  const authorize = equalBytes(header.nonce, nonceAuthVote);
  if (!authorize && !equalBytes(header.nonce, nonceDropVote)) throw CliqueError("INVALID_VOTE", { number });
  const before = isCheckpoint ? { votes: [], tally: new Map<Hex, Tally>() } : snapshot;
  const address = toHex(header.coinbase);
  const next = { number, hash: header.hash, recents };
  const touches =
    isValidVote(snapshot, address, authorize) ||
    before.tally.has(address) ||
    hasVote(before.votes, signer, address);
  if (!touches) return { ...next, signers: snapshot.signers, votes: before.votes, tally: before.tally };

  const draft: Draft = {
    signers: [...snapshot.signers],
    votes: [...before.votes],
    tally: new Map(before.tally),
  };
  const hasChanged = countVote(draft, number, signer, address, authorize);
  // a shorter list of signers has a shorter memory
  if (hasChanged && draft.signers.length < snapshot.signers.length)
    recents.delete(number - recentLimit(draft.signers));
  return { ...next, signers: draft.signers, votes: draft.votes, tally: draft.tally };
}

const hasVote = (votes: readonly Vote[], signer: Hex, address: Hex) =>
  votes.some((vote) => vote.signer === signer && vote.address === address);

/** JSON text, in the shape of geth's (snapshot.go:49@v1.11.6). */
export function formatSnapshot(snapshot: Snapshot): string {
  return JSON.stringify({
    number: snapshot.number,
    hash: toHex(snapshot.hash),
    signers: Object.fromEntries(snapshot.signers.map((signer) => [signer, {}])),
    recents: Object.fromEntries(snapshot.recents),
    votes: snapshot.votes,
    tally: Object.fromEntries(snapshot.tally),
  });
}

/** The inverse of formatSnapshot, for text this program wrote. */
export function parseSnapshot(json: string): Snapshot {
  // as: our own row, whose bytes are checked by the store's checksum
  const raw = JSON.parse(json) as {
    number: number;
    hash: Hex;
    signers: Record<Hex, object>;
    recents: Record<string, Hex>;
    votes: Vote[];
    tally: Record<Hex, Tally>;
  };
  return {
    number: raw.number,
    hash: fromHex(raw.hash),
    // as: Object.keys forgets the key type
    signers: (Object.keys(raw.signers) as Hex[]).sort(),
    recents: new Map(Object.entries(raw.recents).map(([number, signer]) => [Number(number), signer])),
    votes: raw.votes,
    tally: new Map(Object.entries(raw.tally) as [Hex, Tally][]),
  };
}
