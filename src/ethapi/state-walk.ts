import { checksumAddress, emptyCodeHash, type Header } from "#core/types";
import type { Account } from "#core/vm";
import { TraceBudget } from "#ethapi/tracers";
import { bytes as rlpBytes, decodeAs } from "#rlp";
import { emptyRoot } from "#trie";
import { equalBytes, toHex } from "#util";
import type { CallContext } from "./backend.ts";
import type { ChainControl } from "./controls.ts";
import { EthApiError } from "./errors.ts";
import type { JsonObject } from "./format.ts";
import type { Parts } from "./parts.ts";
import { refuse } from "./tracing.ts";

/** Addresses of one debug_getModifiedAccounts…. */
const MAX_CHANGED = 10_000;
/** Text of a row beside what it is made of. */
const ROW_BYTES = 300;
const SLOT_BYTES = 150;
/** Rows after which others are let run. */
export const ROWS_PER_TURN = 512;

interface DumpOptions {
  readonly start?: Uint8Array | undefined;
  readonly max: number;
  readonly noCode?: boolean;
  readonly noStorage?: boolean;
  /** Leave out accounts whose address is not known. */
  readonly onlyNamed: boolean;
}

/** Walks states of a chain of one's own. */
export class StateWalk {
  readonly #chain: ChainControl;
  readonly #clock: Parts["clock"];
  readonly #budget = new TraceBudget();
  readonly #ctx: CallContext;
  #rows = 0;

  constructor(chain: ChainControl, { clock }: Pick<Parts, "clock">, ctx: CallContext) {
    this.#chain = chain;
    this.#clock = clock;
    this.#ctx = ctx;
  }

  async dump({ stateRoot }: Header, { start, max, onlyNamed, ...parts }: DumpOptions): Promise<JsonObject> {
    const accounts: [string, JsonObject][] = [];
    let next: Uint8Array | undefined;
    for (const { key, account } of this.#chain.accounts(stateRoot, start ?? new Uint8Array(32))) {
      const name = this.#chain.preimage(key);
      if (accounts.length === max) {
        next = key;
        break;
      }
      if (name === undefined && onlyNamed) {
        await this.#take(0); // without --cache.preimages that is the whole state
        continue;
      }
      const place = name === undefined ? `pre(${toHex(key)})` : checksumAddress(name);
      accounts.push([place, await this.#account(key, name, account, parts)]);
    }
    const rest = next === undefined ? {} : { next: toHex(next) };
    return { root: toHex(stateRoot).slice(2), accounts: Object.fromEntries(accounts), ...rest };
  }

  async #account(
    key: Uint8Array,
    name: Uint8Array | undefined,
    account: Account,
    { noCode, noStorage }: Pick<DumpOptions, "noCode" | "noStorage">,
  ): Promise<JsonObject> {
    const { codeHash, storageRoot } = account;
    const hasCode = noCode !== true && !equalBytes(codeHash, emptyCodeHash);
    const code = hasCode ? this.#chain.code(codeHash) : undefined;
    await this.#take(ROW_BYTES + 2 * (code?.length ?? 0));
    const storage =
      noStorage === true || equalBytes(storageRoot, emptyRoot) ? [] : await this.#slots(storageRoot);
    return {
      balance: account.balance.toString(),
      nonce: Number(account.nonce),
      root: toHex(storageRoot),
      codeHash: toHex(codeHash),
      ...(code === undefined ? {} : { code: toHex(code) }),
      ...(storage.length === 0 ? {} : { storage: Object.fromEntries(storage) }),
      ...(name === undefined ? {} : { address: toHex(name) }),
      key: toHex(key),
    };
  }

  async #slots(storageRoot: Uint8Array): Promise<[string, string][]> {
    const slots: [string, string][] = [];
    for (const { key, value } of this.#chain.slots(storageRoot)) {
      await this.#take(SLOT_BYTES);
      const slot = this.#chain.preimage(key);
      if (slot !== undefined)
        slots.push([toHex(slot), toHex(decodeAs(rlpBytes({ max: 32 }), value)).slice(2)]);
    }
    return slots;
  }

  async modified(from: Header, to: Header): Promise<Uint8Array[]> {
    if (from.number >= to.number)
      throw refuse(`start block height (${from.number}) must be less than end block height (${to.number})`);
    const dirty: Uint8Array[] = [];
    for (const key of this.#chain.changedAccounts(from.stateRoot, to.stateRoot)) {
      await this.#take(SLOT_BYTES);
      const name = this.#chain.preimage(key);
      if (name === undefined) throw refuse(`no preimage found for hash ${toHex(key).slice(2)}`);
      if (dirty.push(name) > MAX_CHANGED)
        throw EthApiError("TOO_MUCH", { what: "modified accounts", got: dirty.length, max: MAX_CHANGED });
    }
    return dirty;
  }

  async #take(bytes: number): Promise<void> {
    this.#budget.take(bytes);
    if (++this.#rows % ROWS_PER_TURN !== 0) return;
    await this.#clock.sleep(0, { signal: this.#ctx.signal });
  }
}
