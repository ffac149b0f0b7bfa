import {
  type AsideRow,
  type BlockPlace,
  deleteAside,
  iterateAside,
  type Writer,
  writeAside,
  writeBody,
} from "#core/rawdb";
import { type Block, encodeHeader } from "#core/types";
import type { Batch, KeyValueStore } from "#ethdb";
import { ByteMap } from "#util";
import type { BlockStore } from "./block-store.ts";
import { CoreError } from "./errors.ts";
import type { InsertResult } from "./head-event.ts";
import type { HeaderChain } from "./header-chain.ts";
import { limits } from "./limits.ts";
import { verifyBody } from "./process.ts";
import type { WriteQueue } from "./write-queue.ts";

export interface AsideLimits {
  readonly blocks: number;
  readonly bytes: number;
}

export interface AsideBlocksOptions {
  readonly db: KeyValueStore;
  readonly headers: Pick<HeaderChain, "stage" | "commit">;
  readonly blocks: Pick<BlockStore, "remove">;
  readonly queue: Pick<WriteQueue, "write" | "writePaced">;
  readonly limits?: AsideLimits | undefined;
}

/** Blocks that hang together, from one that was executed on. */
interface Branch {
  blocks: number;
  bytes: number;
}

/** Blocks removed in one write. */
const REMOVED_AT_ONCE = 256;

/**
 * Which blocks are kept though nobody executed them: branches that begin below the states held. They cost whoever sends
 * them nothing but their headers' rules, so there is a bound: beyond it the branch that was added to longest ago goes,
 * whole; a branch that is alone too large takes no more.
 */
export class AsideBlocks {
  readonly #options: AsideBlocksOptions;
  readonly #limits: AsideLimits;
  /** BOUNDED: limits.asideBlocks, by block hash. */
  #branchOf = new ByteMap<Branch>();
  /** In the order they were last added to; at a start, by number. BOUNDED: as `#branchOf`. */
  readonly #branches = new Set<Branch>();
  #bytes = 0;
  #isLoaded = false;

  constructor(options: AsideBlocksOptions) {
    this.#options = options;
    this.#limits = options.limits ?? { blocks: limits.asideBlocks, bytes: limits.asideBytes };
  }

  /**
   * Stores a block of a branch whose states are not here; it is executed if the branch becomes the better chain. Its header
   * was verified.
   * @throws CORE_BODY_MISMATCH, CORE_ASIDE_FULL
   */
  async put(block: Block): Promise<InsertResult> {
    const { db, headers, queue } = this.#options;
    const { header } = block;
    verifyBody(block);
    const batch = db.batch();
    writeBody(batch, header.number, header.hash, block);
    const sizeBytes = batch.sizeBytes + encodeHeader(header).length;
    const row = { number: header.number, hash: header.hash, parentHash: header.parentHash, sizeBytes };
    await this.#makeRoom(row);
    const staged = headers.stage([header], batch);
    writeAside(batch, row);
    this.#count(row);
    queue.write(batch);
    headers.commit(staged);
    return staged;
  }

  /** The block was executed, or removed: its row goes with `batch`. */
  drop(batch: Writer, place: BlockPlace): void {
    // one of an earlier run may not have been counted yet
    deleteAside(batch, place);
    const branch = this.#branchOf.get(place.hash);
    if (branch === undefined) return;
    this.#branchOf.delete(place.hash);
    // exact sizes are on disk only; a branch's blocks are much alike
    const share = Math.ceil(branch.bytes / branch.blocks);
    branch.bytes -= share;
    this.#bytes -= share;
    branch.blocks--;
    if (branch.blocks === 0) this.#branches.delete(branch);
  }

  /** Removes blocks that are not on the canonical chain, whether they were put here or not. */
  forget(places: readonly BlockPlace[]): void {
    this.#options.queue.write(this.#removal(places));
  }

  /**
   * Room for one more block on top of `parentHash`: what was added to longest ago goes.
   * @throws CORE_ASIDE_FULL when the branch it belongs to fills all of it; nothing has been changed then
   */
  async #makeRoom({ number, parentHash, sizeBytes }: AsideRow): Promise<void> {
    await this.#load();
    const own = this.#branchOf.get(parentHash);
    const { blocks, bytes } = this.#limits;
    if ((own?.blocks ?? 0) + 1 > blocks || (own?.bytes ?? 0) + sizeBytes > bytes)
      throw CoreError("ASIDE_FULL", { number, blocks, bytes });
    const victims = new Set<Branch>();
    let [count, total] = [this.#branchOf.size + 1, this.#bytes + sizeBytes];
    for (const branch of this.#branches) {
      if (count <= blocks && total <= bytes) break;
      if (branch === own) continue;
      victims.add(branch);
      count -= branch.blocks;
      total -= branch.bytes;
    }
    if (victims.size > 0) await this.#forgetBranches(victims);
  }

  async #load(): Promise<void> {
    if (this.#isLoaded) return;
    for await (const row of iterateAside(this.#options.db)) this.#count(row);
    this.#isLoaded = true;
  }

  #count({ hash, parentHash, sizeBytes }: AsideRow): void {
    if (this.#branchOf.has(hash)) return;
    const branch = this.#branchOf.get(parentHash) ?? { blocks: 0, bytes: 0 };
    branch.blocks++;
    branch.bytes += sizeBytes;
    this.#bytes += sizeBytes;
    this.#branchOf.set(hash, branch);
    this.#branches.delete(branch);
    this.#branches.add(branch);
  }

  /** From above, so that what is left after a crash still hangs together. */
  async #forgetBranches(victims: ReadonlySet<Branch>): Promise<void> {
    const { db, queue } = this.#options;
    const some: BlockPlace[] = [];
    const flush = () => queue.writePaced(() => this.#removal(some.splice(0)));
    for await (const row of iterateAside(db, { fromAbove: true })) {
      const branch = this.#branchOf.get(row.hash);
      if (branch === undefined || !victims.has(branch)) continue;
      some.push(row);
      if (some.length === REMOVED_AT_ONCE) await flush();
    }
    if (some.length > 0) await flush();
  }

  #removal(places: readonly BlockPlace[]): Batch {
    const batch = this.#options.db.batch();
    this.#options.blocks.remove(places, batch);
    for (const place of places) this.drop(batch, place);
    return batch;
  }
}
