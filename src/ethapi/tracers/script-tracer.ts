import { create2Address, createAddress } from "#core/types";
import type { TraceExit, TraceFrame, Tracer, TraceStart, TraceState, TraceStep } from "#core/vm";
import type { Rules } from "#params";
import { bytesToBigint, fromHex, toHex } from "#util";
import { precompilesOf } from "./precompiles.ts";
import type { SandboxEvent } from "./sandbox.ts";
import type { Scripts } from "./scripts.ts";
import type { Json, JsonTracer, TracerPlace } from "./tracer.ts";

export interface ScriptSource {
  /** An expression that is an object: `{step: function(log, db) {…}, fault…, result…}`. */
  readonly code: string;
  /** Given to its `setup`, as JSON text. */
  readonly config: string;
}

/** What one message to the process may hold of events. */
const MAX_EVENTS = 1_024;
const MAX_BATCH_CHARS = 524_288;
const STOP = 0x00;
/** STOP, RETURN, SELFDESTRUCT: when they run, nothing of them fails. What fails then is the deposit of code. */
const ENDS: ReadonlySet<number> = new Set([STOP, 0xf3, 0xff]);

type Contract = readonly [caller: string, address: string, value: string, input: string];

const quantity = (value: bigint) => `0x${value.toString(16)}`;

/** As `log.contract` shows a frame (core/vm/contract.go): a delegated one has its caller's caller and value. */
function contractOf({ type, from, to, value, input }: TraceFrame, parent: Contract | undefined): Contract {
  const isCreate = type === "CREATE" || type === "CREATE2";
  const data = isCreate ? "0x" : toHex(input);
  if (type === "DELEGATECALL") return [parent?.[0] ?? toHex(from), toHex(from), parent?.[2] ?? "0x0", data];
  const address = type === "CALLCODE" ? from : to;
  return [toHex(from), toHex(address), quantity(value ?? 0n), data];
}

/**
 * A tracer written in JavaScript (eth/tracers/js/goja.go@v1.17.5), in another process. What it is told of goes there in
 * batches; step by step where it looks at the state, which it sees as it was at that step.
 */
