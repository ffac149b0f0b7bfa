import { LesError } from "./errors.ts";
import { lesLimits } from "./limits.ts";

/** Names of the eight priced request messages of les/2 and later. */
export type RequestName =
  | "getBlockHeaders"
  | "getBlockBodies"
  | "getReceipts"
  | "getCode"
  | "getProofsV2"
  | "getHelperTrieProofs"
  | "sendTxV2"
  | "getTxStatus";

/** Cost of a request of n items is at most `base + n · perItem`, in cost units (1 unit ≈ 1 ns of the server's time). */
export interface RequestCost {
  readonly base: number;
  readonly perItem: number;
}

/** Every priced message has a row; a table that lacks one is refused at the handshake. */
export type CostTable = Readonly<Record<RequestName, RequestCost>>;

/** A row as on the wire: message code, base, per item. */
export interface CostRow {
  readonly code: number;
  readonly base: number;
  readonly perItem: number;
}

/** Code of each priced request, and the most items of one. @see geth les/protocol.go:58@v1.11.6 */
export const requestCodes: Readonly<
  Record<RequestName, { readonly code: number; readonly maxItems: number }>
> = {
  getBlockHeaders: { code: 0x02, maxItems: lesLimits.headers },
  getBlockBodies: { code: 0x04, maxItems: lesLimits.bodies },
  getReceipts: { code: 0x06, maxItems: lesLimits.receipts },
  getCode: { code: 0x0a, maxItems: lesLimits.codes },
  getProofsV2: { code: 0x0f, maxItems: lesLimits.proofs },
  getHelperTrieProofs: { code: 0x11, maxItems: lesLimits.helperProofs },
  sendTxV2: { code: 0x13, maxItems: lesLimits.sendTxs },
  getTxStatus: { code: 0x14, maxItems: lesLimits.txStatuses },
};

// Object.keys loses the key type; the record above has exactly these keys.
export const requestNames = Object.keys(requestCodes) as readonly RequestName[];

/**
 * geth's average costs by serving time; a server announces twice that.
 * @see geth les/costtracker.go:36@v1.11.6
 */
export const defaultCosts: CostTable = {
  getBlockHeaders: { base: 150_000, perItem: 30_000 },
  getBlockBodies: { base: 0, perItem: 700_000 },
  getReceipts: { base: 0, perItem: 1_000_000 },
  getCode: { base: 0, perItem: 450_000 },
  getProofsV2: { base: 0, perItem: 600_000 },
  getHelperTrieProofs: { base: 0, perItem: 1_000_000 },
  sendTxV2: { base: 0, perItem: 450_000 },
  getTxStatus: { base: 0, perItem: 250_000 },
};

/** A request's price as the server may charge it at most: `base + items · perItem`, never above the buffer limit. */
export function requestCost(table: CostTable, name: RequestName, items: number, bufferLimit: number): number {
  const { base, perItem } = table[name];
  return Math.min(base + items * perItem, bufferLimit);
}

/** Bytes of transactions that count as one item. geth les/peer.go:58@v1.11.6 */
const TX_SIZE_COST_LIMIT = 0x4000;

/** Price of relaying transactions: by count or by encoded size, whichever is more. @see geth les/peer.go:549@v1.11.6 */
export function txRelayCost(table: CostTable, items: number, sizeBytes: number, bufferLimit: number): number {
  const { base, perItem } = table.sendTxV2;
  const bySize = base + Math.floor((perItem * sizeBytes) / TX_SIZE_COST_LIMIT);
  return Math.min(Math.max(base + items * perItem, bySize), bufferLimit);
}

/** The table as rows for the wire, in ascending order of codes. */
export function costRows(table: CostTable): CostRow[] {
  return requestNames.map((name) => ({ code: requestCodes[name].code, ...table[name] }));
}

/**
 * Rows off the wire → table. Codes we do not know are ignored.
 * @param previous - rows of an update change only what they name; without it every priced message must be named.
 * @throws LES_BAD_COST_TABLE if a code comes twice or a cost is no safe integer; LES_USELESS_PEER if one is missing.
 * @see geth les/peer.go:675@v1.11.6
 */
export function readCostTable(rows: readonly CostRow[], previous?: CostTable): CostTable {
  const byCode = new Map<number, RequestCost>();
  for (const { code, base, perItem } of rows) {
    if (byCode.has(code)) throw LesError("BAD_COST_TABLE", { reason: `message ${code} priced twice` });
    if (!Number.isSafeInteger(base + perItem * 256))
      throw LesError("BAD_COST_TABLE", { reason: `message ${code} is priced beyond all bounds` });
    byCode.set(code, { base, perItem });
  }
  const price = (name: RequestName): RequestCost => {
    const cost = byCode.get(requestCodes[name].code) ?? previous?.[name];
    if (cost === undefined)
      throw LesError("USELESS_PEER", { reason: `peer does not support message ${requestCodes[name].code}` });
    return cost;
  };
  return {
    getBlockHeaders: price("getBlockHeaders"),
    getBlockBodies: price("getBlockBodies"),
    getReceipts: price("getReceipts"),
    getCode: price("getCode"),
    getProofsV2: price("getProofsV2"),
    getHelperTrieProofs: price("getHelperTrieProofs"),
    sendTxV2: price("sendTxV2"),
    getTxStatus: price("getTxStatus"),
  };
}
