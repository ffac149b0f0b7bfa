import { type AsidePlace, deleteAside, iterateAside, type Writer, writeAside } from "#core/rawdb";
import type { Batch, KeyValueStore } from "#ethdb";
import { ByteMap } from "#util";
import { CoreError } from "./errors.ts";
import { limits } from "./limits.ts";

export interface AsideLimits {
  readonly blocks: number;
  readonly bytes: number;
}

export interface AsideBlocksOptions {
  readonly db: KeyValueStore;
  readonly limits?: AsideLimits | undefined;
  /** Makes the batch and writes it; lets others run when it is time. */
  readonly write: (make: () => Batch) => Promise<void>;
  /** Removes what is stored of these blocks, but their rows here. */
  readonly remove: (blocks: readonly AsidePlace[], batch: Batch) => void;
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

  /** Blocks kept. Those of earlier runs are counted from the first `makeRoom` on. */
  get size(): number {
    return this.#branchOf.size;
  }

  /**
   * Room for one more block on top of `parentHash`: what was added to longest ago goes.
   * @throws CORE_ASIDE_FULL when the branch it belongs to fills all of it; nothing has been changed then
   */
  async makeRoom(place: AsidePlace, parentHash: Uint8Array, sizeBytes: number): Promise<void> {
    await this.#load();
    const own = this.#branchOf.get(parentHash);
    const { blocks, bytes } = this.#limits;
    if ((own?.blocks ?? 0) + 1 > blocks || (own?.bytes ?? 0) + sizeBytes > bytes)
      throw CoreError("ASIDE_FULL", { number: place.number, blocks, bytes });
    const victims = new Set<Branch>();
    let [count, total] = [this.size + 1, this.#bytes + sizeBytes];
    for (const branch of this.#branches) {
      if (count <= blocks && total <= bytes) break;
      if (branch === own) continue;
      victims.add(branch);
      count -= branch.blocks;
      total -= branch.bytes;
    }
    if (victims.size > 0) await this.#forget(victims);
  }

  /** Takes the block's row into the batch that stores the block. */
  add(batch: Writer, place: AsidePlace, parentHash: Uint8Array, sizeBytes: number): void {
    writeAside(batch, { ...place, parentHash, sizeBytes });
    this.#count(place, parentHash, sizeBytes);
  }

  /** The block was executed, or removed by somebody else. */
  drop(batch: Writer, place: AsidePlace): void {
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

  async #load(): Promise<void> {
    if (this.#isLoaded) return;
    for await (const row of iterateAside(this.#options.db)) this.#count(row, row.parentHash, row.sizeBytes);
    this.#isLoaded = true;
  }

  #count({ hash }: AsidePlace, parentHash: Uint8Array, sizeBytes: number): void {
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
  async #forget(victims: ReadonlySet<Branch>): Promise<void> {
    const { db, write, remove } = this.#options;
    let some: AsidePlace[] = [];
    const flush = () =>
      write(() => {
        const batch = db.batch();
        remove(some, batch);
        for (const place of some) this.drop(batch, place);
        some = [];
        return batch;
      });
    for await (const row of iterateAside(db, { fromAbove: true })) {
      const branch = this.#branchOf.get(row.hash);
      if (branch === undefined || !victims.has(branch)) continue;
      some.push(row);
      if (some.length === REMOVED_AT_ONCE) await flush();
    }
    if (some.length > 0) await flush();
  }
}
