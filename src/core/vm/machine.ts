import { type Common, Hardfork } from "@ethereumjs/common";
import { createEVM, type EVM, type PrecompileFunc } from "@ethereumjs/evm";
import type { ChainConfig, Fork } from "#params";
import { fromHex } from "#util";
import { commonFor } from "./common.ts";
import { Frames } from "./frames.ts";
import { Guard } from "./guard.ts";
import { installJournal, Journal } from "./journal.ts";
import { adopt, rememberJumps } from "./jump-tables.ts";
import { OverlayState } from "./overlay.ts";
import { movedPrecompiles } from "./precompile-moves.ts";
import { watchPrecompiles } from "./precompiles.ts";
import { Tap } from "./tap.ts";
import type { MaybePromise, StateReader } from "./state-reader.ts";
import type { AccountOverride } from "./types.ts";

export type BlockHashes = (number: number) => MaybePromise<Uint8Array | undefined>;

const NO_STATE: StateReader = {
  account: () => undefined,
  storage: () => NO_HASH,
  code: () => new Uint8Array(0),
};
const NO_HASH = new Uint8Array(32);
const JUMPDEST = 0x5b;
const JUMPDEST_GAS = 1;
/** BOUNDED: idle machines kept per chain and fork: as many as run at once (ethapi callsAtOnce), for making one costs more than a call. */
const MAX_IDLE = 16;

/** An EVM with its state and watch, used by one run at a time. */
export class Machine {
  readonly evm: EVM;
  readonly state: OverlayState;
  readonly journal: Journal;
  guard = new Guard();
  hashes: BlockHashes | undefined;
  /** Addresses of contracts that creation began for in this run, those undone included. */
  readonly created: Uint8Array[] = [];
  /** Addresses of the fork's precompiles. */
  readonly precompiles: readonly Uint8Array[];
  /** What answers there, by the library's keys. */
  readonly #natural: ReadonlyMap<string, PrecompileFunc>;
  #areMoved = false;
  /** Only in a machine that was made to be looked at. */
  tap: Tap | undefined;

  constructor(evm: EVM, state: OverlayState) {
    this.evm = evm;
    this.state = state;
    this.journal = new Journal(state, { removesEmpty: evm.common.gteHardfork(Hardfork.SpuriousDragon) });
    installJournal(evm, this.journal);
    adopt(evm, () => this.guard.memory);
    watchPrecompiles(evm, () => this.guard);
    this.#natural = new Map(evm.precompiles);
    this.precompiles = [...this.#natural.keys()].map((address) => fromHex(address));
    evm.events.on("beforeMessage", (_message, done) => {
      if (done === undefined) this.guard.look();
      else this.guard.checkMessage(done);
    });
    evm.events.on("newContract", (event) => {
      this.created.push(event.address.bytes);
    });
  }

  begin(reader: StateReader, guard: Guard, hashes: BlockHashes | undefined): void {
    this.state.reset(reader);
    this.guard = guard;
    this.hashes = hashes;
    this.created.length = 0;
  }

  /** Puts precompiles, until the end of this run, where overrides want them. @throws VM_BAD_OVERRIDE */
  rearrange(overrides: readonly AccountOverride[]): void {
    const moved = movedPrecompiles(this.#natural, overrides);
    if (moved === undefined) return;
    this.#areMoved = true;
    this.#answerAt(moved);
  }

  /** Some precompiles answer elsewhere than at their own addresses now. */
  get areMoved(): boolean {
    return this.#areMoved;
  }

  #answerAt(precompiles: ReadonlyMap<string, PrecompileFunc>): void {
    this.evm.precompiles.clear();
    for (const [address, run] of precompiles) this.evm.precompiles.set(address, run);
  }

  end(): void {
    if (this.#areMoved) this.#answerAt(this.#natural);
    this.#areMoved = false;
    this.state.reset();
    this.hashes = undefined;
    this.journal.cleanJournal();
    this.evm.transientStorage.clear();
  }
}

/** @param isTraced - the library's frames, which the tap knows */
async function createMachine(common: Common, isTraced: boolean): Promise<Machine> {
  const state = new OverlayState();
  let machine: Machine | undefined;
  let interpreter: object | undefined;
  const getBlock = async (number: number) => {
    const hash = (await machine?.hashes?.(number)) ?? NO_HASH;
    return { hash: () => hash };
  };
  const blockchain = { getBlock, putBlock: async () => {}, shallowCopy: () => blockchain };
  const jumpdest = {
    opcode: JUMPDEST,
    opcodeName: "JUMPDEST",
    baseFee: JUMPDEST_GAS,
    logicFunction: (runState: { interpreter: object }) => {
      interpreter ??= runState.interpreter;
      rememberJumps(runState.interpreter);
      return machine?.guard.check();
    },
  };
  const evm = await createEVM({ common, stateManager: state, blockchain, customOpcodes: [jumpdest] });
  // it waits for a fork that never comes, and the Common, which lives on, would hold every EVM that was ever made
  common.events.removeAllListeners("hardforkChanged");
  machine = new Machine(evm, state);
  // so that the library's interpreter is known, and what is done to it stands, before the first frame that counts
  machine.begin(NO_STATE, machine.guard, undefined);
  await evm.runCode({ code: Uint8Array.of(JUMPDEST), gasLimit: 1n });
  machine.end();
  const { journal } = machine;
  const made = machine;
  if (!isTraced && interpreter !== undefined)
    new Frames({ evm, state, journal, guard: () => made.guard, areMoved: () => made.areMoved }).install(
      interpreter,
    );
  return machine;
}

interface Kind {
  readonly common: Common;
  readonly idle: Machine[];
}

/** By configuration object and fork: a Common and EVMs are made once, not per call. Forgotten with the configuration. */
const kinds = new WeakMap<ChainConfig, Map<Fork, Kind>>();

function kindOf(config: ChainConfig, fork: Fork): Kind {
  let forks = kinds.get(config);
  if (forks === undefined) kinds.set(config, (forks = new Map()));
  let kind = forks.get(fork);
  if (kind === undefined) forks.set(fork, (kind = { common: commonFor(config.chainId, fork), idle: [] }));
  return kind;
}

/** Takes an idle machine, or makes one. */
export async function takeMachine(config: ChainConfig, fork: Fork): Promise<Machine> {
  const kind = kindOf(config, fork);
  return kind.idle.pop() ?? createMachine(kind.common, false);
}

/** A machine whose opcodes tell a tracer. It is made anew each time and used once. */
export async function tracedMachine(config: ChainConfig, fork: Fork): Promise<Machine> {
  const machine = await createMachine(kindOf(config, fork).common, true);
  machine.tap = new Tap(machine.evm, machine.state, () => machine.guard);
  return machine;
}

/** Gives a machine back after a run that ended well; one that threw is left to the collector, its journal half open. */
export function giveBack(config: ChainConfig, fork: Fork, machine: Machine): void {
  machine.end();
  const { idle } = kindOf(config, fork);
  if (idle.length < MAX_IDLE && machine.tap === undefined) idle.push(machine);
}
