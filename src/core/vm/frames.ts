// long: a frame and the two messages that open one, which know each other's members
import { EVMError, type EVM } from "@ethereumjs/evm";
import { Account as EvmAccount, Address } from "@ethereumjs/util";
import { equalBytes, toHex } from "#util";
import type { EvmBlock } from "./block-context.ts";
import { FrameStack, OwnMemory } from "./frame-parts.ts";
import type { Guard } from "./guard.ts";
import type { Journal } from "./journal.ts";
import { meterFrame, releaseFrame } from "./memory-meter.ts";
import { NOBODY } from "./nobody.ts";
import { opName } from "./opcodes.ts";
import { type OwnOpcode, ownOpcodes } from "./own-opcodes.ts";
import type { OverlayState } from "./overlay.ts";
import type {
  FrameEnv,
  FrameFace,
  FrameLog,
  FrameMessage,
  FrameOutcome,
  Precompile,
  Pushes,
  RunState,
} from "./run-state.ts";
import type { Account, MaybePromise } from "./state-reader.ts";

const NOTHING = new Uint8Array(0);
const NO_PUSHES: Pushes = [];
const DELEGATION = Uint8Array.of(0xef, 0x01, 0x00);
/** A balance is below this. */
const TOO_MUCH = 1n << 256n;
const JUMPDEST = 0x5b;
const PUSH1 = 0x60;
const PUSH32 = 0x7f;
const REVERT = EVMError.errorMessages.REVERT;

/** An opcode of the library's. */
interface TheirOpcode {
  readonly opcodeInfo: {
    readonly feeBigInt: bigint;
    readonly dynamicGas: boolean;
    readonly isInvalid: boolean;
  };
  readonly opHandler: (run: RunState, common: EVM["common"]) => MaybePromise<void>;
  readonly gasHandler?: (run: RunState, gas: bigint, common: EVM["common"]) => MaybePromise<bigint>;
}

/** Members of the library's EVM that it does not show, and those that are put in here. */
interface EvmInside {
  _block: EvmBlock;
  _tx: { readonly gasPrice: bigint; readonly origin: Address };
  readonly _opcodeMap: readonly TheirOpcode[];
  runCall: (options: CallOptions) => Promise<{ execResult: FrameOutcome; createdAddress?: Address }>;
  runInterpreter: (message: FrameMessage) => Promise<FrameOutcome>;
  readonly precompiles: ReadonlyMap<string, Precompile>;
}

/** What `runCall` is asked: a frame of a frame has `message` only. */
interface CallOptions {
  readonly message?: FrameMessage;
  readonly block?: EvmBlock;
  readonly caller?: Address;
  readonly origin?: Address;
  readonly gasPrice?: bigint;
  readonly gasLimit?: bigint;
  readonly to?: Address;
  readonly value?: bigint;
  readonly data?: Uint8Array;
  readonly blobVersionedHashes?: readonly string[];
}

/** What is known of a code. */
interface Analysis {
  /** 1 where a JUMPDEST is. */
  readonly jumps: Uint8Array;
  readonly pushes: Pushes;
}

/** No contract's code is as long, one that a call brings along may be: no room is made for a push at each of its bytes. */
const LONG_CODE = 256 * 1024;

function analyse(code: Uint8Array): Analysis {
  const jumps = new Uint8Array(code.length);
  for (let at = 0; at < code.length; at++) {
    const op = code[at] ?? 0;
    if (op === JUMPDEST) jumps[at] = 1;
    else if (op >= PUSH1 && op <= PUSH32) at += op - PUSH1 + 1;
  }
  return { jumps, pushes: code.length > LONG_CODE ? [] : new Array<bigint | undefined>(code.length) };
}

/** What the frames of one EVM share. */
export interface Ground {
  readonly evm: EVM;
  readonly state: OverlayState;
  readonly journal: Journal;
  readonly guard: () => Guard;
  /** Some precompiles answer elsewhere than at their own addresses now. */
  readonly areMoved: () => boolean;
}

