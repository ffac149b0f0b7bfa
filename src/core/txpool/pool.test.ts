// long: one pool, and what becomes of it
import { describe, expect, test } from "vitest";
import { type Header, type Transaction, type TransactionFields, transactionRlp } from "#core/types";
import { addressOf, generateKey, type PrivateKey, publicKeyOf } from "#crypto";
import { memoryFiles } from "#host/sim";
import { silentLogger } from "#log";
import { encodeAs, RlpReader } from "#rlp";
import { concatBytes, toHex } from "#util";
import { ether, poolWorld, send } from "../../../test/kit/pool-world.ts";
import { TxJournal } from "./index.ts";

const head = { number: 1 } as Header; // the pool looks at bodies only
const addressOfKey = (key: PrivateKey) => addressOf(publicKeyOf(key));
const refused = (code: string) => expect.objectContaining({ code: `TXPOOL_${code}`, rpcCode: -32000 });

describe("TX-04 refused with geth's text, and nothing changes", () => {
  test.each<[string, string, (key: PrivateKey) => Transaction]>([
    ["NONCE_TOO_LOW", "nonce too low: next nonce 5, tx nonce 4", (key) => send(key, 4)],
    ["NONCE_MAX", "nonce has max value", (key) => send(key, 2n ** 64n - 1n)],
    ["GAS_LIMIT", "exceeds block gas limit", (key) => send(key, 5, 10n, { gas: 30_000_001n })],
    [
      "INTRINSIC_GAS",
      "intrinsic gas too low: have 20999, want 21000",
      (key) => send(key, 5, 10n, { gas: 20_999n }),
    ],
    [
      "TIP_ABOVE_FEE_CAP",
      "max priority fee per gas higher than max fee per gas",
      (key) => send(key, 5, 10n, { maxPriorityFeePerGas: 11n }),
    ],
    ["OVERSIZED", "oversized data", (key) => send(key, 5, 10n, { input: new Uint8Array(128 << 10) })],
    ["INVALID_SENDER", "invalid sender", (key) => send(key, 5, 10n, { chainId: 1n })],
    ["UNDERPRICED", "transaction underpriced", (key) => send(key, 5, 0n)],
    [
      "INSUFFICIENT_FUNDS",
      `insufficient funds for gas * price + value: balance ${100n * ether}, tx cost ${100n * ether + 210_000n}`,
      (key) => send(key, 5, 10n, { value: 100n * ether }),
    ],
    [
      "TYPE_NOT_SUPPORTED",
      "transaction type not supported",
      (key) => send(key, 5, 10n, { type: 4, authorizationList: [] } as Partial<TransactionFields>),
    ],
  ])("%s: %s", async (code, message, make) => {
    const { pool, person, events } = poolWorld();
    await expect(pool.add(make(person({ nonce: 5n })))).rejects.toMatchObject({
      code: `TXPOOL_${code}`,
      message,
      rpcCode: -32000,
    });
    expect(pool.size).toBe(0);
    expect(events).toEqual([]);
  });

  test("ALREADY_KNOWN: the same twice", async () => {
    const { pool, person } = poolWorld();
    const tx = send(person(), 0);
    await pool.add(tx);
    await expect(pool.add(tx)).rejects.toEqual(refused("ALREADY_KNOWN"));
  });
});

test("a transaction of a large message does not keep the message", async () => {
  const { pool, person } = poolWorld();
  const key = person();
  const message = concatBytes(encodeAs(transactionRlp, send(key, 0)), new Uint8Array(1 << 20));
  const tx = transactionRlp.read(new RlpReader(message));
  expect(tx.input.buffer.byteLength).toBeGreaterThan(1 << 20);
  await pool.add(tx);
  expect(pool.get(tx.hash)).toEqual(tx);
  expect(pool.get(tx.hash)?.input.buffer.byteLength).toBeLessThan(1024);
});

