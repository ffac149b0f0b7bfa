import {
  memoryAt,
  revertReason,
  type TraceExit,
  type TraceFrame,
  type Tracer,
  type TraceStart,
  type TraceStep,
} from "#core/vm";
import { bigintToBytes, toHex } from "#util";
import type { TraceBudget } from "./limits.ts";
import type { Json, JsonTracer } from "./tracer.ts";

export interface CallTracerConfig {
  readonly onlyTopCall?: boolean | undefined;
  readonly withLog?: boolean | undefined;
}

interface CallLog {
  readonly address: Uint8Array;
  readonly topics: readonly Uint8Array[];
  readonly data: Uint8Array;
  /** In the block. */
  readonly index: number;
  /** Calls of the same frame before it. */
  readonly position: number;
}

interface Call {
  readonly frame: TraceFrame;
  gasUsed: bigint;
  exit: TraceExit | undefined;
  readonly calls: Call[];
  readonly logs: CallLog[];
  /** Logs that counted when the frame began: a failing one takes its own back. */
  readonly logsBefore: number;
}

const LOG0 = 0xa0;
const LOG_OPS: ReadonlySet<number> = new Set([0, 1, 2, 3, 4].map((topics) => LOG0 + topics));
const NO_OPS: ReadonlySet<number> = new Set();
const REVERTED = "execution reverted";
/** Text of a call beside its bytes. */
const CALL_BYTES = 300;
const quantity = (value: bigint | number) => `0x${value.toString(16)}`;

/** The tree of calls (eth/tracers/native/call.go@v1.17.5). BOUNDED: the budget. */
export class CallTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly ops: ReadonlySet<number>;
  readonly #config: CallTracerConfig;
  readonly #budget: TraceBudget;
  readonly #open: Call[] = [];
  #root: Call | undefined;
  #gas = 0n;
  #gasUsed = 0n;
  #logs = 0;

  constructor(config: CallTracerConfig, budget: TraceBudget) {
    this.#config = config;
    this.#budget = budget;
    this.ops = config.withLog === true ? LOG_OPS : NO_OPS;
  }

  begin(start: TraceStart): void {
    this.#gas = start.gas;
    this.#logs = start.firstLog;
  }

  enter(frame: TraceFrame): void {
    const call: Call = { frame, gasUsed: 0n, exit: undefined, calls: [], logs: [], logsBefore: this.#logs };
    const isShown = frame.depth === 0 || this.#config.onlyTopCall !== true;
    if (frame.depth === 0) this.#root = call;
    else if (isShown) this.#open.at(-1)?.calls.push(call);
    if (isShown) this.#budget.take(CALL_BYTES + 2 * frame.input.length);
    this.#open.push(call);
  }

  exit(exit: TraceExit): void {
    const call = this.#open.pop();
    if (call === undefined) return;
    call.exit = exit;
    call.gasUsed = exit.gasUsed;
    if (exit.error !== undefined) this.#logs = call.logsBefore;
    if (call === this.#root || this.#config.onlyTopCall !== true) this.#budget.take(2 * exit.output.length);
  }

  step({ op, stack, memory, address, error }: TraceStep): void {
    const call = this.#open.at(-1);
    if (error !== undefined || call === undefined) return;
    const index = this.#logs++;
    if (this.#config.onlyTopCall === true && call !== this.#root) return;
    const at = (place: number) => stack[stack.length - 1 - place] ?? 0n;
    const topics = Array.from({ length: op - LOG0 }, (_, i) => bigintToBytes(at(2 + i), 32));
    const data = memoryAt(memory, at(0), at(1));
    this.#budget.take(CALL_BYTES + 2 * data.length);
    call.logs.push({ address, topics, data, index, position: call.calls.length });
  }

  end(gasUsed: bigint): void {
    this.#gasUsed = gasUsed;
  }

  result(): Json {
    const root = this.#root;
    if (root === undefined) return null;
    return { ...format(root, false), gas: quantity(this.#gas), gasUsed: quantity(this.#gasUsed) };
  }
}

function format(
  { frame, gasUsed, exit, calls, logs }: Call,
  hasFailedAbove: boolean,
): { [key: string]: Json } {
  const { type, from, to, input, gas, value } = frame;
  const { error, output = new Uint8Array(0) } = exit ?? {};
  const isFailed = hasFailedAbove || error !== undefined;
  const isLost = error !== undefined && (type === "CREATE" || type === "CREATE2");
  const hasOutput = output.length > 0 && (error === undefined || error === REVERTED);
  const reason = error === REVERTED && output.length >= 4 ? revertReason(output) : undefined;
  return {
    from: toHex(from),
    gas: quantity(gas),
    gasUsed: quantity(gasUsed),
    ...(isLost ? {} : { to: toHex(to) }),
    input: toHex(input),
    ...(hasOutput ? { output: toHex(output) } : {}),
    ...(error === undefined ? {} : { error }),
    ...(reason === undefined ? {} : { revertReason: reason }),
    ...(calls.length === 0 ? {} : { calls: calls.map((call) => format(call, isFailed)) }),
    ...(isFailed || logs.length === 0 ? {} : { logs: logs.map(formatLog) }),
    ...(value === undefined ? {} : { value: quantity(value) }),
    type,
  };
}

const formatLog = ({ address, topics, data, index, position }: CallLog): Json => ({
  address: toHex(address),
  topics: topics.map(toHex),
  data: toHex(data),
  index: quantity(index),
  position: quantity(position),
});