/**
 * Runs messages in place of ethereumjs' EVM and Interpreter, whose promise at every opcode, eight kilobytes at every frame and
 * copied objects cost several times what the opcodes do. Opcodes that are not ours (`own-opcodes.ts`), creations and
 * precompiles stay theirs: they meet a frame under the names they know.
 */
export class Frames {
  readonly ground: Ground;
  readonly own: readonly (OwnOpcode | undefined)[];
  readonly inside: EvmInside;
  readonly #create: EvmInside["runCall"];
  readonly #hasTransient: boolean;
  readonly #hasDelegations: boolean;
  /** By code array. BOUNDED by the codes that are alive: one goes with its array. */
  readonly #analyses = new WeakMap<Uint8Array, Analysis>();

  constructor(ground: Ground) {
    const { evm, state } = ground;
    this.ground = ground;
    this.inside = evm as unknown as EvmInside; // protected members, see there
    const { common } = evm;
    this.#hasTransient = common.isActivatedEIP(1153);
    this.#hasDelegations = common.isActivatedEIP(7702);
    const fees = this.inside._opcodeMap.map(({ opcodeInfo }) => opcodeInfo.feeBigInt);
    const own = ownOpcodes({ fees, state, common, isBerlin: common.isActivatedEIP(2929) });
    const jumpdestFee = fees[JUMPDEST] ?? 0n;
    own[JUMPDEST] = (frame) => {
      frame.useGas(jumpdestFee);
      return ground.guard().check();
    };
    this.own = own;
    this.#create = this.inside.runCall.bind(evm);
  }

  /** From here on messages of this EVM run here. @param interpreter - an instance of theirs, because the class is not exported */
  install(interpreter: object): void {
    adoptFace(Object.getPrototypeOf(interpreter) as object);
    this.inside.runCall = (options) => this.runCall(options);
    this.inside.runInterpreter = (message) => this.runFrame(message);
  }

  /** What is known of a code; undefined: it was not looked at. */
  known(code: Uint8Array): Analysis | undefined {
    return this.#analyses.get(code);
  }

  analyse(code: Uint8Array): Analysis {
    const known = this.#analyses.get(code) ?? analyse(code);
    this.#analyses.set(code, known);
    return known;
  }

