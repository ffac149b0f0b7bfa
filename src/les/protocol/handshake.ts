import { type ForkId, forkIdRlp } from "#core/forkid";
import {
  decodeAs,
  encodeAs,
  fixed,
  list,
  raw,
  type Schema,
  struct,
  uint53,
  uint64,
  uint256,
  utf8,
} from "#rlp";
import { equalBytes, isError, toHex } from "#util";
import { type CostRow, type CostTable, costRows, readCostTable } from "./costs.ts";
import { LesError } from "./errors.ts";
import { lesLimits } from "./limits.ts";

/** One entry of a status or announcement; `value` is RLP. */
export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Key-value list as on the wire. Unknown keys are ignored; of doubled keys the last one counts, as in geth. */
export const keyValueList: Schema<readonly KeyValue[]> = list(struct({ key: utf8(64), value: raw }), {
  max: lesLimits.updateKeys,
});

/** 0 no announcements, 1 simple, 2 signed with the server's node key. */
export type AnnounceType = 0 | 1 | 2;

/** Keys both sides send. `forkId` from les/4 on. */
export interface CommonStatus {
  readonly protocolVersion: number;
  readonly networkId: bigint;
  readonly headTd: bigint;
  readonly headHash: Uint8Array;
  readonly headNumber: number;
  readonly genesisHash: Uint8Array;
  readonly forkId?: ForkId | undefined;
}

export interface ClientStatus extends CommonStatus {
  readonly announceType: AnnounceType;
  /** The other side prices requests: it is a server itself and wants nothing. geth les/peer.go:974@v1.11.6 */
  readonly isServer: boolean;
}

/** What a server serves, for how long back, and at what price. */
export interface ServerStatus extends CommonStatus {
  readonly serveHeaders: boolean;
  /** First block whose body and receipts are served; absent = none are. */
  readonly serveChainSince?: number | undefined;
  /** Recent blocks whose body and receipts are served; 0 = all. les/3. */
  readonly serveRecentChain: number;
  readonly serveStateSince?: number | undefined;
  /** Recent blocks whose state is served; 0 = all. les/3; a les/2 server that says nothing is taken to keep 100. */
  readonly serveRecentState: number;
  readonly txRelay: boolean;
  /** les/4: 0 = every transaction can be looked up, 1 = none, n = those of the last n − 1 blocks. Before les/4 it reads as 0. */
  readonly recentTxLookup: number;
  readonly bufferLimit: number;
  readonly minRecharge: number;
  readonly costs: CostTable;
}

/** What we must agree on. `checkForkId` throws or returns a reason for a fork id of another chain (EIP-2124). */
export interface HandshakeTerms {
  readonly version: number;
  readonly networkId: bigint;
  readonly genesisHash: Uint8Array;
  readonly checkForkId: (id: ForkId) => string | undefined;
}

const costTableSchema: Schema<readonly CostRow[]> = list(
  struct({ code: uint53, base: uint53, perItem: uint53 }),
  {
    max: lesLimits.costRows,
  },
);
const hash = fixed(32);

/** A les/2 server does not say how many states it keeps; geth's own client asked it for the last hundred. les/fetcher.go:361@v1.8.27 */
const UNSAID_RECENT_STATE = 100;
const emptyValue = Uint8Array.of(0x80);

/** geth encodes a key without value as the number 0. @see geth les/peer.go:82@v1.11.6 */
const flag = (key: string): KeyValue => ({ key, value: emptyValue });
const entry = <T>(key: string, schema: Schema<T>, value: T): KeyValue => ({
  key,
  value: encodeAs(schema, value),
});

function commonEntries(s: CommonStatus): KeyValue[] {
  const entries = [
    entry("protocolVersion", uint53, s.protocolVersion),
    entry("networkId", uint64, s.networkId),
    entry("headTd", uint256, s.headTd),
    entry("headHash", hash, s.headHash),
    entry("headNum", uint53, s.headNumber),
    entry("genesisHash", hash, s.genesisHash),
  ];
  if (s.protocolVersion >= 4 && s.forkId !== undefined) entries.push(entry("forkID", forkIdRlp, s.forkId));
  return entries;
}

/** A client's status as a list for the wire. */
export function clientStatusEntries(s: Omit<ClientStatus, "isServer">): KeyValue[] {
  return [...commonEntries(s), entry("announceType", uint53, s.announceType)];
}

