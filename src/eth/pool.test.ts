import { describe, expect, test } from "vitest";
import { type Header, signTransaction, type Transaction, type TransactionFields } from "#core/types";
import type { Account } from "#core/vm";
import { addressOf, generateKey, type PrivateKey, publicKeyOf } from "#crypto";
import { devGenesis, rulesAt } from "#params";
import { toHex } from "#util";
import { HandedPool } from "./index.ts";
import { limits } from "./limits.ts";

const { config } = devGenesis({});
const rules = rulesAt(config, { number: 1, time: 1 });
const ether = 10n ** 18n;

/** A pool over accounts that a test sets. */
function setup() {
  const accounts = new Map<string, Pick<Account, "nonce" | "balance">>();
  const pool = new HandedPool(() => ({
    gasLimit: 30_000_000n,
    rules,
    account: async (address) => {
      const account = accounts.get(toHex(address));
      return account && { ...account, storageRoot: new Uint8Array(32), codeHash: new Uint8Array(32) };
    },
  }));
  const person = (balance = 100n * ether, nonce = 0n) => {
    const key = generateKey();
    accounts.set(toHex(addressOf(publicKeyOf(key))), { nonce, balance });
    return key;
  };
  const setNonce = (key: PrivateKey, nonce: bigint) =>
    accounts.set(toHex(addressOf(publicKeyOf(key))), { nonce, balance: 100n * ether });
  return { pool, person, setNonce };
}

function send(key: PrivateKey, nonce: bigint, fields: Partial<TransactionFields> = {}): Transaction {
  const base = {
    type: 2,
    accessList: [],
    chainId: 1337n,
    nonce,
    gas: 21_000n,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 1n,
    to: new Uint8Array(20),
    value: 1n,
    input: new Uint8Array(),
  };
  return signTransaction({ ...base, ...fields } as TransactionFields, key); // the fields of type 2 unless a test says otherwise
}

const block = (...transactions: Transaction[]) => ({ header: { number: 1 } as Header, transactions });

describe("a refused transaction", () => {
  test.each<[string, string, (key: PrivateKey) => Transaction]>([
    ["nonce too low: next nonce 5, tx nonce 4", "ETH_NONCE_TOO_LOW", (key) => send(key, 4n)],
    ["nonce too high: next nonce 5, tx nonce 69", "ETH_NONCE_TOO_FAR", (key) => send(key, 69n)],
    ["exceeds block gas limit", "ETH_GAS_LIMIT", (key) => send(key, 5n, { gas: 30_000_001n })],
    [
      "intrinsic gas too low: have 20999, want 21000",
      "ETH_INTRINSIC_GAS",
      (key) => send(key, 5n, { gas: 20_999n }),
    ],
    [
      "max priority fee per gas higher than max fee per gas",
      "ETH_TIP_ABOVE_FEE_CAP",
      (key) => send(key, 5n, { maxPriorityFeePerGas: 11n }),
    ],
    [
      "oversized data",
      "ETH_OVERSIZED",
      (key) => send(key, 5n, { input: new Uint8Array(limits.transactionBytes) }),
    ],
    ["invalid sender", "ETH_INVALID_SENDER", (key) => send(key, 5n, { chainId: 1n })],
    [
      `insufficient funds for gas * price + value: balance ${100n * ether}, tx cost ${100n * ether + 210_000n}`,
      "ETH_INSUFFICIENT_FUNDS",
      (key) => send(key, 5n, { value: 100n * ether }),
    ],
  ])("TX-04 is told: %s", async (message, code, make) => {
    const { pool, person } = setup();
    await expect(pool.add(make(person(100n * ether, 5n)))).rejects.toMatchObject({
      code,
      message,
      rpcCode: -32000,
    });
    expect(pool.size).toBe(0);
  });

  test("twice the same is already known", async () => {
    const { pool, person } = setup();
    const tx = send(person(), 0n);
    await pool.add(tx);
    await expect(pool.add(tx)).rejects.toMatchObject({ code: "ETH_ALREADY_KNOWN" });
  });

  test("TX-06 a replacement pays ten percent more, or is refused and the old one stays", async () => {
    const { pool, person } = setup();
    const key = person();
    const old = send(key, 0n, { maxFeePerGas: 100n, maxPriorityFeePerGas: 100n });
    await pool.add(old);
    const cheap = send(key, 0n, { maxFeePerGas: 109n, maxPriorityFeePerGas: 109n });
    await expect(pool.add(cheap)).rejects.toMatchObject({ code: "ETH_REPLACEMENT_UNDERPRICED" });
    expect(pool.all()).toEqual([old]);
    const dear = send(key, 0n, { maxFeePerGas: 110n, maxPriorityFeePerGas: 110n });
    await pool.add(dear);
    expect(pool.all()).toEqual([dear]);
  });

  test("TX-02 what all waiting transactions cost together must be there", async () => {
    const { pool, person } = setup();
    const key = person(10n * ether);
    await pool.add(send(key, 0n, { value: 6n * ether }));
    await expect(pool.add(send(key, 1n, { value: 6n * ether }))).rejects.toMatchObject({
      code: "ETH_INSUFFICIENT_FUNDS",
    });
    expect(pool.size).toBe(1);
  });
});

