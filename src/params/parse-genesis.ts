import { bigintToBytes, fromHex } from "#util";
import { type BlobSchedule, type ChainConfig, checkForkOrder, type CliqueConfig, FORKS } from "./config.ts";
import { ParamsError } from "./errors.ts";
import type { Genesis, GenesisAccount } from "./genesis.ts";

type Json = Readonly<Record<string, unknown>>;

const bad = (path: string, problem: string) => ParamsError("BAD_GENESIS", { path, problem });

function object(value: unknown, path: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(path, "not an object");
  return value as Json; // an object of unknown fields is what Json says
}

/** geth's math.HexOrDecimal: `"0x10"`, `"16"`, `16`; the empty string is 0. */
function big(value: unknown, path: string): bigint {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === "bigint" && value >= 0n) return value;
  if (value === "" || value === "0x") return 0n;
  if (typeof value === "string" && /^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(value)) return BigInt(value);
  throw bad(path, "not a decimal or 0x number");
}

function bounded(value: unknown, path: string, bits: number): bigint {
  const number = big(value, path);
  if (number >> BigInt(bits) !== 0n) throw bad(path, `more than ${bits} bits`);
  return number;
}

function int(value: unknown, path: string): number {
  const number = big(value, path);
  if (number > BigInt(Number.MAX_SAFE_INTEGER)) throw bad(path, "above 2^53-1");
  return Number(number);
}

function bytes(value: unknown, path: string, length?: number): Uint8Array {
  if (typeof value !== "string") throw bad(path, "not a hex text");
  let decoded: Uint8Array;
  try {
    decoded = fromHex(value);
  } catch (cause) {
    if (cause instanceof RangeError)
      throw ParamsError("BAD_GENESIS", { path, problem: "not a hex text" }, { cause });
    throw cause;
  }
  if (length !== undefined && decoded.length !== length)
    throw bad(path, `${decoded.length} bytes instead of ${length}`);
  return decoded;
}

/** A storage word as geth's storageJSON: up to 32 bytes, left-padded, an odd number of digits allowed. */
function word(value: string, path: string): Uint8Array {
  const digits = value.replace(/^0[xX]/, "");
  const decoded = bytes(digits.length % 2 === 1 ? `0${digits}` : digits, path);
  if (decoded.length > 32) throw bad(path, "more than 32 bytes");
  const padded = new Uint8Array(32);
  padded.set(decoded, 32 - decoded.length);
  return padded;
}

const opt = <T>(
  from: Json,
  key: string,
  path: string,
  read: (value: unknown, path: string) => T,
): T | undefined => {
  const value = from[key];
  return value === undefined || value === null ? undefined : read(value, `${path}.${key}`);
};

function parseAccount(address: string, value: unknown): GenesisAccount {
  const path = `alloc.${address}`;
  const from = object(value, path);
  const storage: [Uint8Array, Uint8Array][] = [];
  for (const [slot, text] of Object.entries(opt(from, "storage", path, object) ?? {})) {
    if (typeof text !== "string") throw bad(`${path}.storage`, "not a hex text");
    const at = word(slot, `${path}.storage`);
    const held = word(text, `${path}.storage`);
    const first = held.findIndex((byte) => byte !== 0);
    if (first >= 0) storage.push([at, held.subarray(first)]);
  }
  return {
    address: bytes(address, path, 20),
    balance: bounded(from["balance"] ?? 0, `${path}.balance`, 256),
    nonce: opt(from, "nonce", path, (v, p) => bounded(v, p, 64)) ?? 0n,
    code: opt(from, "code", path, (v, p) => bytes(v, p)) ?? new Uint8Array(0),
    storage,
  };
}

function parseBlobSchedule(value: unknown, path: string): Readonly<Record<string, BlobSchedule>> {
  const schedule: Record<string, BlobSchedule> = {};
  for (const [fork, row] of Object.entries(object(value, path))) {
    const from = object(row, `${path}.${fork}`);
    schedule[fork] = {
      target: int(from["target"], `${path}.${fork}.target`),
      max: int(from["max"], `${path}.${fork}.max`),
      baseFeeUpdateFraction: big(from["baseFeeUpdateFraction"], `${path}.${fork}.baseFeeUpdateFraction`),
    };
  }
  return schedule;
}

