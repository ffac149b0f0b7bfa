import type { TraceExit, Tracer, TraceStep } from "#core/vm";
import { toHex } from "#util";
import type { TraceBudget } from "./limits.ts";
import type { StructLogConfig } from "./struct-logger.ts";

const LINE_BYTES = 200;

/** One line of JSON for each opcode, in geth's "standard" form (eth/tracers/logger/logger_json.go@v1.17.5). BOUNDED: the budget. */
export class JsonLogger implements Tracer {
  readonly #config: StructLogConfig;
  readonly #budget: TraceBudget;
  readonly #lines: string[] = [];
  #length = 0;

  constructor(config: StructLogConfig, budget: TraceBudget) {
    this.#config = config;
    this.#budget = budget;
  }

  /** Lines with their ends. */
  get text(): string {
    return this.#lines.join("");
  }

  step({ pc, op, name, gas, cost, depth, refund, stack, memory, returnData, error }: TraceStep): void {
    const { enableMemory, disableStack, enableReturnData, limit = 0 } = this.#config;
    if (limit > 0 && this.#length > limit) return;
    const reason = error === undefined ? {} : { error };
    this.#write({
      ...{ pc, op, gas: hex(gas), gasCost: hex(cost) },
      ...(enableMemory === true && memory.length > 0 ? { memory: toHex(memory) } : {}),
      memSize: memory.length,
      stack: disableStack === true ? null : stack.map(hex),
      ...(enableReturnData === true && returnData.length > 0 ? { returnData: toHex(returnData) } : {}),
      ...{ depth, refund: Number(refund), opName: name, ...reason },
    });
  }

  exit({ output, gasUsed, error }: TraceExit): void {
    const reason = error === undefined ? {} : { error };
    this.#write({ output: toHex(output).slice(2), gasUsed: hex(gasUsed), ...reason });
  }

  #write(line: object): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#budget.take(Math.max(text.length, LINE_BYTES));
    this.#length += text.length;
    this.#lines.push(text);
  }
}

const hex = (value: bigint) => `0x${value.toString(16)}`;