test("TX-01 an account holds 64 transactions, not 65", async () => {
  const { pool, person } = setup();
  const key = person();
  for (let nonce = 0n; nonce < 64n; nonce++) await pool.add(send(key, nonce));
  await expect(pool.add(send(key, 64n))).rejects.toMatchObject({ code: "ETH_NONCE_TOO_FAR" });
  expect(pool.size).toBe(64);
});

test("the pool as a whole is bounded: one more than fits is refused, nothing is evicted", async () => {
  const { pool, person } = setup();
  for (let i = 0; i < limits.poolTransactions / 64; i++) {
    const key = person();
    for (let nonce = 0n; nonce < 64n; nonce++) await pool.add(send(key, nonce));
  }
  const first = pool.all()[0];
  await expect(pool.add(send(person(), 0n))).rejects.toMatchObject({
    code: "ETH_POOL_FULL",
    message: "txpool is full",
  });
  expect(pool.size).toBe(limits.poolTransactions);
  expect(pool.all()[0]).toBe(first);
});

test("executable ones come dearest first, nonces of an account in order, gaps and too cheap ones left out", async () => {
  const { pool, person } = setup();
  const [a, b, c, d] = [person(), person(), person(), person()];
  const a0 = send(a, 0n, { maxFeePerGas: 1000n, maxPriorityFeePerGas: 5n });
  const a1 = send(a, 1n, { maxFeePerGas: 1000n, maxPriorityFeePerGas: 50n });
  const b0 = send(b, 0n, { maxFeePerGas: 1000n, maxPriorityFeePerGas: 20n });
  const gap = send(c, 1n, { maxFeePerGas: 1000n, maxPriorityFeePerGas: 99n });
  const cheap = send(d, 0n, { maxFeePerGas: 9n });
  for (const tx of [a1, gap, a0, cheap, b0]) await pool.add(tx);
  expect(await pool.executable(10n)).toEqual([b0, a0, a1]);
});

test("mined ones leave; those of a removed block come back; a replaced nonce is gone", async () => {
  const { pool, person, setNonce } = setup();
  const [a, b] = [person(), person()];
  const [a0, b0] = [send(a, 0n), send(b, 0n)];
  await pool.add(a0);
  await pool.add(b0);
  setNonce(a, 1n);
  const mined = block(a0);
  await pool.reset(
    { type: "head", header: mined.header, added: [mined.header], removed: [] },
    () => mined.transactions,
  );
  expect(pool.all()).toEqual([b0]);
  setNonce(a, 0n);
  await pool.reset(
    { type: "head", header: mined.header, added: [], removed: [mined.header] },
    () => mined.transactions,
  );
  expect(pool.all()).toEqual([b0, a0]);
  setNonce(b, 1n);
  await pool.reset({ type: "head", header: mined.header, added: [], removed: [] }, () => []);
  expect(pool.all()).toEqual([a0]);
});