function parseClique(value: unknown, path: string): CliqueConfig {
  const from = object(value, path);
  return {
    period: int(from["period"] ?? 0, `${path}.period`),
    epoch: int(from["epoch"] ?? 30_000, `${path}.epoch`),
  };
}

/**
 * The `config` part of a genesis file, geth's field names. Unknown fields are ignored, as geth does.
 * @throws PARAMS_BAD_GENESIS, PARAMS_FORK_ORDER
 */
export function parseChainConfig(json: unknown): ChainConfig {
  const path = "config";
  const from = object(json, path);
  const forks: Record<string, number> = {};
  for (const { at } of FORKS) {
    const start = opt(from, at, path, int);
    if (start !== undefined) forks[at] = start;
  }
  const config: ChainConfig = {
    chainId: big(from["chainId"] ?? from["chainID"] ?? 0, `${path}.chainId`),
    ...forks,
    daoForkSupport: from["daoForkSupport"] === true ? true : undefined,
    terminalTotalDifficulty: opt(from, "terminalTotalDifficulty", path, big),
    depositContractAddress: opt(from, "depositContractAddress", path, (v, p) => bytes(v, p, 20)),
    blobSchedule: opt(from, "blobSchedule", path, parseBlobSchedule),
    clique: opt(from, "clique", path, parseClique),
    ethash: from["ethash"] === undefined ? undefined : {},
  };
  checkForkOrder(config);
  return config;
}

/**
 * Reads a genesis in geth's JSON format: the text, or the value parsed from it. Numbers may be decimal or `0x`.
 * @throws PARAMS_BAD_GENESIS with the path of the field; PARAMS_FORK_ORDER
 * @see core/genesis.go:45@v1.8.27, core/gen_genesis.go
 */
export function parseGenesis(json: unknown): Genesis {
  let value = json;
  if (typeof json === "string") {
    try {
      value = JSON.parse(json);
    } catch (cause) {
      if (cause instanceof SyntaxError)
        throw ParamsError("BAD_GENESIS", { path: "(file)", problem: "not JSON" }, { cause });
      throw cause;
    }
  }
  const from = object(value, "(file)");
  const config = parseChainConfig(from["config"] ?? {});
  if (from["difficulty"] === undefined) throw bad("difficulty", "missing");
  if (from["alloc"] === undefined) throw bad("alloc", "missing");
  const top = "(file)";
  return {
    config,
    chainId: int(config.chainId, "config.chainId"),
    nonce: bounded(from["nonce"] ?? 0, "nonce", 64),
    timestamp: int(from["timestamp"] ?? 0, "timestamp"),
    extraData: opt(from, "extraData", top, (v) => bytes(v, "extraData")) ?? new Uint8Array(0),
    // geth: a limit of 0 becomes params.GenesisGasLimit
    gasLimit: bounded(from["gasLimit"] ?? 0, "gasLimit", 64) || 4_712_388n,
    difficulty: bounded(from["difficulty"], "difficulty", 256),
    mixHash: opt(from, "mixHash", top, (v) => bytes(v, "mixHash", 32)) ?? new Uint8Array(32),
    coinbase: opt(from, "coinbase", top, (v) => bytes(v, "coinbase", 20)) ?? new Uint8Array(20),
    alloc: Object.entries(object(from["alloc"], "alloc")).map(([address, account]) =>
      parseAccount(address, account),
    ),
    number: int(from["number"] ?? 0, "number"),
    gasUsed: bounded(from["gasUsed"] ?? 0, "gasUsed", 64),
    parentHash: opt(from, "parentHash", top, (v) => bytes(v, "parentHash", 32)) ?? new Uint8Array(32),
    baseFee: opt(from, "baseFeePerGas", top, (v) => bounded(v, "baseFeePerGas", 256)),
    excessBlobGas: opt(from, "excessBlobGas", top, (v) => bounded(v, "excessBlobGas", 64)),
    blobGasUsed: opt(from, "blobGasUsed", top, (v) => bounded(v, "blobGasUsed", 64)),
  };
}

/** 8 bytes, big-endian: the header's `nonce` field. */
export function headerNonce(nonce: bigint): Uint8Array {
  return bigintToBytes(nonce, 8);
}
