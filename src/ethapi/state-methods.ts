/** Accounts: balance, nonce, code, storage, proofs. */
import { emptyCodeHash } from "#core/types";
import type { Account, StateReader } from "#core/vm";
import {
  address,
  type BlockRef,
  blockNumberOrHash,
  bytes,
  type Codec,
  fixedBytes,
  hash,
  json,
  kindOf,
  invalidParams,
  method,
  type Method,
  optional,
  quantity,
  RpcError,
  rpcCodes,
  slot,
  uint64,
} from "#rpc";
import { emptyRoot } from "#trie";
import { andThen, bytesToBigint, equalBytes, type MaybePromise, toHex } from "#util";
import type { AccountProof, CallContext } from "./backend.ts";
import { EthApiError } from "./errors.ts";
import { type JsonObject, quantityHex } from "./format.ts";
import type { Parts } from "./parts.ts";

/** geth errCodeClientLimitExceeded. */
const CLIENT_LIMIT = -38026;

/** A slot and how it was written: geth gives a 32-byte key back as it is, a shorter one as a quantity. */
interface SlotKey {
  readonly slot: Uint8Array;
  readonly isWhole: boolean;
}

/** Keys of eth_getProof; the count is checked before any is decoded (RP-17). */
function slotKeys(most: number): Codec<SlotKey[]> {
  return {
    doc: "list of storage slot",
    decode(value, path) {
      if (value === undefined || value === null) return [];
      if (!Array.isArray(value)) throw invalidParams(path, `want a list, got ${kindOf(value)}`);
      if (value.length > most) {
        throw EthApiError("INVALID", {
          reason: `too many storage keys requested (max ${most}, got ${value.length})`,
        });
      }
      return value.map((one: unknown, i) => ({
        slot: slot.decode(one, `${path}[${i}]`),
        isWhole: typeof one === "string" && one.replace(/^0[xX]/, "").length >= 63,
      }));
    },
    encode: (keys) => keys.map((key) => toHex(key.slot)),
  };
}

function formatProof(target: Uint8Array, keys: readonly SlotKey[], proof: AccountProof): JsonObject {
  return {
    address: toHex(target),
    accountProof: proof.accountProof.map(toHex),
    balance: quantityHex(proof.balance),
    codeHash: toHex(proof.codeHash),
    nonce: quantityHex(proof.nonce),
    storageHash: toHex(proof.storageRoot),
    storageProof: proof.storageProof.map((one, i) => ({
      key: keys[i]?.isWhole === false ? quantityHex(bytesToBigint(one.key)) : toHex(one.key),
      value: quantityHex(bytesToBigint(one.value)),
      proof: one.proof.map(toHex),
    })),
  };
}

/** A minimal value as the word it is. */
function toWord(value: Uint8Array): Uint8Array {
  const word = new Uint8Array(32);
  word.set(value, 32 - value.length);
  return word;
}

type SlotsOf = readonly (readonly [target: Uint8Array, slots: readonly Uint8Array[]])[];

/** {address: [slot, …]}; slots are counted before any is decoded (RP-17), with geth's errors. */
function slotsByAddress(most: number): Codec<SlotsOf> {
  return {
    doc: "{address: list of 32 bytes}",
    decode(value, path) {
      if (typeof value !== "object" || value === null || Array.isArray(value))
        throw invalidParams(path, `want an object, got ${kindOf(value)}`);
      const rows = Object.entries(value);
      const lists = rows.map(([, slots]: [string, unknown]): readonly unknown[] =>
        Array.isArray(slots) ? slots : [],
      );
      const total = lists.reduce((sum, slots) => sum + slots.length, 0);
      if (total > most) throw new RpcError(CLIENT_LIMIT, `too many slots (max ${most})`);
      if (total === 0) throw new RpcError(rpcCodes.invalidParams, "empty request");
      return rows.map(([name], i) => {
        const at = `${path}[${name.slice(0, 42)}]`;
        return [
          address.decode(name, at),
          (lists[i] ?? []).map((one, place) => hash.decode(one, `${at}[${place}]`)),
        ] as const;
      });
    },
    encode: (value) => value,
  };
}