  /** A message of a transaction (`options` without `message`), or of a frame. @see evm.js runCall */
  async runCall(options: CallOptions): Promise<{ execResult: FrameOutcome; createdAddress?: Address }> {
    if ((options.message ?? options).to === undefined) return this.#create(options);
    const message = options.message ?? this.#first(options);
    const { state, guard } = this.ground;
    // waits a moment in any case: frames in frames must not fill the stack of this thread
    await new Promise<void>((done) => guard().checkMessage(done));
    state.mark();
    const { transientStorage } = this.ground.evm;
    if (this.#hasTransient) transientStorage.checkpoint();
    const execResult = await this.#execute(message);
    if (execResult.exceptionError === undefined) {
      state.keep();
      if (this.#hasTransient) transientStorage.commit();
      return { execResult };
    }
    execResult.selfdestruct = new Map();
    execResult.createdAddresses = new Set();
    execResult.gasRefund = 0n;
    execResult.logs = [];
    state.undo();
    if (this.#hasTransient) transientStorage.revert();
    return { execResult };
  }

  #first(options: CallOptions): FrameMessage {
    const to = options.to as Address; // runCall looked
    const caller = options.caller as Address; // message.ts gives it
    this.inside._block = options.block as EvmBlock;
    this.inside._tx = { gasPrice: options.gasPrice ?? 0n, origin: options.origin ?? caller };
    return {
      to,
      caller,
      codeAddress: to,
      value: options.value ?? 0n,
      gasLimit: options.gasLimit ?? 0n,
      data: options.data ?? NOTHING,
      depth: 0,
      isStatic: false,
      delegatecall: false,
      gasRefund: 0n,
      code: undefined,
      selfdestruct: new Map(),
      createdAddresses: new Set(),
      blobVersionedHashes: options.blobVersionedHashes,
    };
  }

  /** Moves the value, finds the code and runs it. @see evm.js _executeCall */
  async #execute(message: FrameMessage): Promise<FrameOutcome> {
    const moved = message.delegatecall ? undefined : this.#move(message);
    const exceptionError = moved instanceof Promise ? await moved : moved;
    const found = this.#code(message);
    const code = found instanceof Promise ? await found : found;
    if (exceptionError !== undefined || code.length === 0)
      return { returnValue: NOTHING, executionGasUsed: 0n, gasRefund: message.gasRefund, exceptionError };
    const isPrecompile = typeof code === "function";
    message.code = code;
    const result = await (isPrecompile ? this.#precompile(message, code) : this.runFrame(message));
    if (message.depth === 0 && this.#hasTransient) this.ground.evm.transientStorage.clear();
    return result;
  }

  async #precompile({ data, gasLimit, gasRefund }: FrameMessage, run: Precompile): Promise<FrameOutcome> {
    const { evm, state } = this.ground;
    const result = await run({ data, gasLimit, common: evm.common, _EVM: evm, stateManager: state });
    result.gasRefund = gasRefund;
    return result;
  }

  /** Takes the value from the caller and gives it; both are touched, even by nothing. */
  #move({ caller, to, value }: FrameMessage): MaybePromise<EVMError | undefined> {
    if (caller === NOBODY) return undefined;
    const { state } = this.ground;
    const from = caller.bytes;
    const target = (to as Address).bytes; // a call has it
    const give = (account: Account | undefined): EVMError | undefined => {
      if ((account?.balance ?? 0n) + value >= TOO_MUCH)
        return new EVMError(EVMError.errorMessages.VALUE_OVERFLOW);
      this.#pay(target, account, value);
      return undefined;
    };
    const take = (account: Account | undefined): MaybePromise<EVMError | undefined> => {
      const isShort = (account?.balance ?? 0n) < value;
      if (!isShort) this.#pay(from, account, -value);
      const receiver = state.account(target);
      const given = receiver instanceof Promise ? receiver.then(give) : give(receiver);
      if (!isShort) return given;
      const error = new EVMError(EVMError.errorMessages.INSUFFICIENT_BALANCE);
      return given instanceof Promise ? given.then((late) => late ?? error) : (given ?? error);
    };
    const sender = state.account(from);
    return sender instanceof Promise ? sender.then(take) : take(sender);
  }

  /** An account whose balance changes, or that is only touched; one that was not there is made. */
  #pay(address: Uint8Array, account: Account | undefined, wei: bigint): void {
    const { state, journal } = this.ground;
    journal.touch(address);
    if (account !== undefined && wei === 0n) return;
    state.setBalance(address, account, (account?.balance ?? 0n) + wei);
  }

  #code(message: FrameMessage): MaybePromise<Uint8Array | Precompile> {
    if (message.code !== undefined) return message.code;
    const { state } = this.ground;
    const { bytes } = message.codeAddress;
    const isLikely = isLow(bytes) || this.ground.areMoved();
    const precompile = isLikely ? this.inside.precompiles.get(hexOf(bytes)) : undefined;
    if (precompile !== undefined) return precompile;
    const code = state.code(bytes);
    if (!this.#hasDelegations) return code;
    return code instanceof Promise
      ? code.then((late) => this.#delegated(message, late))
      : this.#delegated(message, code);
  }

  /** EIP-7702. */
  #delegated({ depth }: FrameMessage, code: Uint8Array): MaybePromise<Uint8Array> {
    if (code.length < 3 || !equalBytes(code.subarray(0, 3), DELEGATION)) return code;
    const address = code.slice(3, 23);
    if (depth === 0) this.ground.state.warm(address);
    return this.ground.state.code(address);
  }