export class ScriptTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly #source: ScriptSource;
  readonly #place: TracerPlace;
  readonly #rules: Rules;
  readonly #scripts: Scripts;
  #wants = { step: true, frames: true, db: true };
  #events: SandboxEvent[] = [];
  #chars = 0;
  #memory: Uint8Array = new Uint8Array(0);
  readonly #contracts: Contract[] = [];
  /** Of each open frame, whether its last opcode ran and may have failed; undefined: no code ran. */
  readonly #ran: (boolean | undefined)[] = [];
  #ctx: Record<string, readonly ["bytes" | "big", string] | readonly ["plain", string | number]> = {};
  #result: Json = null;

  constructor(source: ScriptSource, place: TracerPlace, rules: Rules, scripts: Scripts) {
    this.#source = source;
    this.#place = place;
    this.#rules = rules;
    this.#scripts = scripts;
  }

  async begin(start: TraceStart, state: TraceState): Promise<void> {
    const precompiles = precompilesOf(this.#rules).map(toHex);
    const made = await this.#scripts.send({ do: "new", ...this.#source, precompiles }, (...ask) =>
      answerScript(state, ...ask),
    );
    this.#wants = JSON.parse(made) as { step: boolean; frames: boolean; db: boolean }; // our own program's
    const { tx, header, index } = this.#place;
    this.#ctx = {
      ...(tx === undefined
        ? {}
        : {
            blockHash: ["bytes", toHex(header.hash)],
            txIndex: ["plain", index ?? 0],
            txHash: ["bytes", toHex(tx.hash)],
          }),
      type: ["plain", start.isCreate ? "CREATE" : "CALL"],
      from: ["bytes", toHex(start.from)],
      to: ["bytes", toHex(start.to)],
      gas: ["plain", Number(start.gas)],
      gasPrice: ["big", priceOf(this.#place).toString()],
      value: ["big", start.value.toString()],
      block: ["plain", header.number],
      time: ["plain", 0],
    };
  }

  async step(step: TraceStep, state: TraceState): Promise<void> {
    this.#ran[this.#ran.length - 1] = step.error === undefined && !ENDS.has(step.op);
    if (!this.#wants.step) return;
    const { memory } = step;
    const isSame = memory.length === this.#memory.length && Buffer.compare(memory, this.#memory) === 0;
    if (!isSame) this.#memory = memory.slice();
    const shown = isSame ? null : toHex(memory);
    this.#queue(
      [
        ...(["step", step.pc, step.op, step.name, Number(step.gas), Number(step.cost), step.depth] as const),
        ...([Number(step.refund), step.error ?? null, step.stack.map(quantity), shown] as const),
      ],
      (shown?.length ?? 0) + step.stack.length * 20 + 80,
    );
    // a STOP that is not written there is not waited for (core/vm tap.ts); it changes nothing, so it goes with what follows
    if (step.op !== STOP && (this.#wants.db || this.#isFull)) await this.#flush(state);
  }

  enter(frame: TraceFrame): void {
    const contract = contractOf(frame, this.#contracts.at(-1));
    this.#contracts.push(contract);
    this.#ran.push(undefined);
    const { type, from, to, input, gas, value, depth } = frame;
    if (depth === 0) this.#ctx["input"] = ["bytes", toHex(input)];
    this.#queue(
      [
        ...(["enter", depth > 0, type, toHex(from), toHex(to), toHex(input), Number(gas)] as const),
        ...([value === undefined ? null : quantity(value), contract] as const),
      ],
      4 * input.length + 300,
    );
  }

  exit({ depth, output, gasUsed, error }: TraceExit): void {
    this.#contracts.pop();
    const hasFault = this.#ran.pop() === true && error !== undefined;
    if (hasFault) this.#queue(["fault", error], 40);
    if (depth === 0) {
      this.#ctx["output"] = ["bytes", toHex(output)];
      if (error !== undefined) this.#ctx["error"] = ["plain", error];
    }
    this.#queue(["exit", depth > 0, Number(gasUsed), toHex(output), error ?? null], 2 * output.length + 60);
  }

  async end(gasUsed: bigint, state: TraceState): Promise<void> {
    await this.#flush(state);
    this.#ctx["gasUsed"] = ["plain", Number(gasUsed)];
    const text = await this.#scripts.send({ do: "result", ctx: this.#ctx }, (...ask) =>
      answerScript(state, ...ask),
    );
    this.#result = JSON.parse(text) as Json; // JSON.stringify made it, or the request fails here
  }

  result(): Json {
    return this.#result;
  }

  get #isFull(): boolean {
    return this.#events.length >= MAX_EVENTS || this.#chars >= MAX_BATCH_CHARS;
  }

  #queue(event: SandboxEvent, chars: number): void {
    this.#events.push(event);
    this.#chars += chars;
  }

  async #flush(state: TraceState): Promise<void> {
    const events = this.#events;
    this.#events = [];
    this.#chars = 0;
    if (events.length > 0)
      await this.#scripts.send({ do: "events", events }, (...ask) => answerScript(state, ...ask));
  }
}

/** What `db`, toContract and toContract2 ask. @returns a number or hex */
async function answerScript(state: TraceState, what: string, ...rest: string[]): Promise<string> {
  const [first = "", second = "0x", third = "0x"] = rest;
  const address = fromHex(first);
  switch (what) {
    case "contract":
      return toHex(createAddress(address, BigInt(second)));
    case "contract2":
      return toHex(create2Address(address, fromHex(second), fromHex(third)));
    case "balance":
      return quantity((await state.account(address))?.balance ?? 0n);
    case "nonce":
      return String((await state.account(address))?.nonce ?? 0n);
    case "code":
      return toHex(await state.code(address));
    case "state":
      return wordHex(await state.storage(address, fromHex(second)));
    case "exists":
      return (await state.account(address)) === undefined ? "0" : "1";
    default:
      return "0x";
  }
}

const wordHex = (value: Uint8Array) => `0x${bytesToBigint(value).toString(16).padStart(64, "0")}`;

function priceOf({ tx, header }: TracerPlace): bigint {
  if (tx === undefined) return 0n;
  const { gasPrice, maxFeePerGas = 0n, maxPriorityFeePerGas = 0n } = tx;
  if (gasPrice !== undefined) return gasPrice;
  const best = (header.baseFee ?? 0n) + maxPriorityFeePerGas;
  return best < maxFeePerGas ? best : maxFeePerGas;
}
