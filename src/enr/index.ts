/**
 * enr: node records (EIP-778). What a node says of itself, signed: decoded within bounds, encoded, signed, as text, and the entries
 * that are known by type.
 *
 * Is not: which endpoint of a record is used (`#enode`), where records come from (`#p2p/discv4`, `#p2p/dnsdisc`).
 */
export { enrEntries, type EnrEntry, enrEntry, type EnrPair, enrPair, port, readEntry } from "./entries.ts";
export { EnrError } from "./errors.ts";
export { decodeEnr, type Enr, formatEnr, MAX_RECORD_BYTES, parseEnr, signEnr } from "./record.ts";
