import { type Block, type Header, type Transaction } from "#core/types";
import type { TriesRunner } from "#core/state";
import type { PrecompileRunner } from "#core/vm";
import type { Clock } from "#host";
import { type BuildOptions, type BuiltBlock, buildBlock } from "./build.ts";
import type { HeaderChain } from "./header-chain.ts";
import { type Executed, processBlock } from "./process.ts";
import type { StateStore } from "./state-store.ts";
import { type ExecutionWitness, makeWitness } from "./witness.ts";

export interface BlockExecutorOptions {
  readonly headers: HeaderChain;
  readonly states: Pick<StateStore, "reader" | "nodes" | "codes">;
  readonly clock: Pick<Clock, "unixSeconds" | "now">;
  /** Where dear precompiles run; absent: in place. */
  readonly precompiles?: PrecompileRunner | undefined;
  /** Where the tries of large blocks are made; absent: in place. */
  readonly tries?: TriesRunner | undefined;
}

/** Runs blocks on the state of their parent, which is here. Stores nothing. */
export class BlockExecutor {
  readonly #options: BlockExecutorOptions;
  /** Results of blocks built here, so that inserting one does not execute it again. Lives as long as the block object. */
  readonly #built = new WeakMap<Block, Executed>();

  constructor(options: BlockExecutorOptions) {
    this.#options = options;
  }

  /** @throws CORE_BODY_MISMATCH, CORE_EXECUTION_FAILED, CORE_EXECUTION_MISMATCH; CORE_STATE_UNAVAILABLE */
  async execute(block: Block, parent: Header): Promise<Executed> {
    const { headers: chain, states, precompiles, tries, clock } = this.#options;
    const built = this.#built.get(block);
    if (built !== undefined) return built;
    const { nodes } = states;
    return processBlock({
      ...{ chain, nodes, parent, block, precompiles, tries, clock },
      reader: states.reader(parent),
    });
  }

  /** A sealed block on top of `parent`. @throws CORE_STATE_UNAVAILABLE; the engine's when it has nobody to seal */
  async build(
    parent: Header,
    transactions: readonly Transaction[],
    options: BuildOptions,
  ): Promise<BuiltBlock> {
    const { headers: chain, states, tries, clock } = this.#options;
    const { built, executed } = await buildBlock({
      ...{ chain, parent, transactions, nodes: states.nodes, tries, clock },
      reader: states.reader(parent),
      options: { ...options, time: options.time ?? clock.unixSeconds() },
    });
    this.#built.set(built.block, executed);
    return built;
  }

  /** What executing that block reads. @throws as `execute` */
  witness(block: Block, parent: Header): Promise<ExecutionWitness> {
    const { headers: chain, states } = this.#options;
    return makeWitness({ chain, nodes: states.nodes, codes: states.codes, block, parent });
  }
}
