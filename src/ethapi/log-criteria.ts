import { bloomContains, type Header, type Log } from "#core/types";
import { address, type BlockTag, blockTag, type Codec, hash, invalidParams, kindOf } from "#rpc";
import { equalBytes } from "#util";
import { EthApiError } from "./errors.ts";

/** Positions a log's topics can take (LOG4). */
const MAX_TOPICS = 4;

/** Which logs: any of the addresses (none = all) and, per position, any of the topics (none = all). */
export interface LogCriteria {
  readonly addresses: readonly Uint8Array[];
  readonly topics: readonly (readonly Uint8Array[])[];
}

/** An end of a range. `pending` reads as `latest`: what waits has no logs, and no block is lost or walked (Trap 24, fixed). */
export type LogTag = Exclude<BlockTag, "pending">;

/** Where a log query looks. `latest` unless told. */
export type LogRange = { readonly blockHash: Uint8Array } | { readonly from: LogTag; readonly to: LogTag };

export interface LogQuery {
  readonly criteria: LogCriteria;
  readonly range: LogRange;
}

/** Everything, from now on: what a subscription without an argument means. */
export const allLogs: LogQuery = {
  criteria: { addresses: [], topics: [] },
  range: { from: "latest", to: "latest" },
};

const refuse = (reason: string) => EthApiError("INVALID", { reason });

/**
 * A filter object. Counts are checked before anything is decoded (RP-13). Errors have geth's texts and −32602
 * (eth/filters/api.go:33-45, 620-712@v1.17.5).
 */
export function logQuery(most: number): Codec<LogQuery> {
  return {
    doc: "{blockHash? | fromBlock?, toBlock?, address?, topics?}",
    decode: (value, path) => parseLogQuery(value, path, most),
    encode: ({ criteria, range }) => ({ ...range, address: criteria.addresses, topics: criteria.topics }),
  };
}

function parseLogQuery(value: unknown, path: string, most: number): LogQuery {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidParams(path, `want an object, got ${kindOf(value)}`);
  }
  const member = (name: string): unknown =>
    Object.hasOwn(value, name) ? (Reflect.get(value, name) ?? undefined) : undefined;
  const [blockHash, from, to] = [member("blockHash"), member("fromBlock"), member("toBlock")];
  const criteria = {
    addresses: parseAddresses(member("address"), `${path}.address`, most),
    topics: parseTopics(member("topics"), path, most),
  };
  if (blockHash !== undefined) {
    if (from !== undefined || to !== undefined) {
      throw invalidParams(
        path,
        "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
      );
    }
    return { criteria, range: { blockHash: hash.decode(blockHash, `${path}.blockHash`) } };
  }
  const end = (tag: unknown, name: string): LogTag => {
    const decoded = tag === undefined ? "latest" : blockTag.decode(tag, `${path}.${name}`);
    return decoded === "pending" ? "latest" : decoded;
  };
  const range = { from: end(from, "fromBlock"), to: end(to, "toBlock") };
  if (typeof range.from === "number" && typeof range.to === "number" && range.from > range.to) {
    throw refuse("invalid block range params");
  }
  return { criteria, range };
}

function parseAddresses(value: unknown, path: string, most: number): Uint8Array[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return [address.decode(value, path)];
  if (value.length > most) throw refuse("exceed max addresses or topics per search position");
  return value.map((one: unknown, i) => address.decode(one, `${path}[${i}]`));
}

function parseTopics(value: unknown, path: string, most: number): Uint8Array[][] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalidParams(path, "invalid topic(s)");
  if (value.length > MAX_TOPICS) throw invalidParams(path, "exceed max topics");
  return value.map((position: unknown, i) => {
    if (position === null) return [];
    if (!Array.isArray(position)) return [hash.decode(position, `${path}.topics[${i}]`)];
    if (position.length > most) throw refuse("exceed max addresses or topics per search position");
    if (position.includes(null)) return []; // null among them: anything goes
    return position.map((topic: unknown, j) => hash.decode(topic, `${path}.topics[${i}][${j}]`));
  });
}

/** Whether the header's bloom lets any matching log be in the block. */
export function mayContain(header: Header, { addresses, topics }: LogCriteria): boolean {
  const has = (value: Uint8Array) => bloomContains(header.bloom, value);
  if (addresses.length > 0 && !addresses.some(has)) return false;
  return topics.every((any) => any.length === 0 || any.some(has));
}

/** Whether this log is meant. A log with fewer topics than positions is not, as in geth (filter.go includes). */
export function matches(log: Log, { addresses, topics }: LogCriteria): boolean {
  if (addresses.length > 0 && !addresses.some((one) => equalBytes(one, log.address))) return false;
  if (topics.length > log.topics.length) return false;
  return topics.every((any, i) => {
    const topic = log.topics[i];
    return any.length === 0 || (topic !== undefined && any.some((wanted) => equalBytes(wanted, topic)));
  });
}