  /** Runs a code that was found. @see evm.js runInterpreter */
  async runFrame(message: FrameMessage): Promise<FrameOutcome> {
    const { state } = this.ground;
    const { to, gasLimit } = message;
    const address = (to ?? message.caller).bytes;
    const read = state.account(address);
    const account = read instanceof Promise ? await read : read;
    const frame = new Frame(this, message, account);
    const { run, _result: result } = frame;
    meterFrame(run.memory, this.ground.guard().memory);
    await frame.go();
    releaseFrame(run.memory);
    const { failure } = frame;
    const isTaken = failure !== undefined && failure.error !== REVERT;
    const gasRefund = run.gasRefund;
    const executionGasUsed = isTaken ? gasLimit : gasLimit - run.gasLeft;
    const returnValue = result.returnValue ?? NOTHING;
    if (failure === undefined) return { ...result, returnValue, executionGasUsed, gasRefund };
    return {
      ...{ returnValue, executionGasUsed, gasRefund, exceptionError: failure },
      ...{ logs: [], selfdestruct: new Map(), createdAddresses: new Set() },
    };
  }
}

interface FrameResult {
  logs: FrameLog[];
  returnValue: Uint8Array | undefined;
  selfdestruct: Map<string, string>;
  createdAddresses: Set<string> | undefined;
}

/** One frame: what theirs calls an interpreter, whose methods it inherits (`adoptFace`). */
export class Frame implements FrameFace {
  readonly run: RunState;
  readonly frames: Frames;
  /** Why it ended, if not well. */
  failure: EVMError | undefined;
  // the names under which the library's opcodes look
  readonly _evm: EVM;
  readonly _stateManager: OverlayState;
  readonly _runState: RunState;
  readonly _env: FrameEnv;
  readonly _result: FrameResult;
  readonly common: EVM["common"];
  readonly journal: Journal;

  constructor(frames: Frames, message: FrameMessage, account: Account | undefined) {
    const { evm, state, journal } = frames.ground;
    const code = message.code as Uint8Array; // whoever opens a frame found it
    this.frames = frames;
    this._evm = evm;
    this._stateManager = state;
    this.common = evm.common;
    this.journal = journal;
    this._env = envOf(frames, message, code, account);
    this._result = {
      logs: [],
      returnValue: undefined,
      selfdestruct: message.selfdestruct ?? new Map(),
      createdAddresses: message.createdAddresses,
    };
    const known = frames.known(code);
    this.run = this._runState = {
      programCounter: 0,
      opCode: 0xfe,
      memory: new OwnMemory(),
      memoryWordCount: 0n,
      highestMemCost: 0n,
      stack: new FrameStack(),
      code,
      validJumps: known?.jumps ?? NOTHING,
      cachedPushes: known?.pushes ?? NO_PUSHES,
      shouldDoJumpAnalysis: true,
      stateManager: state,
      blockchain: evm.blockchain,
      env: this._env,
      interpreter: this,
      gasRefund: message.gasRefund,
      gasLeft: message.gasLimit,
      stateGasSpilled: 0n,
      returnBytes: NOTHING,
    };
  }

  /** Runs until the code ends, fails or has to wait, and then on. @throws what is not the code's doing */
  async go(): Promise<void> {
    const { run } = this;
    const { code } = run;
    const { own, inside } = this.frames;
    try {
      while (run.programCounter < code.length) {
        const op = code[run.programCounter] ?? 0;
        run.opCode = op;
        const ours = own[op];
        const turn =
          ours === undefined ? this.#step(inside._opcodeMap[op]) : (run.programCounter++, ours(this));
        if (turn !== undefined) await turn;
      }
    } catch (error) {
      if (!(error instanceof EVMError)) throw error;
      if (error.error !== EVMError.errorMessages.STOP) this.failure = error;
    }
  }

  /** One of the library's opcodes. @see interpreter.js runStep */
  #step(entry: TheirOpcode | undefined): MaybePromise<void> {
    if (entry === undefined) throw invalidOpcode(this.run.opCode);
    const { opcodeInfo, gasHandler } = entry;
    if (!opcodeInfo.dynamicGas || gasHandler === undefined) return this.#do(entry, opcodeInfo.feeBigInt);
    const gas = gasHandler(this.run, opcodeInfo.feeBigInt, this.common);
    return gas instanceof Promise ? gas.then((late) => this.#do(entry, late)) : this.#do(entry, gas);
  }

