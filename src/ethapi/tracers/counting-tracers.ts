import { memoryAt, type Tracer, type TraceStep } from "#core/vm";
import { keccak256 } from "#crypto";
import { toHex } from "#util";
import type { TraceBudget } from "./limits.ts";
import type { Json, JsonTracer } from "./tracer.ts";

const KECCAK256 = 0x20;
/** Text of one row beside its bytes. */
const ROW_BYTES = 100;

/** What was hashed, by hash (eth/tracers/native/keccak256_preimage.go@v1.17.5). BOUNDED: the budget. */
export class PreimageTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly ops: ReadonlySet<number> = new Set([KECCAK256]);
  readonly #budget: TraceBudget;
  readonly #preimages = new Map<string, string>();

  constructor(budget: TraceBudget) {
    this.#budget = budget;
  }

  step({ stack, memory, error }: TraceStep): void {
    if (error !== undefined || stack.length < 2) return;
    const preimage = memoryAt(memory, stack.at(-1) ?? 0n, stack.at(-2) ?? 0n);
    this.#budget.take(ROW_BYTES + 2 * preimage.length);
    this.#preimages.set(toHex(keccak256(preimage)), toHex(preimage));
  }

  result(): Json {
    return Object.fromEntries(this.#preimages);
  }
}

/** How many opcodes ran (geth's opcountTracer). */
export class CountTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  #count = 0;

  step(): void {
    this.#count++;
  }

  result(): Json {
    return this.#count;
  }
}

/**
 * How often each run of `length` opcodes occurs within a depth (geth's unigramTracer, bigramTracer, trigramTracer). BOUNDED:
 * the budget.
 */
export class NgramTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly #length: number;
  readonly #budget: TraceBudget;
  readonly #counts = new Map<string, number>();
  #last: readonly string[];
  #depth = 0;

  constructor(length: 1 | 2 | 3, budget: TraceBudget) {
    this.#length = length;
    this.#budget = budget;
    this.#last = this.#nothing();
  }

  step({ name, depth }: TraceStep): void {
    const isElsewhere = depth !== this.#depth;
    this.#depth = depth;
    // as geth's scripts do: at another depth the first forgets nothing, the second does not count, the third begins anew
    if (isElsewhere && this.#length === 3) this.#last = this.#nothing();
    else {
      if (!isElsewhere || this.#length === 1) this.#add([...this.#last, name].join("-"));
      this.#last = [...this.#last, name].slice(1);
    }
  }

  #nothing(): readonly string[] {
    return Array.from({ length: this.#length - 1 }, () => "");
  }

  #add(key: string): void {
    const count = this.#counts.get(key) ?? 0;
    if (count === 0) this.#budget.take(ROW_BYTES);
    this.#counts.set(key, count + 1);
  }

  result(): Json {
    return Object.fromEntries(this.#counts);
  }
}
