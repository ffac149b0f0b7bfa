// long: two modes over one record of what was touched
import { create2Address, createAddress, emptyCodeHash } from "#core/types";
import { memoryAt, type Tracer, type TraceStart, type TraceState, type TraceStep } from "#core/vm";
import { bigintToBytes, equalBytes, type Hex, toHex } from "#util";
import type { TraceBudget } from "./limits.ts";
import type { Json, JsonTracer } from "./tracer.ts";

export interface PrestateConfig {
  readonly diffMode?: boolean | undefined;
  readonly disableCode?: boolean | undefined;
  readonly disableStorage?: boolean | undefined;
  readonly includeEmpty?: boolean | undefined;
}

interface Seen {
  readonly address: Uint8Array;
  readonly balance: bigint;
  readonly nonce: bigint;
  readonly code: Uint8Array;
  readonly codeHash: Uint8Array;
  /** Slot → value, both 32 bytes in hex. */
  readonly storage: Map<Hex, Hex>;
}

const OP = {
  balance: 0x31,
  extCodeSize: 0x3b,
  extCodeCopy: 0x3c,
  extCodeHash: 0x3f,
  sload: 0x54,
  sstore: 0x55,
  create: 0xf0,
  call: 0xf1,
  callCode: 0xf2,
  delegateCall: 0xf4,
  create2: 0xf5,
  staticCall: 0xfa,
  selfDestruct: 0xff,
} as const;
const OPS: ReadonlySet<number> = new Set(Object.values(OP));
const NOTHING = new Uint8Array(0);
const ZERO: Hex = `0x${"00".repeat(32)}`;
const DELEGATION_BYTES = 23;
/** Text of an account beside its code, both sides of a difference; and of a slot. */
const ACCOUNT_BYTES = 400;
const SLOT_BYTES = 280;

const quantity = (value: bigint) => `0x${value.toString(16)}`;
const word = (value: Uint8Array): Hex => `0x${toHex(value).slice(2).padStart(64, "0")}`;
/** Target of an EIP-7702 delegation. */
const delegate = (code: Uint8Array): Uint8Array | undefined =>
  code.length === DELEGATION_BYTES && code[0] === 0xef && code[1] === 0x01 && code[2] === 0
    ? code.subarray(3)
    : undefined;

/**
 * What a message reads, as it was before; with diffMode what it changes, before and after
 * (eth/tracers/native/prestate.go@v1.17.5). BOUNDED: the budget.
 */
export class PrestateTracer implements JsonTracer, Tracer {
  readonly tracer: Tracer = this;
  readonly ops = OPS;
  readonly #config: PrestateConfig;
  readonly #budget: TraceBudget;
  readonly #pre = new Map<Hex, Seen>();
  readonly #post = new Map<Hex, Json>();
  readonly #created = new Set<Hex>();
  readonly #deleted = new Set<Hex>();
  /** Accounts that were not there before. */
  readonly #empty = new Set<Hex>();
  #start: TraceStart | undefined;

  constructor(config: PrestateConfig, budget: TraceBudget) {
    this.#config = config;
    this.#budget = budget;
  }

  async begin(start: TraceStart, state: TraceState): Promise<void> {
    this.#start = start;
    if (start.isCreate) this.#created.add(toHex(start.to));
    else await this.#lookDelegate(start.to, state);
    for (const address of [start.from, start.to, start.coinbase, ...start.authorities])
      await this.#look(address, state);
  }

  async step(step: TraceStep, state: TraceState): Promise<void> {
    const { op, stack, address, error } = step;
    if (error !== undefined) return;
    const at = (place: number) => stack[stack.length - 1 - place] ?? 0n;
    const addressAt = (place: number) => bigintToBytes(at(place) & ((1n << 160n) - 1n), 20);
    switch (op) {
      case OP.sload:
      case OP.sstore:
        return this.#lookSlot(address, bigintToBytes(at(0), 32), state);
      case OP.call:
      case OP.callCode:
      case OP.delegateCall:
      case OP.staticCall:
        await this.#look(addressAt(1), state);
        return this.#lookDelegate(addressAt(1), state);
      case OP.create:
        return this.#lookCreated(createAddress(address, (await state.account(address))?.nonce ?? 0n), state);
      case OP.create2: {
        const init = memoryAt(step.memory, at(1), at(2));
        return this.#lookCreated(create2Address(address, bigintToBytes(at(3), 32), init), state);
      }
      default:
        await this.#look(addressAt(0), state);
        if (op === OP.selfDestruct) this.#destroy(toHex(address));
    }
  }