describe("pending and queued", () => {
  test("a gap makes it wait, filling the gap promotes the run, in one event", async () => {
    const { pool, person, events } = poolWorld();
    const key = person();
    const [t0, t1, t2] = [send(key, 0), send(key, 1), send(key, 2)];
    await pool.add(t2);
    await pool.add(t1);
    expect(pool.stats()).toEqual({ pending: 0, queued: 2 });
    expect(pool.status(t2.hash)).toBe("queued");
    expect(pool.nonce(addressOfKey(key))).toBe(0n);
    await pool.add(t0);
    expect(pool.stats()).toEqual({ pending: 3, queued: 0 });
    expect(events).toEqual([t0, t1, t2]);
    expect(pool.nonce(addressOfKey(key))).toBe(3n);
  });

  test("executable ones come dearest first, nonces of an account in order, too cheap ones and what follows left out", async () => {
    const { pool, person } = poolWorld();
    const [a, b, c] = [person(), person(), person()];
    const [a0, a1, b0, c0, c1] = [
      send(a, 0, 20n),
      send(a, 1, 90n),
      send(b, 0, 50n),
      send(c, 0, 9n),
      send(c, 1, 99n),
    ];
    for (const tx of [a1, c1, a0, c0, b0]) await pool.add(tx);
    expect(pool.executable(10n)).toEqual([b0, a0, a1]);
  });

  test("TX-06 a replacement pays ten percent more on both caps, or is refused and the old one stays", async () => {
    const { pool, person, events } = poolWorld();
    const key = person();
    const old = send(key, 0, 100n);
    await pool.add(old);
    await expect(pool.add(send(key, 0, 109n))).rejects.toEqual(refused("REPLACEMENT_UNDERPRICED"));
    await expect(pool.add(send(key, 0, 200n, { maxPriorityFeePerGas: 105n }))).rejects.toEqual(
      refused("REPLACEMENT_UNDERPRICED"),
    );
    expect(pool.all()).toEqual([old]);
    const dear = send(key, 0, 110n);
    await pool.add(dear);
    expect(pool.all()).toEqual([dear]);
    expect(events).toEqual([old, dear]);
  });

  test("TX-02 what an account's transactions cost together must be there", async () => {
    const { pool, person } = poolWorld();
    const key = person({ balance: 10n * ether });
    await pool.add(send(key, 0, 10n, { value: 6n * ether }));
    await expect(pool.add(send(key, 1, 10n, { value: 6n * ether }))).rejects.toEqual(
      refused("INSUFFICIENT_FUNDS"),
    );
    await pool.add(send(key, 0, 20n, { value: 9n * ether })); // a replacement counts once
    expect(pool.size).toBe(1);
  });
});

