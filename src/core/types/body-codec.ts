import { address, decodeAs, encodeAs, list, optional, type Schema, struct, uint64 } from "#rlp";
import type { Block, Body, Withdrawal } from "./body.ts";
import type { Header } from "./header.ts";
import { headerRlp } from "./header-codec.ts";
import { MAX_UNCLES } from "./limits.ts";
import { transactionRlp } from "./transaction-codec.ts";

export const withdrawalRlp: Schema<Withdrawal> = struct({
  index: uint64,
  validatorIndex: uint64,
  address,
  amount: uint64,
});

const transactions = list(transactionRlp);
export const unclesRlp = list(headerRlp, { max: MAX_UNCLES });
const withdrawals = optional(list(withdrawalRlp));

export const bodyRlp: Schema<Body> = struct({ transactions, uncles: unclesRlp, withdrawals });
/** As in a chain export and in NewBlock: [header, transactions, uncles, withdrawals?]. */
export const blockRlp: Schema<Block> = struct({
  header: headerRlp,
  transactions,
  uncles: unclesRlp,
  withdrawals,
});

/** @throws RLP_*, TYPES_TX_* */
export function decodeBody(encoded: Uint8Array): Body {
  return decodeAs(bodyRlp, encoded);
}

export function encodeBody(body: Body): Uint8Array {
  return encodeAs(bodyRlp, body);
}

/** @throws RLP_*, TYPES_TX_* */
export function decodeBlock(encoded: Uint8Array): Block {
  return decodeAs(blockRlp, encoded);
}

export function encodeBlock(block: Block): Uint8Array {
  return encodeAs(blockRlp, block);
}

/** Length of the block as `blockRlp` writes it (the `size` of JSON-RPC). */
export function blockSize(header: Header, body: Body): number {
  return encodeBlock({ header, ...body }).length;
}
