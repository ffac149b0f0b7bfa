import type { BlockChain, HeaderChain } from "#core";
import type { Block, Header } from "#core/types";
import { equalBytes } from "#util";
import type { Content, ContentKind } from "./content-queue.ts";
import type { SyncMode } from "./progress.ts";

/** Where a cycle puts what it fetched: one of the ways to hold a chain. */
export interface SyncTarget {
  readonly mode: SyncMode;
  /** What is fetched beside headers. */
  readonly parts: readonly ContentKind[];
  readonly genesis: Header;
  /** The last of what this mode has stored. */
  readonly current: Header;
  /** Ancestors at or below it cannot be built on; -1: all can. */
  readonly lowest: number;
  /** The header, with all that this mode stores of it. */
  isKnown(header: Header): boolean;
  headerByHash(hash: Uint8Array): Header | undefined;
  /** Total difficulty of a stored header. */
  td(hash: Uint8Array): bigint | undefined;
  insert(contents: readonly Content[], signal: AbortSignal): Promise<void>;
  flush(): Promise<void>;
}

const blockOf = ({ header, body }: Content): Block => ({ header, ...body });

/** Every block is executed. */
export function fullTarget(chain: BlockChain): SyncTarget {
  return {
    mode: "full",
    parts: ["bodies"],
    genesis: chain.genesis,
    get current() {
      return chain.head;
    },
    // before the pivot of an earlier fast sync there are no states
    get lowest() {
      return chain.fast.pivot - 1;
    },
    isKnown: (header) => chain.headerByHash(header.hash) !== undefined && chain.bodyRlp(header) !== undefined,
    headerByHash: (hash) => chain.headerByHash(hash),
    td: (hash) => chain.td(hash),
    insert: async (contents, signal) => void (await chain.insertBlocks(contents.map(blockOf), { signal })),
    flush: () => chain.flush(),
  };
}

/** Blocks with receipts, believed by their headers. What comes after the pivot goes to `fullTarget`. */
export function fastTarget(chain: BlockChain): SyncTarget {
  return {
    ...fullTarget(chain),
    mode: "fast",
    parts: ["bodies", "receipts"],
    get current() {
      return chain.fast.head;
    },
    lowest: -1,
    isKnown: (header) =>
      header.number === 0 ? equalBytes(header.hash, chain.genesis.hash) : chain.fast.has(header),
    insert: (contents, signal) =>
      chain.fast.insert(
        contents.map((content) => ({ block: blockOf(content), receipts: content.receipts ?? [] })),
        { signal },
      ),
  };
}

/** Headers alone: what a light client holds. */
export function headersTarget(chain: HeaderChain): SyncTarget {
  return {
    mode: "headers",
    parts: [],
    genesis: chain.genesis,
    get current() {
      return chain.head;
    },
    lowest: -1,
    isKnown: (header) => chain.has(header.hash),
    headerByHash: (hash) => chain.headerByHash(hash),
    td: (hash) => chain.td(hash),
    async insert(contents, signal) {
      const headers = contents.map(({ header }) => header);
      await chain.checkSeals(
        headers.map((header) => ({ header, uncles: [] })),
        { signal },
      );
      chain.insert(headers);
    },
    flush: async () => {},
  };
}