describe("bounds", () => {
  test("TX-01 an account has 64 transactions waiting for a nonce, not 65; a local one may", async () => {
    const { pool, person } = poolWorld();
    const key = person();
    for (let nonce = 1; nonce <= 64; nonce++) await pool.add(send(key, nonce));
    await expect(pool.add(send(key, 65))).rejects.toEqual(refused("ACCOUNT_LIMIT"));
    expect(pool.stats()).toEqual({ pending: 0, queued: 64 });
    await pool.add(send(key, 65), { local: true });
    expect(pool.stats().queued).toBe(65);
  });

  test("TX-01 5,120 dear future transactions of one sender leave everybody's pending ones alone", async () => {
    const { pool, person } = poolWorld({ limits: { globalSlots: 100, globalQueue: 20 } });
    for (let i = 0; i < 100; i++) await pool.add(send(person(), 0, 5n));
    const attacker = person();
    const codes = new Set<string>();
    for (let i = 0; i < 5120; i++) {
      const error = pool.addRemotes([send(attacker, i + 1, 1_000_000n)])[0];
      if (error !== undefined && "code" in error) codes.add(String(error.code));
      if (i > 200) break; // nothing changes after the first refusals
    }
    expect(pool.stats().pending).toBe(100);
    expect(pool.stats().queued).toBeLessThanOrEqual(20);
    expect([...codes]).toEqual(["TXPOOL_FUTURE_REPLACES_PENDING"]);
  });

  test("a full pool: not dearer than the cheapest is underpriced, dearer takes its place; locals are never pushed out", async () => {
    const { pool, person } = poolWorld({ limits: { globalSlots: 3, globalQueue: 0, accountSlots: 1 } });
    const local = send(person(), 0, 1n);
    await pool.add(local, { local: true });
    const [cheap, middle] = [send(person(), 0, 5n), send(person(), 0, 7n)];
    await pool.add(cheap);
    await pool.add(middle);
    await expect(pool.add(send(person(), 0, 5n))).rejects.toEqual(refused("UNDERPRICED"));
    const dear = send(person(), 0, 6n);
    await pool.add(dear);
    expect(pool.all()).toEqual([local, middle, dear]);
  });

  test("Trap 20 a refused replacement evicts nobody, though the pool is full", async () => {
    const { pool, person } = poolWorld({ limits: { globalSlots: 2, globalQueue: 0 } });
    const key = person();
    const [mine, other] = [send(key, 0, 100n), send(person(), 0, 5n)];
    await pool.add(mine);
    await pool.add(other);
    await expect(pool.add(send(key, 0, 105n))).rejects.toEqual(refused("REPLACEMENT_UNDERPRICED"));
    expect(pool.all()).toEqual([mine, other]);
  });

  test("too many executable ones: the biggest senders are cut, none below its own slots", async () => {
    const { pool, person } = poolWorld({ limits: { globalSlots: 10, globalQueue: 100, accountSlots: 3 } });
    const [big, small] = [person(), person()];
    for (let nonce = 0; nonce < 3; nonce++) await pool.add(send(small, nonce));
    for (let nonce = 0; nonce < 7; nonce++) await pool.add(send(big, nonce));
    await expect(pool.add(send(big, 7))).rejects.toEqual(refused("POOL_FULL"));
    expect(pool.stats().pending).toBe(10);
    expect(pool.nonce(addressOfKey(small))).toBe(3n);
    expect(pool.nonce(addressOfKey(big))).toBe(7n);
  });

  test("Trap 20 too many waiting ones: accounts that were silent longest lose theirs first", async () => {
    const { pool, person, clock } = poolWorld({ limits: { globalQueue: 4 } });
    const [early, late] = [person(), person()];
    await pool.add(send(early, 1));
    await pool.add(send(early, 2));
    await clock.advance(1000);
    for (const nonce of [1, 2, 3]) await pool.add(send(late, nonce));
    expect(
      pool.content().queued.map(([sender, txs]) => [toHex(sender), txs.map((tx) => Number(tx.nonce))]),
    ).toEqual([
      [toHex(addressOfKey(early)), [1]],
      [toHex(addressOfKey(late)), [1, 2, 3]],
    ]);
  });

  test("Trap 20 waiting ones live three hours from the account's last, whether or not it ever had a pending one", async () => {
    const { pool, person, clock } = poolWorld();
    await pool.start();
    const [remote, local] = [person(), person()];
    await pool.add(send(remote, 1));
    await pool.add(send(local, 1), { local: true });
    await clock.advance(3 * 3_600_000 - 1000);
    expect(pool.size).toBe(2);
    await clock.advance(61_000);
    expect(pool.all().map((tx) => tx.nonce)).toEqual([1n]);
    expect(pool.isLocal(addressOfKey(local))).toBe(true);
    await pool.stop();
    expect(clock.activeTimers).toBe(0);
  });

  test("the pool's bytes are bounded", async () => {
    const { pool, person } = poolWorld({ limits: { poolBytes: 1100 } });
    const big = () => send(person(), 0, 10n, { input: new Uint8Array(400).fill(1), gas: 40_000n });
    await pool.add(big());
    await pool.add(big());
    await expect(pool.add(big())).rejects.toEqual(refused("UNDERPRICED"));
    expect(pool.size).toBe(2);
  });

  test("setPriceLimit drops cheaper remote ones at once", async () => {
    const { pool, person } = poolWorld();
    const [cheap, dear, local] = [send(person(), 0, 5n), send(person(), 0, 50n), send(person(), 0, 1n)];
    await pool.add(cheap);
    await pool.add(dear);
    await pool.add(local, { local: true });
    pool.setPriceLimit(10n);
    expect(pool.all()).toEqual([dear, local]);
    await expect(pool.add(send(person(), 0, 9n))).rejects.toEqual(refused("UNDERPRICED"));
  });
});

describe("locals", () => {
  test("Trap 20 a local transaction that replaces a pending one makes its account local too", async () => {
    const { pool, person } = poolWorld();
    const key = person();
    await pool.add(send(key, 0, 10n));
    await pool.add(send(key, 0, 20n), { local: true });
    expect(pool.isLocal(addressOfKey(key))).toBe(true);
  });

  test("noLocals treats them like anybody's", async () => {
    const { pool, person } = poolWorld({ noLocals: true });
    await expect(pool.add(send(person(), 0, 0n), { local: true })).rejects.toEqual(refused("UNDERPRICED"));
  });

  test("are in the journal before add returns, and back after a restart", async () => {
    const files = memoryFiles();
    const journal = () => new TxJournal("/data/transactions.rlp", files, silentLogger);
    const first = poolWorld({ journal: journal() });
    await first.pool.start();
    const key = generateKey();
    first.set(key, {});
    const [mine, gapped, remote] = [send(key, 0), send(key, 2), send(first.person(), 0)];
    await first.pool.add(mine, { local: true });
    await first.pool.add(gapped, { local: true });
    await first.pool.add(remote);
    const second = poolWorld({ journal: journal() }); // no stop: as after a kill
    second.set(key, {});
    await second.pool.start();
    expect(second.pool.all().map((tx) => toHex(tx.hash))).toEqual([mine, gapped].map((tx) => toHex(tx.hash)));
    await second.pool.stop();
  });

  test("TX-08 a journal of 10^5 lines with half a line at its end: whole ones kept, the tail dropped, the file written anew", {
    timeout: 120_000,
  }, async () => {
    const files = memoryFiles();
    const key = generateKey();
    const txs = Array.from({ length: 1000 }, (_, nonce) => send(key, nonce));
    const whole = concatBytes(...txs.map((tx) => encodeAs(transactionRlp, tx)));
    const half = encodeAs(transactionRlp, send(key, 1000)).subarray(0, 40);
    const lines = Array.from({ length: 100 }, () => whole); // the same again and again: signing is what costs here
    await files.writeFileAtomic("/t.rlp", concatBytes(...lines, half));
    const { pool, set } = poolWorld({ journal: new TxJournal("/t.rlp", files, silentLogger) });
    set(key, {});
    await pool.start();
    expect(pool.stats()).toEqual({ pending: 1000, queued: 0 });
    expect(await files.readFile("/t.rlp")).toEqual(whole);
    await pool.stop();
  });
});

