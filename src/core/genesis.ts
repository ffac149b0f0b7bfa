import {
  checkSchemaVersion,
  readCanonicalHash,
  readChainConfigJson,
  readHeader,
  readHeadHeaderHash,
  readHeaderNumber,
  readTrieNode,
  type Writer,
  writeBody,
  writeChainConfigJson,
  writeCode,
  writeReceipts,
  writeTrieNode,
} from "#core/rawdb";
import { genesisBlock, type StateUpdate } from "#core/state";
import type { Header } from "#core/types";
import type { KeyValueStore } from "#ethdb";
import {
  type ChainConfig,
  checkForkOrder,
  FORKS,
  formatChainConfig,
  type Genesis,
  parseChainConfig,
} from "#params";
import { emptyRoot } from "#trie";
import { equalBytes, toHex } from "#util";
import { CoreError } from "./errors.ts";
import { writeGenesisHeader } from "./header-chain.ts";

export interface SetupGenesisOptions {
  /** Write the genesis state too (a full chain). Default true; a light client needs none. */
  readonly withState?: boolean | undefined;
}

/**
 * Writes the genesis into an empty database, or checks that the database holds the same. The configuration may
 * differ from the stored one only in forks that the head has not reached; it is then stored anew
 * (core/genesis.go:262@v1.11.6).
 * @returns the header of block 0, with geth's hash
 * @throws CORE_GENESIS_MISMATCH, CORE_CONFIG_MISMATCH, PARAMS_FORK_ORDER, RAWDB_SCHEMA
 */
export function setupGenesis(db: KeyValueStore, genesis: Genesis, options: SetupGenesisOptions = {}): Header {
  checkForkOrder(genesis.config);
  checkSchemaVersion(db);
  const { header, state } = genesisBlock(genesis);
  const have = readCanonicalHash(db, 0);
  if (have !== undefined && !equalBytes(have, header.hash))
    throw CoreError("GENESIS_MISMATCH", { have: toHex(have), want: toHex(header.hash) });
  if (have !== undefined) checkStoredConfig(db, header.hash, genesis.config);
  const batch = db.batch();
  const hasState = equalBytes(state.root, emptyRoot) || readTrieNode(db, state.root) !== undefined;
  if ((options.withState ?? true) && !hasState) writeStateUpdate(batch, state);
  if (have === undefined) writeGenesisHeader(batch, header);
  if (options.withState ?? true) writeGenesisBody(batch, header);
  writeChainConfigJson(batch, header.hash, JSON.stringify(formatChainConfig(genesis.config)));
  batch.write();
  return header;
}

/** What a database says of its chain: block 0 and the configuration it was last set up with. */
export interface StoredGenesis {
  readonly header: Header;
  readonly config: ChainConfig;
}

/**
 * Reads what `setupGenesis` wrote; undefined when the database holds no chain. Writes nothing.
 * @throws RAWDB_SCHEMA, RAWDB_CORRUPT, CORE_CORRUPT
 */
export function readStoredGenesis(db: KeyValueStore): StoredGenesis | undefined {
  const hash = readCanonicalHash(db, 0);
  if (hash === undefined) return undefined;
  checkSchemaVersion(db);
  const header = readHeader(db, 0, hash);
  const json = readChainConfigJson(db, hash);
  if (header === undefined) throw CoreError("CORRUPT", { what: "the header of block 0 is missing" });
  if (json === undefined) throw CoreError("CORRUPT", { what: "the chain configuration is missing" });
  return { header, config: parseChainConfig(JSON.parse(json)) };
}

/** Block 0 has no transactions, but a body and receipts like any other. */
function writeGenesisBody(batch: Writer, header: Header): void {
  const withdrawals = header.withdrawalsRoot === undefined ? undefined : [];
  writeBody(batch, header.number, header.hash, { transactions: [], uncles: [], withdrawals });
  writeReceipts(batch, header.number, header.hash, []);
}

/** Nodes and codes of an applied diff, into the batch of their block. */
export function writeStateUpdate(batch: Writer, update: Pick<StateUpdate, "nodes" | "codes">): void {
  for (const [hash, node] of update.nodes) writeTrieNode(batch, hash, node);
  for (const [hash, code] of update.codes) writeCode(batch, hash, code);
}

function checkStoredConfig(db: KeyValueStore, genesisHash: Uint8Array, config: ChainConfig): void {
  const json = readChainConfigJson(db, genesisHash);
  if (json === undefined) return;
  const headHash = readHeadHeaderHash(db);
  const number = headHash === undefined ? undefined : readHeaderNumber(db, headHash);
  const head = headHash === undefined || number === undefined ? undefined : readHeader(db, number, headHash);
  if (head !== undefined && head.number > 0)
    checkCompatible(parseChainConfig(JSON.parse(json)), config, head);
}

/**
 * Two configurations agree on everything that the chain up to `head` depended on
 * (params/config.go:checkCompatible@v1.11.6).
 * @throws CORE_CONFIG_MISMATCH for the first fork they differ in
 */
export function checkCompatible(
  stored: ChainConfig,
  next: ChainConfig,
  head: Pick<Header, "number" | "time">,
): void {
  type Value = number | bigint | undefined;
  const text = (value: Value) => (value === undefined ? "none" : String(value));
  const refuse = (fork: string, have: Value, want: Value) =>
    CoreError("CONFIG_MISMATCH", {
      fork,
      have: text(have),
      want: text(want),
      head: head.number,
    });
  for (const { at, by } of FORKS) {
    const place = by === "block" ? head.number : head.time;
    const [have, want] = [stored[at], next[at]];
    const hasPassed = (have !== undefined && have <= place) || (want !== undefined && want <= place);
    if (have !== want && hasPassed) throw refuse(at, have, want);
  }
  if (stored.chainId !== next.chainId) throw refuse("chainId", stored.chainId, next.chainId);
  if ((stored.clique === undefined) !== (next.clique === undefined))
    throw refuse("clique", stored.clique?.epoch, next.clique?.epoch);
  if (stored.clique?.epoch !== next.clique?.epoch)
    throw refuse("clique.epoch", stored.clique?.epoch, next.clique?.epoch);
}