/** A server's status as a list for the wire. @see geth les/peer.go:928@v1.11.6 */
export function serverStatusEntries(s: ServerStatus): KeyValue[] {
  const entries = commonEntries(s);
  if (s.serveHeaders) entries.push(flag("serveHeaders"));
  if (s.serveChainSince !== undefined) entries.push(entry("serveChainSince", uint53, s.serveChainSince));
  if (s.serveRecentChain !== 0) entries.push(entry("serveRecentChain", uint53, s.serveRecentChain));
  if (s.serveStateSince !== undefined) entries.push(entry("serveStateSince", uint53, s.serveStateSince));
  entries.push(entry("serveRecentState", uint53, s.serveRecentState));
  if (s.txRelay) entries.push(flag("txRelay"));
  if (s.protocolVersion >= 4) entries.push(entry("recentTxLookup", uint53, s.recentTxLookup));
  entries.push(
    entry("flowControl/BL", uint53, s.bufferLimit),
    entry("flowControl/MRR", uint53, s.minRecharge),
    entry("flowControl/MRC", costTableSchema, costRows(s.costs)),
  );
  return entries;
}

/** A key-value list with lookups that name the key when it is missing or malformed. */
export class KeyValues {
  readonly #values = new Map<string, Uint8Array>();

  /** @throws LES_UPDATE_TOO_LARGE above 100,000 bytes, eight added per entry. geth les/peer.go:99@v1.11.6 */
  constructor(entries: readonly KeyValue[]) {
    let bytes = 0;
    for (const { key, value } of entries) {
      bytes += key.length + value.length + 8;
      this.#values.set(key, value);
    }
    if (bytes > lesLimits.updateBytes) throw LesError("UPDATE_TOO_LARGE", { bytes });
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** The value, `undefined` if the key is not there. @throws LES_BAD_KEY if its shape is wrong. */
  optional<T>(key: string, schema: Schema<T>): T | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    try {
      return decodeAs(schema, value);
    } catch (cause) {
      throw LesError("BAD_KEY", { key }, { cause });
    }
  }

  /** @throws LES_MISSING_KEY, LES_BAD_KEY */
  required<T>(key: string, schema: Schema<T>): T {
    const value = this.optional(key, schema);
    if (value === undefined) throw LesError("MISSING_KEY", { key });
    return value;
  }
}

/** Checks what both sides must send, in geth's order: genesis, network, version, fork id. @see geth les/peer.go:311@v1.11.6 */
function readCommon(
  values: KeyValues,
  terms: HandshakeTerms,
): { networkId: bigint; forkId: ForkId | undefined } {
  const protocolVersion = values.required("protocolVersion", uint53);
  const networkId = values.required("networkId", uint64);
  const genesisHash = values.required("genesisHash", hash);
  if (!equalBytes(genesisHash, terms.genesisHash))
    throw LesError("GENESIS_MISMATCH", { want: toHex(terms.genesisHash), got: toHex(genesisHash) });
  if (networkId !== terms.networkId)
    throw LesError("NETWORK_MISMATCH", { want: terms.networkId.toString(), got: networkId.toString() });
  if (protocolVersion !== terms.version)
    throw LesError("VERSION_MISMATCH", { want: terms.version, got: protocolVersion });
  if (terms.version < 4) return { networkId, forkId: undefined };
  const forkId = values.required("forkID", forkIdRlp);
  const refused = terms.checkForkId(forkId);
  if (refused !== undefined) throw LesError("FORK_ID_REJECTED", { reason: refused });
  return { networkId, forkId };
}

function readHead(values: KeyValues): { headTd: bigint; headHash: Uint8Array; headNumber: number } {
  return {
    headTd: checkTd(values.required("headTd", uint256)),
    headHash: values.required("headHash", hash),
    headNumber: values.required("headNum", uint53),
  };
}

/** @throws LES_BAD_ANNOUNCE above 100 bits. geth les/protocol.go:258@v1.11.6 */
export function checkTd(td: bigint): bigint {
  if (td >> BigInt(lesLimits.tdBits) !== 0n)
    throw LesError("BAD_ANNOUNCE", { reason: "total difficulty above 2^100" });
  return td;
}

/**
 * A server's status, read by a client.
 * @throws LES_* with the key that is missing, malformed or different from ours; LES_USELESS_PEER if it does not serve
 *   bodies, state and transaction relay, or leaves a message without price (T17).
 * @see geth les/peer.go:603@v1.11.6
 */