  #do({ opcodeInfo, opHandler }: TheirOpcode, gas: bigint): MaybePromise<void> {
    if (opcodeInfo.isInvalid) throw invalidOpcode(this.run.opCode);
    this.useGas(gas);
    this.run.programCounter++;
    return opHandler(this.run, this.common);
  }

  useGas(amount: bigint): void {
    const left = this.run.gasLeft - amount;
    this.run.gasLeft = left < 0n ? 0n : left;
    if (left < 0n) throw new EVMError(EVMError.errorMessages.OUT_OF_GAS);
  }

  /** `amount` may be negative. */
  refund(amount: bigint): void {
    const sum = this.run.gasRefund + amount;
    this.run.gasRefund = sum < 0n ? 0n : sum;
    if (sum < 0n) throw new EVMError(EVMError.errorMessages.REFUND_EXHAUSTED);
  }

  /** The slot of its own that is read or written is warm from here on (EIP-2929). */
  warmSlot(slot: Uint8Array): void {
    this.journal.addWarmedStorage(this._env.address.bytes, slot);
  }

  addLog(log: FrameLog): void {
    this._result.logs.push(log);
  }

  /** Its last opcode: the code is over. */
  end(returnValue: Uint8Array | undefined, failure: EVMError | undefined): void {
    this._result.returnValue = returnValue;
    this.failure = failure;
    this.run.programCounter = this.run.code.length;
  }

  /** As `end`, from an opcode of theirs. */
  finish(returnValue: Uint8Array): void {
    this.end(returnValue, undefined);
  }

  /** Finds the destinations of jumps. */
  lookAtCode(): void {
    const { jumps, pushes } = this.frames.analyse(this.run.code);
    this.run.validJumps = jumps;
    this.run.cachedPushes = pushes;
  }
}

function envOf(
  { inside }: Frames,
  message: FrameMessage,
  code: Uint8Array,
  account: Account | undefined,
): FrameEnv {
  const { caller, to = caller } = message;
  return {
    address: to,
    caller,
    callData: message.data,
    callValue: message.value,
    code,
    isStatic: message.isStatic,
    isCreate: message.isCreate ?? false,
    depth: message.depth,
    gasPrice: inside._tx.gasPrice,
    origin: inside._tx.origin,
    block: inside._block,
    contract:
      account === undefined
        ? new EvmAccount()
        : new EvmAccount(account.nonce, account.balance, account.storageRoot, account.codeHash),
    codeAddress: message.codeAddress,
    gasRefund: message.gasRefund,
    blobVersionedHashes: message.blobVersionedHashes ?? [],
    createdAddresses: message.createdAddresses,
  };
}

/** In geth's words, which name the opcode: `invalid opcode: INVALID`, `invalid opcode: opcode 0xef not defined`. */
function invalidOpcode(op: number): EVMError {
  const error = new EVMError(EVMError.errorMessages.INVALID_OPCODE);
  // as: the library's type lists its own texts
  error.error = `invalid opcode: ${opName(op)}` as typeof error.error;
  return error;
}

/** Frames inherit the methods of their Interpreter, which is one class for all EVMs of the process. */
function adoptFace(prototype: object): void {
  if (Object.getPrototypeOf(Frame.prototype) !== prototype) Object.setPrototypeOf(Frame.prototype, prototype);
}

/** Only addresses of two bytes are precompiles, unless they were moved. */
function isLow(address: Uint8Array): boolean {
  for (let i = 0; i < 18; i++) if (address[i] !== 0) return false;
  return true;
}

const hexOf = (address: Uint8Array): string =>
  isLow(address)
    ? (((address[18] ?? 0) << 8) | (address[19] ?? 0)).toString(16).padStart(40, "0")
    : toHex(address).slice(2);
