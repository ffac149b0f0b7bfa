// long: one program, which runs in another process
/**
 * The program of the process in which JavaScript tracers run. Nothing of it runs in the node: its text is handed to a
 * second Node.js that may open no file, start no process, make no code from text, and has no environment.
 *
 * One line of JSON in, one out. Strangers' code is in a context of its own (node:vm); into it and out of it go texts only,
 * so that it never holds an object of the program around it.
 */

/** What a message asks for. */
export type SandboxMessage =
  | {
      readonly do: "new";
      readonly code: string;
      readonly config: string;
      readonly precompiles: readonly string[];
    }
  | { readonly do: "events"; readonly events: readonly SandboxEvent[] }
  | { readonly do: "result"; readonly ctx: object };

export type SandboxEvent =
  | readonly [
      "step",
      pc: number,
      op: number,
      name: string,
      gas: number,
      cost: number,
      depth: number,
      refund: number,
      error: string | null,
      stack: readonly string[],
      memory: string | null,
    ]
  | readonly ["fault", error: string]
  | readonly [
      "enter",
      isTold: boolean,
      type: string,
      from: string,
      to: string,
      input: string,
      gas: number,
      value: string | null,
      contract: readonly [caller: string, address: string, value: string, input: string],
    ]
  | readonly ["exit", isTold: boolean, gasUsed: number, output: string, error: string | null];

