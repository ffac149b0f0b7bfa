import type { Block } from "#core/types";
import { equalBytes, GlimError, isError } from "#util";
import { limits } from "./limits.ts";

/** Blocks that broke a rule, for who looks into why (debug_getBadBlocks). BOUNDED: limits.badBlocks, the oldest goes. */
export class BadBlocks {
  #blocks: readonly Block[] = [];

  get newestFirst(): readonly Block[] {
    return this.#blocks;
  }

  /** Keeps a block if the error is about its content, and throws the error again. */
  note(block: Block, error: unknown): never {
    const isBad =
      error instanceof GlimError &&
      error.blame === "peer" &&
      !isError(error, "CONSENSUS_UNKNOWN_ANCESTOR") &&
      !isError(error, "CORE_ASIDE_FULL");
    if (isBad) {
      const others = this.#blocks.filter((one) => !equalBytes(one.header.hash, block.header.hash));
      this.#blocks = [block, ...others].slice(0, limits.badBlocks);
    }
    throw error;
  }
}