export function readServerStatus(entries: readonly KeyValue[], terms: HandshakeTerms): ServerStatus {
  const values = new KeyValues(entries);
  const common = readCommon(values, terms);
  const head = readHead(values);
  const useless = (reason: string) => LesError("USELESS_PEER", { reason });
  const serveChainSince = values.optional("serveChainSince", uint53);
  const serveStateSince = values.optional("serveStateSince", uint53);
  if (serveChainSince === undefined) throw useless("it serves no bodies and receipts");
  if (serveStateSince === undefined) throw useless("it serves no state");
  if (!values.has("txRelay")) throw useless("it relays no transactions");
  const recentTxLookup = terms.version >= 4 ? values.required("recentTxLookup", uint53) : 0;
  const flow = readFlowParameters(
    values.required("flowControl/BL", uint53),
    values.required("flowControl/MRR", uint53),
  );
  return {
    protocolVersion: terms.version,
    genesisHash: terms.genesisHash,
    ...common,
    ...head,
    serveHeaders: values.has("serveHeaders"),
    serveChainSince,
    serveRecentChain: values.optional("serveRecentChain", uint53) ?? 0,
    serveStateSince,
    serveRecentState:
      values.optional("serveRecentState", uint53) ?? (terms.version === 2 ? UNSAID_RECENT_STATE : 0),
    txRelay: true,
    recentTxLookup,
    ...flow,
    costs: readCostTable(values.required("flowControl/MRC", costTableSchema)),
  };
}

function readFlowParameters(
  bufferLimit: number,
  minRecharge: number,
): { bufferLimit: number; minRecharge: number } {
  if (bufferLimit === 0 || minRecharge === 0)
    throw LesError("BAD_FLOW_PARAMETERS", { reason: "a buffer of nothing, or one that never refills" });
  return { bufferLimit, minRecharge };
}

/** Flow parameters and prices that an announcement changes; `undefined` = not mentioned. */
export interface FlowUpdate {
  readonly flow?: { readonly bufferLimit: number; readonly minRecharge: number } | undefined;
  readonly costs?: CostTable | undefined;
}

/**
 * What an announcement's key-value list changes.
 * @throws LES_BAD_KEY, LES_BAD_COST_TABLE, LES_BAD_FLOW_PARAMETERS: the server is dropped.
 * @see geth les/peer.go:583@v1.11.6
 */
export function readFlowUpdate(entries: readonly KeyValue[], previous: CostTable): FlowUpdate {
  if (entries.length === 0) return {};
  const values = new KeyValues(entries);
  const limit = values.optional("flowControl/BL", uint53);
  const recharge = values.optional("flowControl/MRR", uint53);
  const rows = values.optional("flowControl/MRC", costTableSchema);
  return {
    flow: limit !== undefined && recharge !== undefined ? readFlowParameters(limit, recharge) : undefined,
    costs: rows === undefined ? undefined : readCostTable(rows, previous),
  };
}

/** Key-value list of an announcement that changes flow parameters. @see geth les/peer.go:889@v1.11.6 */
export function flowUpdateEntries(flow: {
  readonly bufferLimit: number;
  readonly minRecharge: number;
}): KeyValue[] {
  return [
    entry("flowControl/MRR", uint53, flow.minRecharge),
    entry("flowControl/BL", uint53, flow.bufferLimit),
  ];
}

/**
 * A client's status, read by a server. A missing or unknown announceType reads as 1; a client that itself prices requests
 * (it is a server) wants nothing.
 * @throws LES_* as above.
 * @see geth les/peer.go:973@v1.11.6
 */
export function readClientStatus(entries: readonly KeyValue[], terms: HandshakeTerms): ClientStatus {
  const values = new KeyValues(entries);
  const common = readCommon(values, terms);
  const head = readHead(values);
  const isServer = values.has("flowControl/MRR");
  return {
    protocolVersion: terms.version,
    genesisHash: terms.genesisHash,
    ...common,
    ...head,
    isServer,
    announceType: isServer ? 0 : readAnnounceType(values),
  };
}

function readAnnounceType(values: KeyValues): AnnounceType {
  try {
    const type = values.optional("announceType", uint53);
    return type === 0 || type === 2 ? type : 1;
  } catch (error) {
    if (isError(error, "LES_BAD_KEY")) return 1;
    throw error;
  }
}
