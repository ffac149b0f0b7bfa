import { checkForkId, type ForkId, forkIdAt } from "#core/forkid";
import type { Enode } from "#enode";
import { enrEntries, type EnrPair, enrPair, readEntry } from "#enr";
import type { Clock } from "#host";
import type { MsgReadWriter } from "#p2p";
import { equalBytes, toHex } from "#util";
import type { EthChain } from "./backend.ts";
import { EthProtocolError } from "./errors.ts";
import { ethLimits as limits } from "./limits.ts";
import { type EthTable, type EthVersion, ethTable } from "./messages.ts";
import type { BlockSpan, EthStatus } from "./status.ts";

/** What both sides must agree on. */
export interface StatusTerms {
  readonly networkId: bigint;
  readonly genesis: Uint8Array;
  /** A reason for refusing a fork id (EIP-2124), or undefined. */
  checkForkId(id: ForkId): string | undefined;
}

/** Our own status on a chain, now. */
export function statusOf(chain: EthChain, version: EthVersion, networkId: bigint): EthStatus {
  const { head, genesis } = chain;
  const common = { version, networkId, genesis: genesis.hash, head: head.hash };
  const forkId = version >= 64 ? forkIdAt(placeOf(chain), head) : undefined;
  if (version >= 69) return { ...common, forkId, range: { earliest: 0, latest: head.number } };
  return { ...common, forkId, td: chain.td(head.hash) ?? 0n };
}

/** The terms of a chain at its head. */
export function termsOf(chain: EthChain, networkId: bigint): StatusTerms {
  return {
    networkId,
    genesis: chain.genesis.hash,
    checkForkId(id) {
      const verdict = checkForkId(placeOf(chain), chain.head, id);
      return verdict === "ok" ? undefined : verdict;
    },
  };
}

/** What our node record tells of the chain: its fork id (EIP-2124). @see geth eth/protocols/eth/discovery.go@v1.11.6 */
export function forkEntryOf(chain: EthChain): EnrPair {
  return enrPair(enrEntries.eth, { forkId: forkIdAt(placeOf(chain), chain.head) });
}

/** Whether a node may be on our chain, by its record: it tells a fork id that fits ours. One without a record may. */
export function isOnOurChain(chain: EthChain, node: Enode): boolean {
  if (node.record === undefined) return true;
  const entry = readEntry(node.record, enrEntries.eth);
  return entry !== undefined && checkForkId(placeOf(chain), chain.head, entry.forkId) === "ok";
}

const placeOf = ({ config, genesis }: EthChain) => ({
  config,
  genesisHash: genesis.hash,
  genesisTime: genesis.time,
});

/**
 * Sends our status and reads theirs, both at once, within 5 s.
 * @throws ETHP_*, RLP_*, P2P_MSG_TOO_BIG for what is wrong with theirs; P2P_* when the connection ends
 * @see geth eth/peer.go:332@v1.8.27, eth/peer.go:567@v1.9.25
 */
export async function exchangeStatus(options: {
  readonly rw: MsgReadWriter;
  readonly clock: Clock;
  readonly ours: EthStatus;
  readonly terms: StatusTerms;
  /** Rejects when the peer is not wanted any more. */
  readonly ended?: Promise<never> | undefined;
}): Promise<EthStatus> {
  const { rw, clock, ours, terms } = options;
  const table = ethTable(ours.version as EthVersion); // statusOf made it of one
  const { code, payload } = table.encode("status", ours);
  const { promise: late, cancel } = deadline(clock);
  const both = Promise.all([readStatus(rw, table, ours.version, terms), rw.writeMsg(code, payload)]);
  try {
    const [theirs] = await Promise.race([
      both,
      late,
      ...(options.ended === undefined ? [] : [options.ended]),
    ]);
    checkWork(theirs);
    return theirs;
  } finally {
    cancel();
    both.catch(() => {}); // after the deadline nobody waits for it
  }
}

function deadline(clock: Clock): { promise: Promise<never>; cancel: () => void } {
  const timeoutMs = limits.handshakeTimeoutMs;
  let cancel = () => {};
  const promise = new Promise<never>((_, reject) => {
    const timer = clock.after(timeoutMs, () => reject(EthProtocolError("HANDSHAKE_TIMEOUT", { timeoutMs })));
    cancel = () => timer.cancel();
  });
  return { promise, cancel };
}

async function readStatus(
  rw: MsgReadWriter,
  table: EthTable,
  version: number,
  terms: StatusTerms,
): Promise<EthStatus> {
  const msg = await rw.readMsg();
  if (msg.code !== table.messages.status.code) throw EthProtocolError("NO_STATUS", { code: msg.code });
  const status = table.decode(msg).body as EthStatus; // the row of code 0
  for (const check of version < 64 ? [genesis, network, sameVersion] : [network, sameVersion, genesis])
    check(status, version, terms);
  if (version >= 64) {
    const reason = status.forkId === undefined ? "missing" : terms.checkForkId(status.forkId);
    if (reason !== undefined) throw EthProtocolError("FORK_ID_REJECTED", { reason });
  }
  if (status.range !== undefined) checkRange(status.range, status.head);
  return status;
}

function genesis(status: EthStatus, _: number, terms: StatusTerms): void {
  if (!equalBytes(status.genesis, terms.genesis))
    throw EthProtocolError("GENESIS_MISMATCH", { want: toHex(terms.genesis), got: toHex(status.genesis) });
}

function network(status: EthStatus, _: number, terms: StatusTerms): void {
  if (status.networkId !== terms.networkId)
    throw EthProtocolError("NETWORK_MISMATCH", { want: terms.networkId, got: status.networkId });
}

function sameVersion(status: EthStatus, version: number): void {
  if (status.version !== version)
    throw EthProtocolError("VERSION_MISMATCH", { want: version, got: status.version });
}

/** @throws ETHP_BAD_RANGE. geth eth/protocols/eth/handshake.go:139@v1.17.5 */
export function checkRange({ earliest, latest }: BlockSpan, latestHash: Uint8Array): void {
  if (earliest > latest)
    throw EthProtocolError("BAD_RANGE", { earliest, latest, reason: "the first is above the last" });
  if (latestHash.every((byte) => byte === 0))
    throw EthProtocolError("BAD_RANGE", { earliest, latest, reason: "no hash" });
}

/** @throws ETHP_BAD_DIFFICULTY; a hundred bits would last mainnet's work for some time */
export function checkTd(td: bigint): void {
  const bits = td.toString(2).length;
  if (bits > limits.tdBits) throw EthProtocolError("BAD_DIFFICULTY", { bits });
}

function checkWork({ td }: EthStatus): void {
  if (td !== undefined) checkTd(td);
}