export function stateMethods({ backend, view, limits }: Parts): Record<string, Method> {
  const block = optional(blockNumberOrHash);
  // A read of one value is not cut short when its caller leaves (no context for the state): what it waits for is shared
  // with others and kept, and to listen to the caller would cost as much as the read.
  const readState = (ref: BlockRef | undefined, ctx: CallContext): MaybePromise<StateReader> =>
    andThen(view.need(ref, ctx), (found) => view.state(found));
  const readAccount = (
    target: Uint8Array,
    ref: BlockRef | undefined,
    ctx: CallContext,
  ): MaybePromise<Account | undefined> => andThen(readState(ref, ctx), (reader) => reader.account(target));

  const isConcurrent = true;
  return {
    getBalance: method({
      doc: "Wei of an account after a block (latest unless told).",
      params: [address, block],
      result: quantity,
      isConcurrent,
      handle: ([target, ref], ctx) =>
        andThen(readAccount(target, ref, ctx), (account) => account?.balance ?? 0n),
    }),
    getTransactionCount: method({
      doc: "Nonce of an account after a block; with pending, own waiting transactions are counted.",
      params: [address, block],
      result: uint64,
      isConcurrent,
      handle: async ([target, ref], ctx) => {
        const account = await readAccount(target, ref, ctx);
        if (account !== undefined) return account.nonce;
        return ref === "pending" ? view.nextNonce(target, 0n) : 0n;
      },
    }),
    getCode: method({
      doc: "Code of an account after a block.",
      params: [address, block],
      result: bytes,
      isConcurrent,
      handle: async ([target, ref], ctx) => {
        const reader = await readState(ref, ctx);
        const account = await reader.account(target);
        if (account === undefined || equalBytes(account.codeHash, emptyCodeHash)) return new Uint8Array(0);
        return reader.code(target, account.codeHash);
      },
    }),
    getStorageAt: method({
      doc: "A 32-byte word of an account's storage after a block.",
      params: [address, slot, block],
      result: fixedBytes(32),
      isConcurrent,
      handle: async ([target, at, ref], ctx) => {
        const reader = await readState(ref, ctx);
        const account = await reader.account(target);
        const isEmpty = account === undefined || equalBytes(account.storageRoot, emptyRoot);
        return toWord(isEmpty ? new Uint8Array(0) : await reader.storage(target, at));
      },
    }),
    getStorageValues: method({
      doc: "32-byte words of several accounts' storage after a block (latest unless told).",
      params: [slotsByAddress(limits.proofKeys), block],
      result: json,
      isConcurrent,
      handle: async ([wanted, ref], ctx) => {
        const reader = await view.state(await view.need(ref, ctx), ctx);
        const rows: [string, string[]][] = [];
        for (const [target, slots] of wanted) {
          const account = await reader.account(target);
          const isEmpty = account === undefined || equalBytes(account.storageRoot, emptyRoot);
          const words: string[] = [];
          for (const at of slots)
            words.push(toHex(toWord(isEmpty ? new Uint8Array(0) : await reader.storage(target, at))));
          rows.push([toHex(target), words]);
        }
        return Object.fromEntries(rows);
      },
    }),
    getProof: method({
      doc: "EIP-1186: an account, slots of its storage, and the trie nodes that prove them.",
      params: [address, slotKeys(limits.proofKeys), block],
      result: json,
      isConcurrent,
      handle: async ([target, keys, ref], ctx) => {
        const header = view.stateHeader(await view.need(ref, ctx));
        const slots = keys.map((key) => key.slot);
        return formatProof(target, keys, await backend.prove(header, target, slots, ctx));
      },
    }),
  };
}
