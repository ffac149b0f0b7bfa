import type { TraceExit, Tracer, TraceState, TraceStep } from "#core/vm";
import { bigintToBytes, type Hex, toHex } from "#util";
import type { TraceBudget } from "./limits.ts";
import type { Json, JsonTracer } from "./tracer.ts";

/** geth's logger.Config: what is told of each opcode. */
export interface StructLogConfig {
  readonly enableMemory?: boolean | undefined;
  readonly disableStack?: boolean | undefined;
  readonly disableStorage?: boolean | undefined;
  readonly enableReturnData?: boolean | undefined;
  /** Bytes of text after which nothing more is told; absent or 0: no limit but ours. */
  readonly limit?: number | undefined;
}

const SLOAD = 0x54;
const SSTORE = 0x55;
const WORD = 32;
const word = (value: bigint) => bigintToBytes(value, WORD);
const padded = (value: Uint8Array) => toHex(value).slice(2).padStart(64, "0");

function words(memory: Uint8Array): Hex[] {
  const rows: Hex[] = [];
  for (let at = 0; at < memory.length; at += WORD) rows.push(toHex(memory.subarray(at, at + WORD)));
  return rows;
}

/**
 * One line for each opcode, in geth's legacy form (eth/tracers/logger/logger.go:174@v1.17.5).
 * BOUNDED: the budget.
 */
export class StructLogger implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly #config: StructLogConfig;
  readonly #budget: TraceBudget;
  readonly #logs: Json[] = [];
  /** Slots seen so far, by contract. */
  readonly #storage = new Map<string, Map<string, Hex>>();
  #bytes = 0;
  #gasUsed = 0n;
  #end: TraceExit | undefined;

  constructor(config: StructLogConfig, budget: TraceBudget) {
    this.#config = config;
    this.#budget = budget;
  }

  step(step: TraceStep, state: TraceState): Promise<void> | undefined {
    const { limit = 0, disableStorage } = this.#config;
    if (limit > 0 && this.#bytes > limit) return undefined;
    const { op, stack } = step;
    if (disableStorage === true) return this.#tell(step, undefined);
    if (op === SLOAD && stack.length >= 1) return this.#load(step, state);
    if (op !== SSTORE || stack.length < 2) return this.#tell(step, undefined);
    const slots = this.#slotsOf(step.address);
    slots.set(toHex(word(stack.at(-1) ?? 0n)), toHex(word(stack.at(-2) ?? 0n)));
    return this.#tell(step, slots);
  }

  async #load(step: TraceStep, state: TraceState): Promise<void> {
    const slot = word(step.stack.at(-1) ?? 0n);
    const slots = this.#slotsOf(step.address);
    slots.set(toHex(slot), `0x${padded(await state.storage(step.address, slot))}`);
    this.#tell(step, slots);
  }

  #slotsOf(address: Uint8Array): Map<string, Hex> {
    const key = toHex(address);
    let slots = this.#storage.get(key);
    if (slots === undefined) this.#storage.set(key, (slots = new Map()));
    return slots;
  }

  #tell(step: TraceStep, slots: ReadonlyMap<string, Hex> | undefined): undefined {
    const { enableMemory, disableStack, enableReturnData } = this.#config;
    const { memory, returnData, refund, error } = step;
    const hasMemory = enableMemory === true && memory.length > 0;
    const hasReturned = enableReturnData === true && returnData.length > 0;
    const line = {
      pc: step.pc,
      op: step.name,
      gas: Number(step.gas),
      gasCost: Number(step.cost),
      depth: step.depth,
      ...(error === undefined ? {} : { error }),
      ...(disableStack === true ? {} : { stack: step.stack.map((item) => `0x${item.toString(16)}`) }),
      ...(hasReturned ? { returnData: toHex(returnData) } : {}),
      ...(hasMemory ? { memory: words(memory) } : {}),
      ...(slots === undefined ? {} : { storage: Object.fromEntries(slots) }),
      ...(refund === 0n ? {} : { refund: Number(refund) }),
    };
    const size = sizeOf(line);
    this.#bytes += size;
    this.#budget.take(size);
    this.#logs.push(line);
    return undefined;
  }

  exit(exit: TraceExit): void {
    if (exit.depth === 0) this.#end = exit;
  }

  end(gasUsed: bigint): void {
    this.#gasUsed = gasUsed;
  }

  result(): Json {
    const { error, output = new Uint8Array(0) } = this.#end ?? {};
    const hasOutput = error === undefined || error === "execution reverted";
    return {
      gas: Number(this.#gasUsed),
      failed: error !== undefined,
      returnValue: hasOutput ? toHex(output) : "0x",
      structLogs: this.#logs,
    };
  }
}

/** Length of a line as JSON, nearly. */
function sizeOf(line: {
  readonly stack?: readonly string[];
  readonly memory?: readonly string[];
  readonly storage?: object;
  readonly returnData?: string;
}): number {
  let size = 90;
  for (const item of line.stack ?? []) size += item.length + 3;
  size += (line.memory?.length ?? 0) * 69 + (line.returnData?.length ?? 0);
  if (line.storage !== undefined) size += Object.keys(line.storage).length * 138;
  return size;
}
