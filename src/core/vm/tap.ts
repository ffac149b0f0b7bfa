import type { EVM } from "@ethereumjs/evm";
import { Address } from "@ethereumjs/util";
import { create2Address, createAddress } from "#core/types";
import { bigintToBytes, bytesToBigint } from "#util";
import { gethText, precompileText } from "./evm-errors.ts";
import type { Guard } from "./guard.ts";
import { opName, stackFault } from "./opcodes.ts";
import type { OverlayState } from "./overlay.ts";
import { memoryAt } from "./trace-memory.ts";
import type { FrameType, Tracer, TraceState, TraceStep } from "./tracer.ts";

/** What ethereumjs' interpreter keeps of a frame, as far as it is looked at here. */
interface RunState {
  readonly programCounter: number;
  readonly gasLeft: bigint;
  readonly gasRefund: bigint;
  readonly memoryWordCount: bigint;
  readonly memory: { readonly _store: Uint8Array };
  readonly stack: { readonly length: number; getStack(): bigint[] };
  readonly returnBytes: Uint8Array;
  readonly messageGasLimit?: bigint;
  readonly env: {
    readonly depth: number;
    readonly address: Address;
    readonly callValue: bigint;
    isStatic: boolean;
  };
}

type GasHandler = (runState: RunState, gas: bigint, common: unknown) => Promise<bigint>;
interface OpEntry {
  readonly opcodeInfo: {
    readonly dynamicGas: boolean;
    readonly isInvalid: boolean;
    readonly isAsync: boolean;
  };
  readonly opHandler: unknown;
  readonly gasHandler?: GasHandler | undefined;
}

interface Message {
  readonly depth: number;
  readonly to?: Address | undefined;
  /** Whose code runs. */
  readonly codeAddress?: Address | undefined;
  readonly caller: Address;
  readonly gasLimit: bigint;
  readonly value: bigint;
  readonly data: Uint8Array;
}

interface NextFrame {
  readonly type: FrameType;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly value: bigint | undefined;
  readonly input: Uint8Array;
  readonly gas: bigint;
}

interface Frame {
  readonly depth: number;
  readonly isCreate: boolean;
  readonly message: Message;
  /** Of its last opcode; absent: no code ran. */
  run: RunState | undefined;
  lastOp: number;
  /** Why its last opcode could not run, in geth's words. */
  fault: string | undefined;
}

const CALLS: ReadonlyMap<number, FrameType> = new Map([
  [0xf1, "CALL"],
  [0xf2, "CALLCODE"],
  [0xf4, "DELEGATECALL"],
  [0xfa, "STATICCALL"],
]);
const CREATE = 0xf0;
const CREATE2 = 0xf5;
const SELFDESTRUCT = 0xff;
/** Opcodes that end a frame; a code that ends without one of them ends with a STOP that is not written there. */
const ENDS: ReadonlySet<number> = new Set([0x00, 0xf3, 0xfd, SELFDESTRUCT]);
const NOTHING = new Uint8Array(0);

/** Stipend of a call with value (params.CallStipend). */
const CALL_STIPEND = 2300n;
const MAX_DEPTH = 1024;
/** Memory past which geth does not reckon any more (core/vm/gas_table.go memoryGasCost), words. */
const MOST_WORDS = 0x1fffffffe0n / 32n;
const RETURNDATACOPY = 0x3e;
const CALL = 0xf1;
const STATIC_FAULT = "write protection";
const SSTORE = 0x55;
/** Opcodes that a static call must not run; geth finds out before it reckons their gas. */
const EARLY_WRITES: ReadonlySet<number> = new Set([SSTORE, CREATE, CREATE2, SELFDESTRUCT]);
/** …or when it runs them: TSTORE and LOG0 to LOG4. */
const LATE_WRITES: ReadonlySet<number> = new Set([0x5d, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4]);
/** Opcodes that cost 100 at least from Berlin on, for which the library reckons everything at once. */
const ACCESSES: ReadonlySet<number> = new Set([0x31, 0x3b, 0x3c, 0x3f, ...CALLS.keys()]);
const WARM_ACCESS = 100n;