  async end(_gasUsed: bigint, state: TraceState): Promise<void> {
    if (this.#config.diffMode === true)
      for (const [key, seen] of this.#pre) await this.#compare(key, seen, state);
    if (this.#config.includeEmpty !== true) for (const key of this.#empty) this.#pre.delete(key);
  }

  result(): Json {
    const pre = Object.fromEntries([...this.#pre].map(([key, seen]) => [key, this.#format(seen)]));
    return this.#config.diffMode === true ? { post: Object.fromEntries(this.#post), pre } : pre;
  }

  /** From Cancun on only a contract made in the same transaction goes (EIP-6780). */
  #destroy(key: Hex): void {
    if (this.#start?.isCancun !== true || this.#created.has(key)) this.#deleted.add(key);
  }

  async #look(address: Uint8Array, state: TraceState): Promise<void> {
    const key = toHex(address);
    if (this.#pre.has(key)) return;
    const account = await state.account(address);
    const code = await state.code(address);
    const { balance = 0n, nonce = 0n, codeHash = emptyCodeHash } = account ?? {};
    this.#budget.take(ACCOUNT_BYTES + (this.#config.disableCode === true ? 0 : 2 * code.length));
    if (balance === 0n && nonce === 0n && code.length === 0) this.#empty.add(key);
    this.#pre.set(key, { address: address.slice(), balance, nonce, code, codeHash, storage: new Map() });
  }

  async #lookDelegate(address: Uint8Array, state: TraceState): Promise<void> {
    if (this.#start?.isPrague !== true) return;
    const target = delegate(await state.code(address));
    if (target !== undefined) await this.#look(target, state);
  }

  async #lookCreated(address: Uint8Array, state: TraceState): Promise<void> {
    await this.#look(address, state);
    this.#created.add(toHex(address));
  }

  async #lookSlot(address: Uint8Array, slot: Uint8Array, state: TraceState): Promise<void> {
    if (this.#config.disableStorage === true) return;
    const storage = this.#pre.get(toHex(address))?.storage;
    const key = toHex(slot);
    if (storage === undefined || storage.has(key)) return;
    this.#budget.take(SLOT_BYTES);
    storage.set(key, word(await state.storage(address, slot)));
  }

  /** What became of an account; what did not change is left out of both sides. */
  async #compare(key: Hex, seen: Seen, state: TraceState): Promise<void> {
    if (this.#deleted.has(key)) return;
    const { disableCode } = this.#config;
    const account = await state.account(seen.address);
    const { balance = 0n, nonce = 0n, codeHash = emptyCodeHash } = account ?? {};
    const post: { [key: string]: Json } = {};
    let hasChanged = nonce !== seen.nonce;
    if (balance !== seen.balance) post["balance"] = quantity(balance);
    // geth leaves a nonce out that became 0
    if (nonce !== seen.nonce && nonce !== 0n) post["nonce"] = Number(nonce);
    if (!equalBytes(codeHash, seen.codeHash)) {
      post["codeHash"] = toHex(codeHash);
      if (disableCode !== true) post["code"] = toHex(await state.code(seen.address));
    }
    const storage = await this.#compareStorage(seen, state);
    if (storage.changed.length > 0) post["storage"] = Object.fromEntries(storage.changed);
    hasChanged ||= storage.hasChanged || Object.keys(post).length > 0;
    if (hasChanged) this.#post.set(key, post);
    else this.#pre.delete(key);
  }

  async #compareStorage({ address, storage }: Seen, state: TraceState) {
    const changed: [Hex, Hex][] = [];
    let hasChanged = false;
    for (const [slot, before] of storage) {
      const after = word(await state.storage(address, Uint8Array.from(Buffer.from(slot.slice(2), "hex"))));
      if (before === ZERO || before === after) storage.delete(slot);
      if (before === after) continue;
      hasChanged = true;
      if (after !== ZERO) changed.push([slot, after]);
    }
    return { changed, hasChanged };
  }

  #format({ balance, nonce, code, codeHash, storage }: Seen): Json {
    const hasCode = !equalBytes(codeHash, emptyCodeHash) && !equalBytes(codeHash, NOTHING);
    return {
      balance: quantity(balance),
      ...(hasCode && this.#config.disableCode !== true ? { code: toHex(code) } : {}),
      ...(hasCode ? { codeHash: toHex(codeHash) } : {}),
      ...(nonce === 0n ? {} : { nonce: Number(nonce) }),
      ...(storage.size === 0 ? {} : { storage: Object.fromEntries(storage) }),
    };
  }
}