/** Runs inside the context. @param ask `(what, address, slot) → text`, which waits for the node */
function inside(ask: (what: string, ...rest: string[]) => string): { start: unknown; dispatch: unknown } {
  "use strict"; // a stack trace shows no function of a strict frame
  type Loose = Record<string, unknown>;
  /** Texts by our own messages. */
  const asText = (value: unknown) => value as string;
  const fail = (text: string): never => {
    throw new Error(text);
  };
  /** What the library big-integer, which geth gives its tracers, answers; over native integers. */
  class Big {
    readonly n: bigint;
    constructor(n: bigint) {
      this.n = n;
    }
    toString(radix = 10): string {
      return this.n.toString(radix);
    }
    toJSON(): string {
      return this.n.toString();
    }
    valueOf(): number {
      return Number(this.n);
    }
    toJSNumber(): number {
      return Number(this.n);
    }
    add(o: unknown) {
      return new Big(this.n + int(o));
    }
    plus(o: unknown) {
      return this.add(o);
    }
    subtract(o: unknown) {
      return new Big(this.n - int(o));
    }
    minus(o: unknown) {
      return this.subtract(o);
    }
    multiply(o: unknown) {
      return new Big(this.n * int(o));
    }
    times(o: unknown) {
      return this.multiply(o);
    }
    divide(o: unknown) {
      return new Big(this.n / int(o));
    }
    over(o: unknown) {
      return this.divide(o);
    }
    mod(o: unknown) {
      return new Big(this.n % int(o));
    }
    remainder(o: unknown) {
      return this.mod(o);
    }
    divmod(o: unknown) {
      return { quotient: this.divide(o), remainder: this.mod(o) };
    }
    pow(o: unknown) {
      return new Big(this.n ** int(o));
    }
    modPow(e: unknown, m: unknown) {
      let [base, exponent, result] = [this.n % int(m), int(e), 1n];
      for (; exponent > 0n; exponent >>= 1n, base = (base * base) % int(m))
        if ((exponent & 1n) === 1n) result = (result * base) % int(m);
      return new Big(result);
    }
    and(o: unknown) {
      return new Big(this.n & int(o));
    }
    or(o: unknown) {
      return new Big(this.n | int(o));
    }
    xor(o: unknown) {
      return new Big(this.n ^ int(o));
    }
    not() {
      return new Big(~this.n);
    }
    shiftLeft(o: unknown) {
      return new Big(this.n << int(o));
    }
    shiftRight(o: unknown) {
      return new Big(this.n >> int(o));
    }
    negate() {
      return new Big(-this.n);
    }
    abs() {
      return new Big(this.n < 0n ? -this.n : this.n);
    }
    next() {
      return new Big(this.n + 1n);
    }
    prev() {
      return new Big(this.n - 1n);
    }
    square() {
      return new Big(this.n * this.n);
    }
    compare(o: unknown) {
      const other = int(o);
      return this.n < other ? -1 : this.n > other ? 1 : 0;
    }
    compareTo(o: unknown) {
      return this.compare(o);
    }
    equals(o: unknown) {
      return this.n === int(o);
    }
    eq(o: unknown) {
      return this.equals(o);
    }
    notEquals(o: unknown) {
      return !this.equals(o);
    }
    neq(o: unknown) {
      return !this.equals(o);
    }
    lesser(o: unknown) {
      return this.n < int(o);
    }
    lt(o: unknown) {
      return this.lesser(o);
    }
    lesserOrEquals(o: unknown) {
      return this.n <= int(o);
    }
    leq(o: unknown) {
      return this.lesserOrEquals(o);
    }
    greater(o: unknown) {
      return this.n > int(o);
    }
    gt(o: unknown) {
      return this.greater(o);
    }
    greaterOrEquals(o: unknown) {
      return this.n >= int(o);
    }
    geq(o: unknown) {
      return this.greaterOrEquals(o);
    }
    isZero() {
      return this.n === 0n;
    }
    isUnit() {
      return this.n === 1n || this.n === -1n;
    }
    isNegative() {
      return this.n < 0n;
    }
    isPositive() {
      return this.n > 0n;
    }
    isEven() {
      return this.n % 2n === 0n;
    }
    isOdd() {
      return !this.isEven();
    }
    bitLength() {
      return new Big(this.n === 0n ? 0n : BigInt(this.abs().n.toString(2).length));
    }
  }
  const int = (value: unknown): bigint => {
    if (value instanceof Big) return value.n;
    if (typeof value === "bigint") return value;
    if (typeof value === "number") return BigInt(Math.trunc(value));
    return BigInt(String(value));
  };
  const withRadix = (text: string, radix: number): bigint => {
    const isNegative = text.startsWith("-");
    let n = 0n;
    for (const digit of isNegative ? text.slice(1) : text) {
      const value = Number.parseInt(digit, radix);
      if (Number.isNaN(value)) fail(`${digit} is not a valid digit in base ${radix}.`);
      n = n * BigInt(radix) + BigInt(value);
    }
    return isNegative ? -n : n;
  };
  const bigInt = Object.assign(
    (value: unknown = 0, radix: unknown = 10) =>
      new Big(
        typeof value === "string" && Number(radix) !== 10 ? withRadix(value, Number(radix)) : int(value),
      ),
    {
      zero: new Big(0n),
      one: new Big(1n),
      minusOne: new Big(-1n),
      isInstance: (value: unknown) => value instanceof Big,
      min: (...all: unknown[]) => all.map((one) => new Big(int(one))).reduce((a, b) => (a.leq(b) ? a : b)),
      max: (...all: unknown[]) => all.map((one) => new Big(int(one))).reduce((a, b) => (a.geq(b) ? a : b)),
    },
  );

  const fromHex = (hex: string): Uint8Array => {
    const digits = hex.startsWith("0x") ? hex.slice(2) : hex;
    const even = digits.length % 2 === 0 ? digits : `0${digits}`;
    const bytes = new Uint8Array(even.length / 2);
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(even.slice(2 * i, 2 * i + 2), 16);
    return bytes;
  };
  const hexOf = (bytes: Uint8Array): string => {
    let hex = "0x";
    for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
    return hex;
  };
  const toBytes = (value: unknown, allowsText: boolean): Uint8Array => {
    if (value instanceof Uint8Array) return value;
    if (Array.isArray(value)) return Uint8Array.from(value);
    if (typeof value === "string" && allowsText) return fromHex(value);
    return fail("invalid buffer type");
  };
  const padded = (bytes: Uint8Array, length: number): Uint8Array => {
    const out = new Uint8Array(length);
    const kept = bytes.length > length ? bytes.slice(bytes.length - length) : bytes;
    out.set(kept, length - kept.length);
    return out;
  };
  let precompiles: readonly string[] = [];
  const cut = (bytes: Uint8Array, start: number, end: number): Uint8Array => {
    if (start < 0 || start > end || end > bytes.length)
      fail(
        `Tracer accessed out of bound memory: available ${bytes.length}, offset ${start}, size ${end - start}`,
      );
    return bytes.slice(start, end);
  };
  const addressOf = (value: unknown) => hexOf(padded(toBytes(value, true), 20));
  Object.assign(globalThis, {
    bigInt,
    toHex: (value: unknown) => hexOf(toBytes(value, false)),
    toWord: (value: unknown) => padded(toBytes(value, true), 32),
    toAddress: (value: unknown) => padded(toBytes(value, true), 20),
    toContract: (from: unknown, nonce: number) => fromHex(ask("contract", addressOf(from), String(nonce))),
    toContract2: (from: unknown, salt: string, code: unknown) =>
      fromHex(
        ask("contract2", addressOf(from), hexOf(padded(fromHex(salt), 32)), hexOf(toBytes(code, true))),
      ),
    isPrecompiled: (value: unknown) => precompiles.includes(addressOf(value)),
    slice: (value: unknown, start: number, end: number) => cut(toBytes(value, false), start, end),
  });

  let step: readonly unknown[] = [];
  let stack: readonly string[] = [];
  let memory = new Uint8Array(0);
  let error: string | undefined;
  const contracts: (readonly string[])[] = [];
  const contract = (at: number) => contracts[contracts.length - 1]?.[at] ?? "0x";
  const word = (at: number): bigint => {
    if (at < 0 || at >= stack.length)
      fail(`tracer accessed out of bound stack: size ${stack.length}, index ${at}`);
    return BigInt(stack[stack.length - 1 - at] ?? "0x0");
  };
  const log = {
    op: {
      toNumber: () => step[1],
      toString: () => step[2],
      isPush: () => Number(step[1]) >= 0x60 && Number(step[1]) <= 0x7f,
    },
    stack: { peek: (at: number) => new Big(word(Number(at))), length: () => stack.length },
    memory: {
      slice: (begin: number, end: number) => {
        const [from, to] = [Number(begin), Number(end)];
        if (from === to) return new Uint8Array(0);
        if (to < from || from < 0) fail(`tracer accessed out of bound memory: offset ${from}, end ${to}`);
        if (to - from > 1_048_576 + memory.length)
          fail(`reached limit for padding memory slice: ${to - memory.length}`);
        const out = new Uint8Array(to - from);
        out.set(memory.slice(from, to));
        return out;
      },
      getUint: (at: number) => {
        if (at < 0 || memory.length < Number(at) + 32)
          fail(`tracer accessed out of bound memory: available ${memory.length}, offset ${at}, size 32`);
        return new Big(BigInt(hexOf(memory.slice(Number(at), Number(at) + 32))));
      },
      length: () => memory.length,
    },
    contract: {
      getCaller: () => fromHex(contract(0)),
      getAddress: () => fromHex(contract(1)),
      getValue: () => new Big(BigInt(contract(2))),
      getInput: () => fromHex(contract(3)),
    },
    getPC: () => step[0],
    getGas: () => step[3],
    getCost: () => step[4],
    getDepth: () => step[5],
    getRefund: () => step[6],
    getError: () => error,
  };
  const db = {
    getBalance: (address: unknown) => new Big(BigInt(ask("balance", addressOf(address)))),
    getNonce: (address: unknown) => Number(ask("nonce", addressOf(address))),
    getCode: (address: unknown) => fromHex(ask("code", addressOf(address))),
    getState: (address: unknown, slot: unknown) =>
      fromHex(ask("state", addressOf(address), hexOf(padded(toBytes(slot, true), 32)))),
    exists: (address: unknown) => ask("exists", addressOf(address)) === "1",
  };

  let tracer: Loose = {};
  const has = (name: string) => typeof tracer[name] === "function";
  const call = (name: string, ...args: unknown[]): unknown => {
    try {
      return (tracer[name] as (...rest: unknown[]) => unknown).apply(tracer, args);
    } catch (cause) {
      return fail(`${String(cause)}    in server-side tracer function '${name}'`);
    }
  };
  const start = (made: unknown, message: string): string => {
    const { config, precompiles: known } = JSON.parse(message) as { config: string; precompiles: string[] };
    precompiles = known;
    tracer = Object(made) as Loose;
    for (const name of ["result", "fault"])
      if (!has(name)) fail(`trace object must expose a function ${name}()`);
    if (has("enter") !== has("exit"))
      fail("trace object must expose either both or none of enter() and exit()");
    if (has("setup")) call("setup", config);
    const usesDb = (name: string) => {
      const one = tracer[name];
      return typeof one === "function" && (one.length > 1 || /\barguments\b|\.\.\./.test(String(one)));
    };
    return JSON.stringify({ step: has("step"), frames: has("enter"), db: usesDb("step") || usesDb("fault") });
  };
  const one = (event: readonly unknown[]): void => {
    const [kind, ...rest] = event;
    if (kind === "step") {
      step = rest;
      error = rest[7] === null ? undefined : asText(rest[7]);
      stack = rest[8] as readonly string[];
      if (rest[9] !== null) memory = fromHex(asText(rest[9])) as Uint8Array<ArrayBuffer>;
      if (has("step")) call("step", log, db);
    } else if (kind === "fault") {
      error = String(rest[0]);
      call("fault", log, db);
    } else if (kind === "enter") {
      const [isTold, type, from, to, input, gas, value, own] = rest;
      contracts.push(own as readonly string[]);
      if (isTold !== true || !has("enter")) return;
      call("enter", {
        getType: () => type,
        getFrom: () => fromHex(String(from)),
        getTo: () => fromHex(String(to)),
        getInput: () => fromHex(String(input)),
        getGas: () => gas,
        getValue: () => (value === null ? undefined : new Big(BigInt(asText(value)))),
      });
    } else {
      const [isTold, gasUsed, output, why] = rest;
      contracts.pop();
      if (isTold !== true || !has("exit")) return;
      call("exit", {
        getGasUsed: () => gasUsed,
        getOutput: () => fromHex(String(output)),
        getError: () => why ?? undefined,
      });
    }
  };
  const ctxOf = (text: Record<string, unknown>): Loose => {
    const ctx: Loose = {};
    for (const [name, value] of Object.entries(text)) {
      const [kind, content] = value as [string, string | number];
      ctx[name] =
        kind === "bytes" ? fromHex(String(content)) : kind === "big" ? new Big(BigInt(content)) : content;
    }
    return ctx;
  };
  const dispatch = (message: string): string => {
    const asked = JSON.parse(message) as { do: string; events: readonly (readonly unknown[])[]; ctx: Loose };
    if (asked.do === "events") {
      for (const event of asked.events) one(event);
      return "";
    }
    return JSON.stringify(call("result", ctxOf(asked.ctx), db)) ?? "null";
  };
  /** An error's text: whatever is thrown in here stays in here. */
  const guarded =
    (work: (...args: never[]) => string) =>
    (...args: unknown[]): string => {
      try {
        return `+${work(...(args as never[]))}`;
      } catch (cause) {
        try {
          return `-${cause instanceof Error ? cause.message : String(cause)}`;
        } catch {
          return "-the tracer failed";
        }
      }
    };
  return { start: guarded(start), dispatch: guarded(dispatch) };
}