const top = (stack: readonly bigint[], place: number) => stack[stack.length - 1 - place] ?? 0n;
const addressOn = (stack: readonly bigint[], place: number) => numberToAddress(top(stack, place));
const numberToAddress = (value: bigint) => bigintToBytes(value & ((1n << 160n) - 1n), 20);
const word = (value: bigint) => bigintToBytes(value, 32);

/** A fault that the opcode itself finds, after its gas is taken; in geth's words. */
function lateFault(op: number, run: RunState, isInvalid: boolean): string | undefined {
  if (isInvalid) return `invalid opcode: ${opName(op)}`;
  if (op === RETURNDATACOPY) {
    const stack = run.stack.getStack();
    return top(stack, 1) + top(stack, 2) > BigInt(run.returnBytes.length)
      ? "return data out of bounds"
      : undefined;
  }
  return run.env.isStatic && LATE_WRITES.has(op) ? STATIC_FAULT : undefined;
}

/** The same, found before its gas is reckoned. */
function staticFault(op: number, run: RunState): string | undefined {
  if (!run.env.isStatic) return undefined;
  const isPaying = op === CALL && top(run.stack.getStack(), 2) > 0n;
  return isPaying || EARLY_WRITES.has(op) ? `out of gas: ${STATIC_FAULT}` : undefined;
}

/** The library's gas for an opcode. With `asWriter` it does not look whether the frame is static, as geth does later. */
async function reckon(
  handler: GasHandler | undefined,
  run: RunState,
  base: bigint,
  common: unknown,
  asWriter: boolean,
): Promise<{ cost: bigint; failure: unknown }> {
  if (handler === undefined) return { cost: base, failure: undefined };
  if (asWriter) run.env.isStatic = false;
  try {
    return { cost: await handler(run, base, common), failure: undefined };
  } catch (failure) {
    return { cost: base, failure };
  } finally {
    if (asWriter) run.env.isStatic = true;
  }
}

const memoryGas = (words: bigint) => 3n * words + (words * words) / 512n;

/** What geth says an opcode costs for which the library stopped reckoning. */
function gasWhenFailed(op: number, run: RunState, words: bigint, base: bigint): bigint | undefined {
  if (ACCESSES.has(op) && base === 0n) return WARM_ACCESS;
  if (op !== RETURNDATACOPY || run.stack.length < 3) return undefined;
  const stack = run.stack.getStack();
  const size = top(stack, 2);
  const needed = size === 0n ? 0n : (top(stack, 0) + size + 31n) / 32n;
  const grown = needed > words ? memoryGas(needed) - memoryGas(words) : 0n;
  return base + 3n * ((size + 31n) / 32n) + grown;
}

/** The error of an EVM frame; anything else is not the code's doing. */
function evmErrorOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("errorType" in error) || !("error" in error))
    return undefined;
  return String(error.error);
}

/**
 * Puts a tracer between ethereumjs' interpreter and its opcodes. The public `step` event copies stack and memory for each
 * opcode and does not tell what a call costs, so the opcodes of an EVM that is used for nothing else are wrapped.
 */
export class Tap {
  readonly #evm: EVM;
  readonly #guard: () => Guard;
  #tracer: Tracer | undefined;
  /** Refund that is due before any code runs. */
  #granted = 0n;
  #target: Uint8Array = NOTHING;
  #frames: Frame[] = [];
  /** The frame that the opcode now running is about to open. */
  #next: NextFrame | undefined;
  readonly view: TraceState;

