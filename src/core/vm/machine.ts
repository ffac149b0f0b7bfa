import { Common, Hardfork } from "@ethereumjs/common";
import { createEVM, type EVM } from "@ethereumjs/evm";
import type { KZG } from "@ethereumjs/util";
import { keccak256, recover, sha256 } from "#crypto";
import { verifyKzgProof } from "#crypto/kzg";
import type { ChainConfig, Fork } from "#params";
import { fromHex } from "#util";
import { Guard } from "./guard.ts";
import { installJournal, Journal } from "./journal.ts";
import { adopt, rememberJumps } from "./jump-tables.ts";
import { OverlayState } from "./overlay.ts";
import { Tap } from "./tap.ts";
import type { MaybePromise, StateReader } from "./state-reader.ts";

export type BlockHashes = (number: number) => MaybePromise<Uint8Array | undefined>;

const NO_HASH = new Uint8Array(32);
const JUMPDEST = 0x5b;
const JUMPDEST_GAS = 1;
/** BOUNDED: idle machines kept per chain and fork: as many as run at once (ethapi callsAtOnce), for making one costs more than a call. */
const MAX_IDLE = 16;

/** ethereumjs' forks in its order; all at block 0, because the fork is always set by hand. */
const FORK_ORDER: readonly string[] = [
  Hardfork.Chainstart,
  Hardfork.Homestead,
  Hardfork.Dao,
  Hardfork.TangerineWhistle,
  Hardfork.SpuriousDragon,
  Hardfork.Byzantium,
  Hardfork.Constantinople,
  Hardfork.Petersburg,
  Hardfork.Istanbul,
  Hardfork.MuirGlacier,
  Hardfork.Berlin,
  Hardfork.London,
  Hardfork.ArrowGlacier,
  Hardfork.GrayGlacier,
  Hardfork.Paris,
  Hardfork.Shanghai,
  Hardfork.Cancun,
  Hardfork.Prague,
  Hardfork.Osaka,
  Hardfork.Bpo1,
  Hardfork.Bpo2,
  Hardfork.Bpo3,
  Hardfork.Bpo4,
  Hardfork.Bpo5,
];

/** 64-byte key from the precompile's arguments (v 27 or 28 already checked there); throws where there is none. */
function ecrecover(hash: Uint8Array, v: bigint, r: Uint8Array, s: Uint8Array): Uint8Array {
  const signature = new Uint8Array(65);
  signature.set(r, 32 - r.length);
  signature.set(s, 64 - s.length);
  signature[64] = Number(v - 27n);
  const key = recover(hash, signature);
  if (key === undefined) throw new RangeError("no public key");
  return key;
}

/** ethereumjs' form of KZG; execution only verifies. Its arguments are hex. */
const kzg = {
  verifyProof: (commitment: string, z: string, y: string, proof: string) =>
    verifyKzgProof({ commitment: fromHex(commitment), z: fromHex(z), y: fromHex(y), proof: fromHex(proof) }),
} as unknown as KZG; // the rest of the interface makes blobs and proofs, which the EVM never asks for

/** What runs is the same from Osaka on; only the price of blobs changes, and that is #params'. Upstream knows two such forks. */
const evmFork = (fork: Fork): Fork => (/^bpo[345]$/.test(fork) ? "bpo2" : fork);

function commonFor(chainId: bigint, fork: Fork): Common {
  const common = new Common({
    chain: {
      name: "glim",
      chainId: chainId.toString(),
      genesis: { gasLimit: 5000, difficulty: 1, nonce: "0x0000000000000000", extraData: "0x" },
      hardforks: FORK_ORDER.map((name) => ({ name, block: 0 })),
      bootstrapNodes: [],
      // so that COINBASE is the header's, which is set to the author; rewards and seals are not ethereumjs' business here
      consensus: { type: "pow", algorithm: "ethash", ethash: {} },
    },
    hardfork: evmFork(fork),
    customCrypto: { keccak256: (message) => keccak256(message), ecrecover, sha256, kzg },
  });
  // asked for at every opcode, and a search through a list upstream
  const active = new Map<number, boolean>();
  const isActivated = common.isActivatedEIP.bind(common);
  common.isActivatedEIP = (eip) => {
    let known = active.get(eip);
    if (known === undefined) active.set(eip, (known = isActivated(eip)));
    return known;
  };
  return common;
}

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
  /** Only in a machine that was made to be looked at. */
  tap: Tap | undefined;

  constructor(evm: EVM, state: OverlayState) {
    this.evm = evm;
    this.state = state;
    this.journal = new Journal(state, { removesEmpty: evm.common.gteHardfork(Hardfork.SpuriousDragon) });
    installJournal(evm, this.journal);
    adopt(evm);
    this.precompiles = [...evm.precompiles.keys()].map((address) => fromHex(address));
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

  end(): void {
    this.state.reset();
    this.hashes = undefined;
    this.journal.cleanJournal();
    this.evm.transientStorage.clear();
  }
}

async function createMachine(common: Common): Promise<Machine> {
  const state = new OverlayState();
  let machine: Machine | undefined;
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
      rememberJumps(runState.interpreter);
      return machine?.guard.check();
    },
  };
  const evm = await createEVM({ common, stateManager: state, blockchain, customOpcodes: [jumpdest] });
  machine = new Machine(evm, state);
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
  return kind.idle.pop() ?? createMachine(kind.common);
}

/** A machine whose opcodes tell a tracer. It is made anew each time and used once. */
export async function tracedMachine(config: ChainConfig, fork: Fork): Promise<Machine> {
  const machine = await createMachine(kindOf(config, fork).common);
  machine.tap = new Tap(machine.evm, machine.state, () => machine.guard);
  return machine;
}

/** Gives a machine back after a run that ended well; one that threw is left to the collector, its journal half open. */
export function giveBack(config: ChainConfig, fork: Fork, machine: Machine): void {
  machine.end();
  const { idle } = kindOf(config, fork);
  if (idle.length < MAX_IDLE && machine.tap === undefined) idle.push(machine);
}
