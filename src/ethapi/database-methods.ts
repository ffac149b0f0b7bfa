/** debug_: the database itself, and what geth sets about its own that this one does not have. */
import { keccak256 } from "#crypto";
import {
  bytes,
  bytesUpTo,
  hexOrDecimal,
  json,
  method,
  type Method,
  none,
  number,
  optional,
  text,
} from "#rpc";
import { toHex } from "#util";
import type { CallContext } from "./backend.ts";
import type { ChainControl } from "./controls.ts";
import { formatBlock } from "./format.ts";
import type { Parts } from "./parts.ts";
import { refuse } from "./tracing.ts";

const MAX_KEY_BYTES = 256;
/** Blocks of one ethash epoch. */
const EPOCH_LENGTH = 30_000;

/** A row of geth's that says why there is nothing to set or tell here. */
const refused = (doc: string, reason: string, params: Method["params"] = []) =>
  method({
    doc: `Refused: ${doc}`,
    params: [...params],
    result: json,
    handle: (): unknown => {
      throw refuse(reason);
    },
  });

/** Of every node. */
export function printMethods({ backend }: Parts): Record<string, Method> {
  const headerAt = async (at: number, ctx: CallContext) => {
    const header = at > backend.head().number ? undefined : await backend.headerByNumber(at, ctx);
    if (header === undefined) throw refuse(`block #${at} not found`);
    return header;
  };
  return {
    printBlock: method({
      doc: "A block as text: indented JSON, where geth prints its own memory.",
      params: [hexOrDecimal],
      result: text,
      handle: async ([at], ctx) => {
        const header = await headerAt(at, ctx);
        const block = formatBlock(header, await backend.body(header, ctx), { fullTransactions: true });
        return JSON.stringify(block, null, 2);
      },
    }),
    seedHash: method({
      doc: "Seed of the ethash epoch of a block.",
      params: [hexOrDecimal],
      result: bytes,
      handle: async ([at], ctx) => {
        await headerAt(at, ctx);
        let seed: Uint8Array = new Uint8Array(32);
        for (let epoch = Math.floor(at / EPOCH_LENGTH); epoch > 0; epoch--) seed = keccak256(seed);
        return seed;
      },
    }),
  };
}

/** Of a node that owns its chain. */
export function databaseMethods({ database }: ChainControl): Record<string, Method> {
  const everyBlock = "trie flush interval is undefined: the state of every block is written with it";
  return {
    chaindbProperty: method({
      doc: "What LevelDB says of its files. (Old geths wanted the name of a property.)",
      params: [optional(text)],
      result: text,
      handle: () => {
        const stats = database.stats();
        if (stats === undefined) throw refuse("this node keeps its database in memory");
        return stats;
      },
    }),
    chaindbCompact: method({
      doc: "Compacts the whole database.",
      params: [],
      result: none,
      isHeavy: true,
      handle: () => database.compact(),
    }),
    dbGet: method({
      doc: "Value of a key of the database, whose layout is this program's own.",
      params: [bytesUpTo(MAX_KEY_BYTES)],
      result: bytes,
      handle: ([key]) => {
        const value = database.get(key);
        if (value === undefined) throw refuse(`not found: ${toHex(key)}`);
        return value;
      },
    }),
    dbAncients: method({
      doc: "Always 0: old blocks are in the same database as new ones.",
      params: [],
      result: number,
      handle: () => 0,
    }),
    dbAncient: refused(
      "there is no ancient store.",
      "this node has no ancient store: old blocks are in its one database",
      [text, hexOrDecimal],
    ),
    setTrieFlushInterval: refused("every block's state is written.", everyBlock, [text]),
    getTrieFlushInterval: refused("every block's state is written.", everyBlock),
    stateSize: refused("the size of a state is not counted.", "state size tracker is not enabled", [json]),
  };
}
