import { defineErrors } from "#util";

/** A record from elsewhere that is none. Texts are geth's where it has one (p2p/enr/enr.go:46-53@v1.17.5). */
export const EnrError = defineErrors("ENR", {
  TOO_BIG: { message: (d: { size: number }) => `record of ${d.size} bytes, 300 allowed`, blame: "peer" },
  MALFORMED: { message: () => "record is no RLP of a record", blame: "peer" },
  TOO_FEW: { message: () => "record contains less than two list elements", blame: "peer" },
  ODD_PAIR: { message: () => "record contains incomplete k/v pair", blame: "peer" },
  DUPLICATE_KEY: { message: () => "record contains duplicate key", blame: "peer" },
  NOT_SORTED: { message: () => "record key/value pairs are not sorted by key", blame: "peer" },
  UNKNOWN_SCHEME: { message: () => "identity scheme of the record is not v4", blame: "peer" },
  BAD_KEY: { message: () => "record has no valid secp256k1 key", blame: "peer" },
  BAD_SIGNATURE: { message: () => "invalid signature on node record", blame: "peer" },
  BAD_TEXT: {
    message: (d: { why: string }) => `not a node record: ${d.why}`,
    blame: "environment",
    exitCode: 2,
  },
  TOO_BIG_TO_SIGN: {
    message: (d: { size: number }) => `entries make a record of ${d.size} bytes, 300 allowed`,
    blame: "caller",
  },
});
