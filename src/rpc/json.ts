import type { RpcLimits } from "./limits.ts";

/** JSON at the border: what is refused before JSON.parse, messages cut out of a stream, numbers beyond 2⁵³ written. */

export interface JsonBudget {
  readonly maxDepth: number;
  /** Values, names and brackets counted by their separators. */
  readonly maxTokens: number;
}

export const budgetOf = ({ jsonDepth, jsonTokens }: RpcLimits): JsonBudget => ({
  maxDepth: jsonDepth,
  maxTokens: jsonTokens,
});

const QUOTE = 0x22;
/** Characters in a row that are neither text nor separators: digits. Five millions of them cost JSON.parse and its scan 50 ms (RP-08). */
const MAX_BARE = 1_000_000;

export type JsonRefusal = "too deep" | "too many values" | "too long a number";

/** What a text outside its strings has come to. */
class Tally {
  readonly #budget: JsonBudget;
  #depth = 0;
  #tokens = 0;
  #bare = 0;

  constructor(budget: JsonBudget) {
    this.#budget = budget;
  }

  /** A string began or goes on. */
  string(): void {
    this.#bare = 0;
  }

  /** One more character, or byte: those that mean something are ASCII. */
  take(code: number): JsonRefusal | undefined {
    switch (code) {
      case 0x5b:
      case 0x7b:
        if (++this.#depth > this.#budget.maxDepth) return "too deep";
        this.#bare = 0;
        return this.#token();
      case 0x5d:
      case 0x7d:
        this.#depth--;
        this.#bare = 0;
        return undefined;
      case 0x2c:
      case 0x3a:
        this.#bare = 0;
        return this.#token();
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
        return undefined;
      default:
        return ++this.#bare > MAX_BARE ? "too long a number" : undefined;
    }
  }

  #token(): JsonRefusal | undefined {
    return ++this.#tokens > this.#budget.maxTokens ? "too many values" : undefined;
  }
}

/**
 * Looks at nesting and count before JSON.parse does the work (RP-08: 2.5 M levels cost it a second). Says nothing about
 * whether the text is JSON.
 *
 * @returns why the text is refused, or undefined
 */
export function scanJson(text: string, budget: JsonBudget): JsonRefusal | undefined {
  const tally = new Tally(budget);
  const { length } = text;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      // jump over the string; an escaped quote is one after an odd number of backslashes
      do {
        i = text.indexOf('"', i + 1);
        if (i < 0) return undefined; // unterminated: JSON.parse says so
      } while (isEscaped(text, i));
      tally.string();
      continue;
    }
    const refusal = tally.take(code);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** The same for bytes that come in pieces: a text is refused before the rest of it is there. */
export class JsonScan {
  readonly #tally: Tally;
  #inString = false;
  /** The piece before ended in a string, after a backslash that escapes. */
  #isEscaped = false;

  constructor(budget: JsonBudget) {
    this.#tally = new Tally(budget);
  }

  push(bytes: Buffer): JsonRefusal | undefined {
    if (bytes.length === 0) return undefined;
    for (let i = this.#inString ? this.#skipString(bytes, 0) : 0; i < bytes.length; i++) {
      const code = bytes[i] ?? 0;
      if (code === QUOTE) {
        i = this.#skipString(bytes, i + 1) - 1;
        continue;
      }
      const refusal = this.#tally.take(code);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /** Where a string ends that goes on at `from`: after its quote, or with the piece. */
  #skipString(bytes: Buffer, from: number): number {
    this.#inString = true;
    this.#tally.string();
    let at = this.#isEscaped ? from + 1 : from;
    this.#isEscaped = false;
    for (;;) {
      const quote = bytes.indexOf(QUOTE, at);
      const end = quote < 0 ? bytes.length : quote;
      let slashes = 0;
      while (end - 1 - slashes >= at && bytes[end - 1 - slashes] === 0x5c) slashes++;
      const isEscaping = slashes % 2 === 1;
      if (quote < 0) {
        this.#isEscaped = isEscaping;
        return end;
      }
      at = quote + 1;
      if (isEscaping) continue;
      this.#inString = false;
      return at;
    }
  }
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
  return slashes % 2 === 1;
}

/** JSON text of a value; `undefined` becomes null, bigint a bare number of any size (admin_nodeInfo's difficulty). */
export function writeJson(value: unknown): string {
  if (value === undefined || value === null) return "null";
  if (typeof value === "bigint") return value.toString();
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    // JSON.stringify has no form for bigint: the slow road, taken only where one is inside
    if (!(error instanceof TypeError) || !/BigInt/.test(error.message)) throw error;
    return writeWithBigints(value, 0);
  }
}

function writeWithBigints(value: unknown, depth: number): string {
  if (depth > 64) throw new RangeError("value nested too deep for JSON");
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if ("toJSON" in value && typeof value.toJSON === "function")
    return writeWithBigints(value.toJSON(), depth + 1);
  if (Array.isArray(value))
    return `[${value.map((one: unknown) => writeWithBigints(one, depth + 1)).join(",")}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined && typeof member !== "function")
    .map(([name, member]) => `${JSON.stringify(name)}:${writeWithBigints(member, depth + 1)}`);
  return `{${members.join(",")}}`;
}

/** Why a stream cannot be read on. */
export type SplitFailure = "syntax" | "too large";

/**
 * Cuts a byte stream into JSON objects and arrays that follow each other with or without white space between (IPC).
 * BOUNDED: `maxBytes` of one unfinished message.
 */
export class JsonSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #held = 0;
  #depth = 0;
  #inString = false;
  #isEscaped = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of the unfinished message. */
  get heldBytes(): number {
    return this.#held;
  }

  /** Gives each whole message to `onMessage`, in order. Returns why the stream is broken, if it is. */
  push(chunk: Buffer, onMessage: (text: string) => void): SplitFailure | undefined {
    let start = this.#depth > 0 ? 0 : -1;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === 0x5c) this.#isEscaped = true;
        else if (byte === 0x22) this.#inString = false;
        continue;
      }
      if (byte === 0x7b || byte === 0x5b) {
        if (this.#depth++ === 0) start = i;
      } else if (byte === 0x7d || byte === 0x5d) {
        if (this.#depth === 0) return "syntax";
        if (--this.#depth === 0) {
          const size = this.#held + i + 1 - start;
          if (size > this.#maxBytes) return "too large";
          onMessage(this.#take(chunk.subarray(start, i + 1)));
          start = -1;
        }
      } else if (this.#depth === 0) {
        if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return "syntax";
      } else if (byte === 0x22) this.#inString = true;
    }
    if (start >= 0) {
      this.#parts.push(chunk.subarray(start));
      this.#held += chunk.length - start;
      if (this.#held > this.#maxBytes) return "too large";
    }
    return undefined;
  }

  #take(last: Buffer): string {
    if (this.#parts.length === 0) return last.toString("utf8");
    const whole = Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#held = 0;
    return whole.toString("utf8");
  }
}