/** Runs around it, in the same process. */
function outside(load: (name: string) => never, insideText: string): void {
  "use strict";
  const fs = load("fs") as typeof import("node:fs");
  const { createContext, Script } = load("vm") as typeof import("node:vm");
  const chunk = Buffer.alloc(65_536);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let rest = "";
  const readLine = (): string => {
    const parts: string[] = [];
    for (;;) {
      const end = rest.indexOf("\n");
      if (end >= 0) {
        parts.push(rest.slice(0, end));
        rest = rest.slice(end + 1);
        return parts.join("");
      }
      parts.push(rest);
      rest = "";
      try {
        const length = fs.readSync(0, chunk);
        if (length === 0) process.exit(0);
        rest = chunk.toString("latin1", 0, length);
      } catch (error) {
        if ((error as { code?: string }).code !== "EAGAIN") process.exit(1);
        Atomics.wait(pause, 0, 0, 1);
      }
    }
  };
  const writeLine = (text: string): void => {
    const bytes = Buffer.from(`${text}\n`, "latin1");
    for (let at = 0; at < bytes.length; )
      try {
        at += fs.writeSync(1, bytes, at);
      } catch (error) {
        if ((error as { code?: string }).code !== "EAGAIN") process.exit(1);
        Atomics.wait(pause, 0, 0, 1);
      }
  };
  /** JSON without a character above ASCII, so that a byte is a character on both sides. */
  const ascii = (value: unknown) =>
    JSON.stringify(value).replace(
      /[\u0080-\uffff]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  const ask = (what: unknown, ...more: unknown[]): string => {
    writeLine(ascii({ ask: [String(what), ...more.map(String)] }));
    return readLine();
  };
  const answer = (text: unknown) => {
    const whole = typeof text === "string" ? text : "-the tracer failed";
    writeLine(ascii(whole.startsWith("+") ? { ok: whole.slice(1) } : { err: whole.slice(1) }));
  };
  let dispatch: (message: string) => unknown = () => "-no tracer";
  for (;;) {
    const line = readLine();
    const message = JSON.parse(line) as { do: string; code: string };
    if (message.do !== "new") {
      answer(dispatch(line));
      continue;
    }
    try {
      const context = createContext(Object.create(null) as object, {
        codeGeneration: { strings: false, wasm: false },
      });
      const made = new Script(`(${insideText})`).runInContext(context)(ask);
      dispatch = made.dispatch;
      answer(made.start(new Script(`(${message.code})`, { filename: "tracer" }).runInContext(context), line));
    } catch (error) {
      let text = "the tracer failed";
      try {
        text = String(error);
      } catch {} // an object whose text throws
      answer(`-${text}`);
    }
  }
}

/** The program's text. */
export const sandboxProgram = `(${String(outside)})(require, ${JSON.stringify(String(inside))})`;