  constructor(evm: EVM, state: OverlayState, guard: () => Guard) {
    this.#evm = evm;
    this.#guard = guard;
    this.view = {
      account: (address) => state.getAccount(new Address(address)),
      code: (address) => state.getCode(new Address(address)),
      storage: (address, slot) => state.getStorage(new Address(address), slot),
    };
    this.#wrapOpcodes();
    evm.events.on("beforeMessage", (message) => this.#enter(message as unknown as Message)); // a class of theirs
    evm.events.on("afterMessage", (result) => this.#exit(result.execResult));
  }

  /** From here on `tracer` looks on while a message to (or making) `target` runs; undefined: nobody. */
  watch(tracer: Tracer | undefined, target: Uint8Array = NOTHING): void {
    this.#tracer = tracer;
    this.#target = target;
    this.#granted = 0n;
    this.#frames = [];
    this.#next = undefined;
  }

  /** Refund for authorizations (EIP-7702), which geth counts from the start. */
  grant(refund: bigint): void {
    this.#granted = refund;
  }

  #wrapOpcodes(): void {
    const inside = this.#evm as unknown as { _opcodeMap: OpEntry[] }; // protected there, and not made to be changed
    inside._opcodeMap = Array.from(inside._opcodeMap, (entry, op) => ({
      ...entry,
      opcodeInfo: { ...entry.opcodeInfo, dynamicGas: true },
      gasHandler: (run: RunState, gas: bigint, common: unknown) => this.#gas(op, entry, run, gas, common),
    }));
  }

  /** The gas of an opcode, as the library reckons it; on the way it is told to the tracer. */
  async #gas(op: number, entry: OpEntry, run: RunState, base: bigint, common: unknown): Promise<bigint> {
    const handler = entry.opcodeInfo.dynamicGas ? entry.gasHandler : undefined;
    const tracer = this.#tracer;
    const frame = this.#frames.at(-1);
    if (tracer === undefined || frame === undefined) return handler?.(run, base, common) ?? base;
    const turn = this.#guard().check();
    if (turn !== undefined) await turn;
    frame.run = run;
    frame.lastOp = op;
    this.#tellUnopened(run);
    const words = run.memoryWordCount;
    let fault = stackFault(op, run.stack.length) ?? staticFault(op, run);
    const late = fault === undefined ? lateFault(op, run, entry.opcodeInfo.isInvalid) : undefined;
    const { cost, failure } = await reckon(handler, run, base, common, late === STATIC_FAULT);
    let total = failure === undefined ? cost : (gasWhenFailed(op, run, words, base) ?? cost);
    if (CALLS.has(op) && failure === undefined) total += run.messageGasLimit ?? 0n;
    if (run.memoryWordCount > MOST_WORDS) total = base;
    const isDear = late === undefined && evmErrorOf(failure) === "out of gas";
    if (isDear || total > run.gasLeft || run.memoryWordCount > MOST_WORDS) fault ??= "out of gas";
    frame.fault = fault ?? late;
    const isWanted = tracer.step !== undefined && (tracer.ops === undefined || tracer.ops.has(op));
    if (isWanted) await tracer.step?.(this.#stepOf(op, run, total, words, fault), this.view);
    if (failure !== undefined) throw failure;
    if (frame.fault === undefined && tracer.enter !== undefined) await this.#prepare(op, run, words);
    return cost;
  }

  #stepOf(op: number, run: RunState, cost: bigint, words: bigint, error: string | undefined): TraceStep {
    return {
      pc: run.programCounter,
      op,
      name: opName(op),
      gas: run.gasLeft,
      cost,
      depth: run.env.depth + 1,
      refund: run.gasRefund + this.#granted,
      stack: run.stack.getStack(),
      memory: run.memory._store.subarray(0, Number(words) * 32),
      returnData: run.returnBytes,
      address: run.env.address.bytes,
      error,
    };
  }

