import { defineErrors } from "#util";

interface At {
  /** Number of the header that breaks the rule. */
  readonly number: number;
}

const at = (d: At) => `header #${d.number}`;

/**
 * Rules every engine shares. Each names the header by number; the sender of a header that breaks one is at
 * fault, except for FUTURE_BLOCK: clocks differ, and the same header may be good in a moment.
 */
export const ConsensusError = defineErrors("CONSENSUS", {
  UNKNOWN_ANCESTOR: { message: (d: At) => `${at(d)}: unknown ancestor`, blame: "peer" },
  REQUIRED_BLOCK: {
    message: (d: At & { wanted: string }) =>
      `${at(d)}: not the block that is required there, ${d.wanted} (--eth.requiredblocks)`,
    blame: "peer",
    disconnect: 0x03,
  },
  INVALID_NUMBER: {
    message: (d: At & { parent: number }) => `${at(d)}: invalid block number after #${d.parent}`,
    blame: "peer",
    disconnect: 0x03,
  },
  FUTURE_BLOCK: {
    message: (d: At & { time: number; now: number }) =>
      `${at(d)}: block in the future: ${d.time - d.now} s ahead of this clock`,
    blame: "network",
  },
  INVALID_TIME: {
    message: (d: At & { time: number; parent: number }) =>
      `${at(d)}: timestamp ${d.time} is not after its parent's ${d.parent}`,
    blame: "peer",
    disconnect: 0x03,
  },
  EXTRA_TOO_LONG: {
    message: (d: At & { length: number; max: number }) =>
      `${at(d)}: extra-data too long: ${d.length} > ${d.max}`,
    blame: "peer",
    disconnect: 0x03,
  },
  INVALID_GAS_LIMIT: {
    message: (d: At & { have: bigint; parent: bigint }) =>
      `${at(d)}: invalid gas limit: have ${d.have}, parent ${d.parent}`,
    blame: "peer",
    disconnect: 0x03,
  },
  INVALID_GAS_USED: {
    message: (d: At & { have: bigint; limit: bigint }) =>
      `${at(d)}: invalid gasUsed: have ${d.have}, gasLimit ${d.limit}`,
    blame: "peer",
    disconnect: 0x03,
  },
  INVALID_BASE_FEE: {
    message: (d: At & { have: bigint | undefined; want: bigint | undefined }) =>
      `${at(d)}: invalid baseFee: have ${d.have ?? "none"}, want ${d.want ?? "none"}`,
    blame: "peer",
    disconnect: 0x03,
  },
  INVALID_DIFFICULTY: {
    message: (d: At & { have: bigint; want: bigint }) =>
      `${at(d)}: invalid difficulty: have ${d.have}, want ${d.want}`,
    blame: "peer",
    disconnect: 0x03,
  },
  INVALID_BLOB_GAS: {
    message: (d: At & { field: "blobGasUsed" | "excessBlobGas"; have: bigint; want: bigint }) =>
      `${at(d)}: invalid ${d.field}: have ${d.have}, want ${d.field === "blobGasUsed" ? "whole blobs up to " : ""}${d.want}`,
    blame: "peer",
    disconnect: 0x03,
  },
  UNEXPECTED_FIELD: {
    message: (d: At & { field: string }) => `${at(d)}: field ${d.field} does not belong to this fork`,
    blame: "peer",
    disconnect: 0x03,
  },
  MISSING_FIELD: {
    message: (d: At & { field: string }) => `${at(d)}: field ${d.field} is missing`,
    blame: "peer",
    disconnect: 0x03,
  },
});
