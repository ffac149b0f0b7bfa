import { bloomOf, logRlp, type Receipt, type TransactionType } from "#core/types";
import { bytes, list, mapped, RlpError, type Schema, struct, uint53, uint64 } from "#rlp";

const failed = new Uint8Array(0);
const succeeded = Uint8Array.of(1);

function typeOf(type: number): TransactionType {
  if (type !== 0 && type !== 1 && type !== 2 && type !== 3 && type !== 4)
    throw RlpError("VALUE", { offset: 0, reason: `unknown receipt type ${type}` });
  return type;
}

/**
 * A receipt as eth/69 carries it: `[type, status or state root, cumulative gas, logs]`. The bloom is computed when it is read.
 * @see https://eips.ethereum.org/EIPS/eip-7642 · geth eth/protocols/eth/receipt.go:80@v1.17.5
 */
export const receipt69Rlp: Schema<Receipt> = mapped(
  struct({ type: uint53, outcome: bytes({ max: 32 }), cumulativeGasUsed: uint64, logs: list(logRlp) }),
  {
    decode: ({ type, outcome, cumulativeGasUsed, logs }): Receipt => {
      const rest = { cumulativeGasUsed, logs, bloom: bloomOf(logs) };
      if (outcome.length === 32) return { type: typeOf(type), postState: outcome, ...rest };
      const isStatus = outcome.length === 0 || (outcome.length === 1 && outcome[0] === 1);
      if (!isStatus) throw RlpError("VALUE", { offset: 0, reason: "invalid receipt status" });
      return { type: typeOf(type), status: outcome.length === 1 ? 1 : 0, ...rest };
    },
    encode: ({ type, postState, status, cumulativeGasUsed, logs }) => ({
      type,
      outcome: postState ?? (status === 1 ? succeeded : failed),
      cumulativeGasUsed,
      logs,
    }),
  },
);
