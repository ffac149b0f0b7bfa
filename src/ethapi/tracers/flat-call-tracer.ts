import type { Rules } from "#params";
import type { TraceExit, TraceFrame, Tracer } from "#core/vm";
import { toHex } from "#util";
import type { TraceBudget } from "./limits.ts";
import { isPrecompile } from "./precompiles.ts";
import type { Json, JsonTracer, TracerPlace } from "./tracer.ts";

export interface FlatCallConfig {
  readonly convertParityErrors?: boolean | undefined;
  readonly includePrecompiles?: boolean | undefined;
}

interface Call {
  readonly frame: TraceFrame;
  readonly calls: Call[];
  exit: TraceExit | undefined;
}

const REVERTED = "execution reverted";
/** Text of a call beside its bytes. */
const CALL_BYTES = 600;
const quantity = (value: bigint | number) => `0x${value.toString(16)}`;

const PARITY: Readonly<Record<string, string>> = {
  "contract creation code storage out of gas": "Out of gas",
  "out of gas": "Out of gas",
  "gas uint64 overflow": "Out of gas",
  "max code size exceeded": "Out of gas",
  "invalid jump destination": "Bad jump destination",
  [REVERTED]: "Reverted",
  "return data out of bounds": "Out of bounds",
  "stack limit reached 1024 (1023)": "Out of stack",
  "precompiled failed": "Built-in failed",
  "invalid input length": "Built-in failed",
};
const PARITY_STARTS: readonly (readonly [start: string, text: string])[] = [
  ["out of gas:", "Out of gas"],
  ["invalid opcode:", "Bad instruction"],
  ["stack underflow", "Stack underflow"],
];

const parityError = (error: string): string =>
  PARITY[error] ?? PARITY_STARTS.find(([start]) => error.startsWith(start))?.[1] ?? error;

/** The calls as a list, in Parity's form (eth/tracers/native/call_flat.go@v1.17.5). BOUNDED: the budget. */
export class FlatCallTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly ops: ReadonlySet<number> = new Set();
  readonly #config: FlatCallConfig;
  readonly #place: TracerPlace;
  readonly #rules: Rules;
  readonly #budget: TraceBudget;
  readonly #open: Call[] = [];
  #root: Call | undefined;
  #gas = 0n;
  #gasUsed = 0n;

  constructor(config: FlatCallConfig, place: TracerPlace, rules: Rules, budget: TraceBudget) {
    this.#config = config;
    this.#place = place;
    this.#rules = rules;
    this.#budget = budget;
  }

  begin({ gas }: { readonly gas: bigint }): void {
    this.#gas = gas;
  }

  enter(frame: TraceFrame): void {
    const call: Call = { frame, calls: [], exit: undefined };
    if (frame.depth === 0) this.#root = call;
    else this.#open.at(-1)?.calls.push(call);
    this.#budget.take(CALL_BYTES + 2 * frame.input.length);
    this.#open.push(call);
  }

  exit(exit: TraceExit): void {
    const call = this.#open.pop();
    if (call === undefined) return;
    call.exit = exit;
    this.#budget.take(2 * exit.output.length);
    const { type, to, depth } = call.frame;
    const isHidden = depth > 0 && (type === "CALL" || type === "STATICCALL") && isPrecompile(to, this.#rules);
    if (isHidden && this.#config.includePrecompiles !== true) this.#open.at(-1)?.calls.pop();
  }

  end(gasUsed: bigint): void {
    this.#gasUsed = gasUsed;
  }

  result(): Json {
    return this.#root === undefined ? [] : [...this.#flatten(this.#root, [])];
  }

  *#flatten(call: Call, traceAddress: readonly number[]): Generator<Json> {
    const { tx, header, index } = this.#place;
    const { error } = call.exit ?? {};
    const hasResult = error === undefined || error === REVERTED;
    const result = hasResult ? this.#resultOf(call) : undefined;
    const { type } = call.frame;
    const kind = type === "SELFDESTRUCT" ? "suicide" : type.startsWith("CREATE") ? "create" : "call";
    yield {
      action: this.#actionOf(call),
      blockHash: tx === undefined ? null : toHex(header.hash),
      blockNumber: tx === undefined ? 0 : header.number,
      ...(error === undefined
        ? {}
        : { error: this.#config.convertParityErrors === true ? parityError(error) : error }),
      ...(result === undefined ? {} : { result }),
      subtraces: call.calls.length,
      traceAddress,
      transactionHash: tx === undefined ? null : toHex(tx.hash),
      transactionPosition: index ?? 0,
      type: kind,
    };
    for (const [i, inner] of call.calls.entries()) yield* this.#flatten(inner, [...traceAddress, i]);
  }

  #actionOf({ frame }: Call): Json {
    const { type, from, to, input, depth, value = 0n } = frame;
    const gas = quantity(depth === 0 ? this.#gas : frame.gas);
    if (type === "SELFDESTRUCT")
      return { address: toHex(from), balance: quantity(value), refundAddress: toHex(to) };
    if (type === "CREATE" || type === "CREATE2") {
      const creationMethod = type.toLowerCase();
      return { creationMethod, from: toHex(from), gas, init: toHex(input), value: quantity(value) };
    }
    const callType = type.toLowerCase();
    return { callType, from: toHex(from), gas, input: toHex(input), to: toHex(to), value: quantity(value) };
  }

  #resultOf({ frame, exit }: Call): Json | undefined {
    const { type, to, depth } = frame;
    if (type === "SELFDESTRUCT") return undefined;
    const gasUsed = quantity(depth === 0 ? this.#gasUsed : (exit?.gasUsed ?? 0n));
    const output = toHex(exit?.output ?? new Uint8Array(0));
    if (type !== "CREATE" && type !== "CREATE2") return { gasUsed, output };
    // a creation that was undone has made no account
    return exit?.error === undefined
      ? { address: toHex(to), code: output, gasUsed }
      : { code: output, gasUsed };
  }
}