  /** Notes the frame that this opcode will open. */
  async #prepare(op: number, run: RunState, words: bigint): Promise<void> {
    const type = CALLS.get(op);
    if (type === undefined && op !== CREATE && op !== CREATE2 && op !== SELFDESTRUCT) return;
    const from = run.env.address.bytes;
    const stack = run.stack.getStack();
    const memory = run.memory._store.subarray(0, Number(words) * 32);
    if (type !== undefined) {
      const hasValue = type === "CALL" || type === "CALLCODE";
      const own = hasValue ? top(stack, 2) : 0n;
      const value = type === "STATICCALL" ? undefined : hasValue ? own : run.env.callValue;
      const at = hasValue ? 3 : 2;
      const input = memoryAt(memory, top(stack, at), top(stack, at + 1));
      const gas = (run.messageGasLimit ?? 0n) + (own > 0n ? CALL_STIPEND : 0n);
      this.#next = { type, from, to: addressOn(stack, 1), value, input, gas };
    } else if (op === SELFDESTRUCT) {
      await this.#selfdestruct(run, addressOn(stack, 0));
    } else {
      const input = memoryAt(memory, top(stack, 1), top(stack, 2));
      const to = op === CREATE ? await this.#created(from) : create2Address(from, word(top(stack, 3)), input);
      const made = op === CREATE ? ("CREATE" as const) : ("CREATE2" as const);
      this.#next = { type: made, from, to, value: top(stack, 0), input, gas: run.messageGasLimit ?? 0n };
    }
  }

  async #created(from: Uint8Array): Promise<Uint8Array> {
    return createAddress(from, (await this.view.account(from))?.nonce ?? 0n);
  }

  async #selfdestruct(run: RunState, heir: Uint8Array): Promise<void> {
    if (run.env.isStatic) return;
    const from = run.env.address.bytes;
    const value = (await this.view.account(from))?.balance ?? 0n;
    const depth = run.env.depth + 1;
    this.#tracer?.enter?.({ type: "SELFDESTRUCT", depth, from, to: heir, input: NOTHING, gas: 0n, value });
    this.#tracer?.exit?.({ depth, output: NOTHING, gasUsed: 0n, error: undefined });
  }

  /** A call or creation that opened no frame, for want of balance or depth: geth tells of it all the same. */
  #tellUnopened({ env }: RunState): void {
    const next = this.#next;
    if (next === undefined) return;
    this.#next = undefined;
    const depth = env.depth + 1;
    this.#tracer?.enter?.({ ...next, depth });
    const error = depth > MAX_DEPTH ? "max call depth exceeded" : "insufficient balance for transfer";
    this.#tracer?.exit?.({ depth, output: NOTHING, gasUsed: 0n, error });
  }

  #enter(message: Message): void {
    const tracer = this.#tracer;
    if (tracer === undefined) return;
    const { depth } = message;
    const isCreate = message.to === undefined;
    this.#frames.push({ depth, isCreate, message, run: undefined, lastOp: 0, fault: undefined });
    const opened = depth === 0 ? topFrame(message, this.#target) : this.#next;
    this.#next = undefined;
    if (opened === undefined) return;
    tracer.enter?.({ ...opened, depth, input: message.data.slice(), gas: message.gasLimit });
  }

  #exit(result: {
    returnValue: Uint8Array;
    executionGasUsed: bigint;
    exceptionError?: { error: string } | undefined;
  }): void {
    const tracer = this.#tracer;
    const frame = this.#frames.pop();
    if (tracer === undefined || frame === undefined) return;
    if (frame.run !== undefined) this.#tellUnopened(frame.run);
    const { returnValue: output, executionGasUsed: gasUsed, exceptionError } = result;
    const error = exceptionError?.error;
    if (error === undefined) this.#impliedStop(frame);
    const { depth } = frame;
    tracer.exit?.({ depth, output, gasUsed, error: error === undefined ? undefined : textOf(error, frame) });
  }

  /** Code that runs out ends as if a STOP followed; geth tells of it. A step at STOP never waits. */
  #impliedStop({ run, lastOp }: Frame): void {
    if (run === undefined || ENDS.has(lastOp)) return;
    const tracer = this.#tracer;
    if (tracer?.step === undefined || tracer.ops?.has(0) === false) return;
    void tracer.step(this.#stepOf(0, run, 0n, run.memoryWordCount, undefined), this.view);
  }
}

const topFrame = ({ to, caller, value }: Message, target: Uint8Array) => ({
  type: to === undefined ? ("CREATE" as const) : ("CALL" as const),
  from: caller.bytes,
  to: target,
  value,
});

/** Frontier's creation without the gas to store its code: it stands, with no code. */
const UNSTORED = "code store out of gas";

/**
 * geth's text; undefined: no error there. Gas that was enough for the code but not for storing it is an error of its own
 * there, since Homestead.
 */
function textOf(error: string, { isCreate, lastOp, fault, run, message }: Frame): string | undefined {
  if (fault !== undefined) return fault;
  if (error === UNSTORED) return undefined;
  const { codeAddress } = message;
  if (run === undefined && !isCreate && codeAddress !== undefined)
    return precompileText(Number(bytesToBigint(codeAddress.bytes)), message.data, error);
  const isStoring = error === "out of gas" && isCreate && ENDS.has(lastOp);
  return gethText(isStoring ? UNSTORED : error);
}
