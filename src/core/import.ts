import { type Block, decodeBlock, encodeBlock, type Header } from "#core/types";
import { concatBytes, equalBytes, toHex } from "#util";
import type { Clock } from "#host";
import type { BlockChain } from "./block-chain.ts";
import { CoreError } from "./errors.ts";
import { limits } from "./limits.ts";

export interface ImportProgress {
  /** Blocks read from the file, the genesis among them. */
  readonly read: number;
  /** Blocks that were new. */
  readonly imported: number;
  /** Gas that the new ones used. */
  readonly gas: bigint;
  readonly head: Header;
  readonly bytes: number;
}

export interface ImportOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called every few hundred blocks, and at the end, when all up to there is on disk. */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
  /** With it, `onProgress` is called every few seconds too. */
  readonly clock?: Pick<Clock, "now"> | undefined;
}

/** Length of the item that begins at `start`, header included; undefined when its length is not all here yet. */
function itemLength(bytes: Uint8Array, start: number, offset: number): number | undefined {
  const first = bytes[start];
  if (first === undefined) return undefined;
  if (first < 0xc0) throw CoreError("IMPORT_MALFORMED", { offset });
  if (first < 0xf8) return 1 + first - 0xc0;
  const size = first - 0xf7;
  if (bytes.length < start + 1 + size) return undefined;
  let length = 0;
  for (const byte of bytes.subarray(start + 1, start + 1 + size)) length = length * 256 + byte;
  if (length > limits.importBlockBytes)
    throw CoreError("IMPORT_TOO_LARGE", { offset, size: length, max: limits.importBlockBytes });
  return 1 + size + length;
}

/**
 * The blocks of a file in the form of `geth export`: RLP blocks, one after the other. Holds one block and one
 * chunk at a time.
 * @throws CORE_IMPORT_TRUNCATED, CORE_IMPORT_MALFORMED, CORE_IMPORT_TOO_LARGE, each with the byte offset; RLP_*, TYPES_*
 */
export async function* readBlocks(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<{ block: Block; bytes: number }> {
  let rest: Uint8Array = new Uint8Array(0);
  let offset = 0;
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? chunk : concatBytes(rest, chunk);
    let at = 0;
    for (
      let length = itemLength(bytes, at, offset);
      length !== undefined;
      length = itemLength(bytes, at, offset)
    ) {
      if (bytes.length < at + length) break;
      // a copy, as decoding keeps views
      const block = decodeBlock(bytes.slice(at, at + length));
      at += length;
      offset += length;
      yield { block, bytes: offset };
    }
    rest = bytes.subarray(at);
  }
  if (rest.length > 0) throw CoreError("IMPORT_TRUNCATED", { offset });
}

/** Blocks that are inserted together, so that what they need is computed ahead. */
async function* inBatches(
  blocks: AsyncIterable<{ block: Block; bytes: number }>,
): AsyncGenerator<readonly { block: Block; bytes: number }[]> {
  let batch: { block: Block; bytes: number }[] = [];
  let from = 0;
  try {
    for await (const each of blocks) {
      batch.push(each);
      if (batch.length < limits.importBatch && each.bytes - from < limits.importBatchBytes) continue;
      from = each.bytes;
      yield batch;
      batch = [];
    }
  } catch (error) {
    // what came before a damaged place is inserted
    if (batch.length > 0) yield batch;
    throw error;
  }
  if (batch.length > 0) yield batch;
}

/**
 * Inserts all blocks of a file in the form of `geth export`; known ones are skipped, a genesis in it must be ours.
 * Stops at the first bad block; those before it stay.
 */
export async function importChain(
  chain: BlockChain,
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportProgress> {
  const count = { read: 0, imported: 0, gas: 0n, bytes: 0 };
  const now = () => options.clock?.now() ?? 0;
  let reportedAt = now();
  let reportedRead = 0;
  const report = async () => {
    await chain.persist();
    options.onProgress?.({ ...count, head: chain.head });
    reportedAt = now();
    reportedRead = count.read;
  };
  for await (const batch of inBatches(readBlocks(source))) {
    const blocks = batch.map(({ block }) => block).filter(({ header }) => header.number > 0);
    for (const { block } of batch) if (block.header.number === 0) checkGenesis(chain, block.header);
    const fresh = blocks.filter(({ header }) => !chain.headers.has(header.hash));
    count.imported += (await chain.insertBlocks(blocks, { signal: options.signal })).imported;
    for (const { header } of fresh) count.gas += header.gasUsed;
    count.read += batch.length;
    count.bytes = batch.at(-1)?.bytes ?? count.bytes;
    if (count.read - reportedRead >= limits.importProgress || now() - reportedAt >= limits.importProgressMs)
      await report();
  }
  await report();
  return { ...count, head: chain.head };
}

function checkGenesis(chain: BlockChain, header: Header): void {
  if (!equalBytes(header.hash, chain.genesis.hash))
    throw CoreError("GENESIS_MISMATCH", { have: toHex(chain.genesis.hash), want: toHex(header.hash) });
}

/**
 * Canonical blocks as RLP, for a file that `geth import` takes.
 * @param range numbers, both included; default: the whole chain
 * @throws CORE_UNKNOWN_BLOCK above the head
 */
export function* exportChain(
  chain: BlockChain,
  range: { from?: number; to?: number } = {},
): Generator<Uint8Array> {
  for (let number = range.from ?? 0; number <= (range.to ?? chain.head.number); number++) {
    const header = chain.headerByNumber(number);
    const block = header === undefined ? undefined : chain.block(header);
    if (block === undefined) throw CoreError("UNKNOWN_BLOCK", { number });
    yield encodeBlock(block);
  }
}