describe("a new head", () => {
  test("mined ones leave, what is stale leaves, what follows stays executable", async () => {
    const { pool, person, set } = poolWorld();
    const key = person();
    const [t0, t1, t2] = [send(key, 0), send(key, 1), send(key, 2)];
    for (const tx of [t0, t1, t2]) await pool.add(tx);
    set(key, { nonce: 2n }); // t0 mined here, nonce 1 used by another
    pool.reset({ type: "head", header: head, added: [head], removed: [] }, () => [t0]);
    expect(pool.all()).toEqual([t2]);
    expect(pool.status(t2.hash)).toBe("pending");
  });

  test("no body is read while nothing is removed", async () => {
    const { pool, person, set } = poolWorld();
    const key = person();
    await pool.add(send(key, 0));
    const never = () => {
      throw new Error("a body was read");
    };
    set(key, { nonce: 1n });
    pool.reset({ type: "head", header: head, added: [head], removed: [] }, never);
    expect(pool.size).toBe(0);
    pool.reset({ type: "head", header: head, added: [head], removed: [] }, never);
  });

  test("EIP-3607 a sender that became a contract: its transactions leave, no new one is taken; a delegation is no contract", async () => {
    const { pool, person, set } = poolWorld();
    const [key, delegating] = [person(), person()];
    for (const each of [key, delegating]) await pool.add(send(each, 0));
    await pool.add(send(key, 5), { local: true });
    const codeHash = new Uint8Array(32).fill(7);
    set(key, { codeHash, isContract: true });
    set(delegating, { codeHash, isContract: false });
    pool.reset({ type: "head", header: head, added: [head], removed: [] }, () => []);
    expect(pool.all().map(({ nonce }) => nonce)).toEqual([0n]);
    await expect(pool.add(send(key, 1))).rejects.toMatchObject({ code: "TXPOOL_SENDER_NO_EOA" });
    expect(pool.size).toBe(1);
  });

  test("transactions of removed blocks come back unless the new blocks hold them", async () => {
    const { pool, person, set } = poolWorld();
    const [a, b] = [person({ nonce: 1n }), person({ nonce: 1n })];
    const [a0, b0] = [send(a, 0), send(b, 0)];
    set(a, { nonce: 0n });
    const added = { number: 7 } as Header;
    pool.reset({ type: "head", header: added, added: [added], removed: [head] }, (header) =>
      header === added ? [b0] : [a0, b0],
    );
    expect(pool.all()).toEqual([a0]);
  });

  test("a reorg deeper than 64 blocks puts nothing back", () => {
    const { pool, person } = poolWorld();
    const tx = send(person(), 0);
    pool.reset(
      { type: "head", header: head, added: [], removed: Array.from({ length: 65 }, () => head) },
      () => [tx],
    );
    expect(pool.size).toBe(0);
  });

  test("an account that became poor keeps what it can pay in order; the rest waits or leaves", async () => {
    const { pool, person, set } = poolWorld();
    const key = person();
    for (const nonce of [0, 1, 2]) await pool.add(send(key, nonce, 10n, { value: 10n * ether }));
    set(key, { balance: 15n * ether });
    pool.reset({ type: "head", header: head, added: [], removed: [] }, () => []);
    expect(pool.stats()).toEqual({ pending: 1, queued: 2 });
    set(key, { balance: 5n * ether });
    pool.reset({ type: "head", header: head, added: [], removed: [] }, () => []);
    expect(pool.size).toBe(0);
  });
});
