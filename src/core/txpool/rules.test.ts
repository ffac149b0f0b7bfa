// long: the rules as one table
import { describe, expect, test } from "vitest";
import { authorize } from "../../../test/kit/authorize.ts";
import { ether, poolWorld, send } from "../../../test/kit/pool-world.ts";
import type { Header, Transaction } from "#core/types";
import { addressOf, generateKey, keccak256, type PrivateKey, publicKeyOf } from "#crypto";
import { memoryFiles, seededRand } from "#host/sim";
import { silentLogger } from "#log";
import { devGenesis, rulesAt } from "#params";
import { toHex } from "#util";
import { TxJournal, type TxPool } from "./index.ts";
import { tipAt, tipCap } from "./price.ts";

const minute = 60_000;
const hour = 60 * minute;
const addressOfKey = (key: PrivateKey) => addressOf(publicKeyOf(key));
const header = (number: number) => ({ number }) as Header; // the pool looks at bodies only
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const nonces = (txs: readonly Transaction[]) => txs.map((tx) => Number(tx.nonce));
const fields = (tx: Transaction) => toHex(tx.hash);

/** What became of it: "ok" or the code without its family. */
async function outcome(pool: TxPool, tx: Transaction, local = false): Promise<string> {
  try {
    await pool.add(tx, { local });
    return "ok";
  } catch (error) {
    return String((error as { code: string }).code).replace("TXPOOL_", ""); // else a test fails with it
  }
}

type World = ReturnType<typeof poolWorld>;
interface Rule {
  readonly rule: string;
  readonly setup?: Parameters<typeof poolWorld>[0];
  readonly shows: (world: World) => Promise<void> | void;
}

const rules: readonly Rule[] = [
  {
    rule: "local: its sender is local for good, below the floor too, and is told to peers like any other",
    shows: async ({ pool, person, events }) => {
      const key = person();
      expect(await outcome(pool, send(key, 0, 0n))).toBe("UNDERPRICED");
      const tx = send(key, 0, 0n);
      expect(await outcome(pool, tx, true)).toBe("ok");
      expect(await outcome(pool, send(key, 1, 0n))).toBe("ok"); // from a peer
      expect(nonces(events)).toEqual([0, 1]);
    },
  },
  {
    rule: "local: no limit of slots, with none but locals in the pool",
    setup: { limits: { globalSlots: 4, globalQueue: 2, accountQueue: 2 } },
    shows: async ({ pool, person }) => {
      const key = person();
      for (const nonce of range(0, 20)) expect(await outcome(pool, send(key, nonce), true)).toBe("ok");
      for (const nonce of range(30, 40)) expect(await outcome(pool, send(key, nonce), true)).toBe("ok");
      expect(pool.stats()).toEqual({ pending: 20, queued: 10 });
      expect(await outcome(pool, send(person(), 0, 1_000_000n))).toBe("POOL_FULL");
    },
  },
  {
    rule: "local: becoming local pushes out nobody of its own",
    setup: { limits: { globalSlots: 2, globalQueue: 0 } },
    shows: async ({ pool, person }) => {
      const [key, other] = [person(), person()];
      await pool.add(send(key, 0, 1n));
      await pool.add(send(other, 0, 2n));
      expect(await outcome(pool, send(key, 1, 3n), true)).toBe("ok");
      expect(pool.content().pending.map(([sender, txs]) => [toHex(sender), nonces(txs)])).toEqual([
        [toHex(addressOfKey(key)), [0, 1]],
      ]);
    },
  },
  {
    rule: "replace: at +9 % refused, at +10 % taken; of small prices at least one wei more",
    shows: async ({ pool, person }) => {
      const [key, poor] = [person(), person()];
      await pool.add(send(key, 0, 100n));
      await pool.add(send(poor, 0, 1n));
      expect(await outcome(pool, send(key, 0, 109n))).toBe("REPLACEMENT_UNDERPRICED");
      expect(await outcome(pool, send(key, 0, 110n))).toBe("ok");
      expect(await outcome(pool, send(poor, 0, 1n, { value: 2n }))).toBe("REPLACEMENT_UNDERPRICED");
      expect(await outcome(pool, send(poor, 0, 2n))).toBe("ok");
      expect(pool.size).toBe(2);
    },
  },
  {
    rule: "replace: in the middle of a run, which stays executable, and only the new one is told",
    shows: async ({ pool, person, events }) => {
      const key = person();
      for (const nonce of range(0, 5)) await pool.add(send(key, nonce));
      events.length = 0;
      const tx = send(key, 2, 20n);
      await pool.add(tx);
      expect(events.map(fields)).toEqual([fields(tx)]);
      expect(pool.stats()).toEqual({ pending: 5, queued: 0 });
      expect(nonces(pool.executable(0n))).toEqual([0, 1, 2, 3, 4]);
    },
  },
  {
    rule: "replace: a waiting one, which is told to nobody",
    shows: async ({ pool, person, events }) => {
      const key = person();
      await pool.add(send(key, 3));
      await pool.add(send(key, 3, 20n));
      expect(pool.stats()).toEqual({ pending: 0, queued: 1 });
      expect(events).toEqual([]);
    },
  },
  {
    rule: "pool full: not dearer than the cheapest remote is underpriced; dearer takes its place",
    setup: { limits: { globalSlots: 2, globalQueue: 1 } },
    shows: async ({ pool, person }) => {
      for (const price of [5n, 6n, 7n]) await pool.add(send(person(), 0, price));
      expect(await outcome(pool, send(person(), 0, 5n))).toBe("UNDERPRICED");
      expect(await outcome(pool, send(person(), 0, 8n))).toBe("ok");
      expect(pool.all().map((tx) => tx.maxFeePerGas)).toContain(8n);
      expect(pool.all().map((tx) => tx.maxFeePerGas)).not.toContain(5n);
    },
  },
  {
    rule: "pool full: an account's last nonce makes room, never one that others stand on (TX-03)",
    setup: { limits: { globalSlots: 4, globalQueue: 0 } },
    shows: async ({ pool, person }) => {
      const key = person();
      for (const [nonce, price] of [1n, 90n, 80n, 70n].entries()) await pool.add(send(key, nonce, price));
      expect(await outcome(pool, send(person(), 0, 2n))).toBe("ok");
      expect(pool.stats()).toEqual({ pending: 4, queued: 0 });
      expect(pool.nonce(addressOfKey(key))).toBe(3n);
      expect(await outcome(pool, send(key, 3, 1000n))).toBe("UNDERPRICED"); // worth no more than its first
    },
  },
  {
    rule: "pool full: a replacement that is bigger needs room too",
    setup: { limits: { poolBytes: 2000 } },
    shows: async ({ pool, person }) => {
      const input = new Uint8Array(1500).fill(1);
      const keys = range(0, 6).map(() => person());
      for (const key of keys) await pool.add(send(key, 0, 10n));
      for (const key of keys) await outcome(pool, send(key, 0, 20n, { input, gas: 100_000n }));
      const bytes = pool.all().reduce((sum, tx) => sum + tx.input.length, 0);
      expect(bytes).toBe(1500);
    },
  },
  {
    rule: "pool full: Trap 20, a refused replacement evicts nobody",
    setup: { limits: { globalSlots: 2, globalQueue: 0 } },
    shows: async ({ pool, person }) => {
      const key = person();
      const [mine, other] = [send(key, 0, 100n), send(person(), 0, 5n)];
      await pool.add(mine);
      await pool.add(other);
      expect(await outcome(pool, send(key, 0, 105n))).toBe("REPLACEMENT_UNDERPRICED");
      expect(pool.all().map(fields)).toEqual([mine, other].map(fields));
    },
  },
  {
    rule: "promotion: consecutive nonces from the pending nonce, not beyond a gap",
    shows: async ({ pool, person, events }) => {
      const key = person({ nonce: 7n });
      for (const nonce of [9, 8, 11]) await pool.add(send(key, nonce));
      expect(events).toEqual([]);
      await pool.add(send(key, 7));
      expect(nonces(events)).toEqual([7, 8, 9]);
      expect(pool.stats()).toEqual({ pending: 3, queued: 1 });
      expect(pool.nonce(addressOfKey(key))).toBe(10n);
    },
  },
  {
    rule: "queue cap of an account: the highest nonces are left out, whichever came first",
    setup: { limits: { accountQueue: 4 } },
    shows: async ({ pool, person }) => {
      const key = person();
      for (const nonce of [2, 3, 4, 5]) await pool.add(send(key, nonce));
      expect(await outcome(pool, send(key, 6))).toBe("ACCOUNT_LIMIT");
      expect(await outcome(pool, send(key, 1))).toBe("ok");
      expect(nonces(pool.all()).sort((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    },
  },
  {
    rule: "global pending cap: the biggest remote senders are trimmed evenly, not under their own slots, locals not at all",
    setup: { limits: { globalSlots: 12, globalQueue: 100, accountSlots: 2 } },
    shows: async ({ pool, person, set }) => {
      const [a, b, small, local] = [person(), person(), person(), person()];
      await pool.add(send(local, 0), { local: true });
      for (const nonce of range(1, 5)) await pool.add(send(local, nonce));
      for (const nonce of range(0, 2)) await pool.add(send(small, nonce));
      for (const nonce of range(1, 9)) pool.addRemotes([send(a, nonce), send(b, nonce)]);
      set(a, { nonce: 1n }); // both runs become executable at once
      set(b, { nonce: 1n });
      pool.reset({ type: "head", header: header(1), added: [header(1)], removed: [] }, () => []);
      const sizes = new Map(pool.content().pending.map(([sender, txs]) => [toHex(sender), txs.length]));
      const sizeOf = (key: PrivateKey) => sizes.get(toHex(addressOfKey(key)));
      expect([local, small].map(sizeOf)).toEqual([5, 2]);
      expect([a, b].map((key) => sizeOf(key) ?? 0).sort((x, y) => x - y)).toEqual([2, 3]);
    },
  },
  {
    rule: "global queue cap: Trap 20, accounts that were silent longest lose theirs first, highest nonces first",
    setup: { limits: { globalQueue: 4 } },
    shows: async ({ pool, person, clock }) => {
      const [early, late] = [person(), person()];
      for (const nonce of [1, 2]) await pool.add(send(early, nonce));
      await clock.advance(1000);
      for (const nonce of [1, 2, 3]) await pool.add(send(late, nonce));
      expect(pool.content().queued.map(([, txs]) => nonces(txs))).toEqual([[1], [1, 2, 3]]);
    },
  },
  {
    rule: "eviction: waiting ones of a remote account after 3 h without anything new; Trap 20, not at the next minute",
    shows: async ({ pool, person, clock }) => {
      await pool.start();
      const [silent, lively, local] = [person(), person(), person()];
      await pool.add(send(silent, 1));
      await pool.add(send(lively, 1));
      await pool.add(send(lively, 0));
      await pool.add(send(lively, 3));
      await pool.add(send(local, 1), { local: true });
      await clock.advance(2 * hour);
      expect(pool.size).toBe(5);
      await pool.add(send(lively, 4));
      await clock.advance(hour + minute);
      expect(pool.content().queued.map(([, txs]) => nonces(txs))).toEqual([[3, 4], [1]]);
      await clock.advance(2 * hour);
      expect(pool.content().queued.map(([, txs]) => nonces(txs))).toEqual([[1]]);
      expect(pool.stats().pending).toBe(2); // executable ones have no lifetime
      await pool.stop();
    },
  },
  ...[64, 65].map(
    (depth): Rule => ({
      rule: `new head: a reorg of ${depth} blocks puts ${depth > 64 ? "nothing" : "their transactions"} back`,
      shows: ({ pool, person }) => {
        const key = person();
        const removed = range(0, depth).map((nonce) => header(100 - nonce));
        const event = { type: "head", header: header(1), added: [], removed } as const;
        pool.reset(event, ({ number }) => [send(key, number - (100 - depth + 1))]);
        expect(pool.stats()).toEqual({ pending: depth > 64 ? 0 : 64, queued: 0 });
      },
    }),
  ),
  {
    rule: "new head: what stands behind a removed block's transactions stays executable, 200 of one account",
    setup: { limits: { accountQueue: 8 } },
    shows: async ({ pool, person, set }) => {
      const key = person({ nonce: 50n });
      for (const nonce of range(50, 200)) await pool.add(send(key, nonce));
      set(key, { nonce: 0n }); // blocks 10 down to 1 go, each with five
      const removed = range(0, 10).map((i) => header(10 - i));
      pool.reset({ type: "head", header: header(0), added: [], removed }, ({ number }) =>
        range(5 * number - 5, 5 * number).map((nonce) => send(key, nonce)),
      );
      expect(pool.stats()).toEqual({ pending: 200, queued: 0 });
    },
  },
  {
    rule: "new head: what comes back keeps to the pool's bounds, and displaces nothing dearer",
    setup: { limits: { globalSlots: 10, globalQueue: 0 } },
    shows: async ({ pool, person }) => {
      const own = range(0, 8).map(() => send(person(), 0, 50n));
      for (const tx of own) await pool.add(tx);
      const back = range(0, 8).map((i) => send(person(), 0, BigInt(10 + i)));
      pool.reset({ type: "head", header: header(0), added: [], removed: [header(1)] }, () => back);
      expect(pool.size).toBe(10);
      expect(pool.all().map(fields)).toEqual([...own, ...back.slice(6)].map(fields));
    },
  },
  {
    rule: "demotion: used nonces and what can never be paid leave; what followed waits",
    shows: async ({ pool, person, set }) => {
      const key = person({ balance: 10n * ether });
      for (const nonce of range(0, 4))
        await pool.add(send(key, nonce, 10n, { value: nonce === 2 ? 5n * ether : ether }));
      set(key, { nonce: 1n, balance: 4n * ether });
      pool.reset({ type: "head", header: header(1), added: [header(1)], removed: [] }, () => []);
      expect(pool.content().pending.map(([, txs]) => nonces(txs))).toEqual([[1]]);
      expect(pool.content().queued.map(([, txs]) => nonces(txs))).toEqual([[3]]);
    },
  },
  {
    rule: "price floor: raised by miner_setGasPrice, cheaper remote ones leave at once and none comes in",
    shows: async ({ pool, person }) => {
      await pool.add(send(person(), 0, 5n));
      await pool.add(send(person(), 0, 1n), { local: true });
      pool.setPriceLimit(10n);
      expect(pool.all().map((tx) => tx.maxFeePerGas)).toEqual([1n]);
      expect(await outcome(pool, send(person(), 0, 9n))).toBe("UNDERPRICED");
      expect(await outcome(pool, send(person(), 0, 10n))).toBe("ok");
    },
  },
];

describe("T16 the pool's rules (seed-behaviour 7.9)", () => {
  test.each(rules.map(({ rule, ...rest }) => [rule, rest] as const))(
    "T16 %s",
    async (_, { setup, shows }) => {
      await shows(poolWorld(setup));
    },
  );

  test("T16 journal: written anew each hour, without what was mined; a write that fails costs nothing", async () => {
    const files = memoryFiles();
    let isBroken = false;
    const flaky = {
      ...{ readFile: files.readFile.bind(files), append: files.append.bind(files) },
      writeFileAtomic: (path: string, bytes: Uint8Array) =>
        isBroken ? Promise.reject(new Error("disk")) : files.writeFileAtomic(path, bytes),
    };
    const journal = new TxJournal("/t.rlp", flaky, silentLogger);
    const { pool, person, set, clock } = poolWorld({ journal });
    await pool.start();
    const key = person();
    await pool.add(send(key, 0), { local: true });
    await pool.add(send(key, 1), { local: true });
    set(key, { nonce: 1n });
    pool.reset({ type: "head", header: header(1), added: [header(1)], removed: [] }, () => []);
    isBroken = true;
    await clock.advance(hour);
    expect(nonces(await journal.load())).toEqual([0, 1]);
    isBroken = false;
    await clock.advance(hour);
    expect(nonces(await journal.load())).toEqual([1]);
    await pool.stop();
  });
});

test("executable: the dearest first of any number of accounts, as picking one by one would have it", async () => {
  const rand = seededRand(7);
  const { pool, person } = poolWorld();
  const keys = range(0, 12).map(() => person());
  for (const key of keys)
    for (const nonce of range(0, rand.int(6))) await pool.add(send(key, nonce, BigInt(1 + rand.int(9))));
  const left = pool.content().pending.map(([, txs]) => [...txs]);
  const order = new Map(pool.all().map((tx, at) => [tx, at]));
  const picked: Transaction[] = [];
  for (;;) {
    const heads = left.filter((txs) => txs[0] !== undefined && tipAt(txs[0], 3n) >= 0n);
    const first = (txs: Transaction[]) => txs[0] as Transaction; // filtered above
    heads.sort((a, b) => {
      const tips = Number(tipAt(first(b), 3n) - tipAt(first(a), 3n));
      return tips !== 0 ? tips : (order.get(first(a)) ?? 0) - (order.get(first(b)) ?? 0);
    });
    const next = heads[0]?.shift();
    if (next === undefined) break;
    picked.push(next);
  }
  expect(picked.length).toBeGreaterThan(10);
  expect(pool.executable(3n).map(fields)).toEqual(picked.map(fields));
});

describe("accounts that act without a transaction of their own (EIP-7702)", () => {
  const { config } = devGenesis({});
  const rules = { ...rulesAt(config, { number: 1, time: 1 }), isPrague: true };
  const setCode = (key: PrivateKey, nonce: number, authorities: readonly PrivateKey[]) =>
    send(key, nonce, 10n, {
      ...{ type: 4, gas: 200_000n },
      authorizationList: authorities.map((authority) =>
        authorize({ chainId: 1337n, address: new Uint8Array(20).fill(1), nonce: 0n }, authority),
      ),
    } as Parameters<typeof send>[3]);

  test("a set-code transaction without authorizations is refused", async () => {
    const { pool, person } = poolWorld({ rules });
    expect(await outcome(pool, setCode(person(), 0, []))).toBe("NO_AUTHORIZATIONS");
  });

  test("TX-03 who delegates has one executable transaction and none that waits, replaceable", async () => {
    const { pool, person } = poolWorld({ rules });
    const key = person({ codeHash: keccak256(Uint8Array.of(1)) });
    expect(await outcome(pool, send(key, 1))).toBe("DELEGATED_GAPPED");
    expect(await outcome(pool, send(key, 0))).toBe("ok");
    expect(await outcome(pool, send(key, 1))).toBe("DELEGATED_IN_FLIGHT");
    expect(await outcome(pool, send(key, 0, 20n))).toBe("ok");
  });

  test("TX-03 so has who signed an authorization that waits here, until it is gone", async () => {
    const { pool, person, set } = poolWorld({ rules });
    const [payer, authority] = [person(), person()];
    const tx = setCode(payer, 0, [authority]);
    expect(await outcome(pool, tx)).toBe("ok");
    expect(await outcome(pool, send(authority, 0))).toBe("ok");
    expect(await outcome(pool, send(authority, 1))).toBe("DELEGATED_IN_FLIGHT");
    set(payer, { nonce: 1n });
    pool.reset({ type: "head", header: header(1), added: [header(1)], removed: [] }, () => [tx]);
    expect(await outcome(pool, send(authority, 1))).toBe("ok");
  });

  test("TX-03 an authority with several transactions here cannot be authorized for", async () => {
    const { pool, person } = poolWorld({ rules });
    const authority = person();
    for (const nonce of [0, 1]) await pool.add(send(authority, nonce));
    expect(await outcome(pool, setCode(person(), 0, [authority]))).toBe("AUTHORITY_RESERVED");
  });
});

test("TX-04 from Osaka no transaction has more than 2^24 gas", async () => {
  const { config } = devGenesis({});
  const { pool, person } = poolWorld({
    rules: { ...rulesAt(config, { number: 1, time: 1 }), isPrague: true, isOsaka: true },
  });
  const key = person();
  await expect(pool.add(send(key, 0, 10n, { gas: 2n ** 24n + 1n }))).rejects.toThrow(
    "transaction gas limit too high (cap: 16777216, tx: 16777217)",
  );
  await pool.add(send(key, 0, 10n, { gas: 2n ** 24n }));
});

describe("TX-03 whatever strangers send", () => {
  /** What a block's author can earn from what is executable: nobody gets a tip without those before it. */
  function worth(pool: TxPool): bigint {
    let sum = 0n;
    for (const [, txs] of pool.content().pending) {
      let least: bigint | undefined;
      for (const tx of txs) {
        const tip = tipCap(tx);
        least = least === undefined || tip < least ? tip : least;
        sum += least;
      }
    }
    return sum;
  }

  test("TX-03 no step makes what is executable worth less, and bounds hold (10^5 random steps)", {
    timeout: 120_000,
  }, () => {
    const seed = 20;
    const rand = seededRand(seed);
    const limits = { globalSlots: 40, globalQueue: 20, accountSlots: 100, accountQueue: 8 };
    const { pool, person } = poolWorld({ limits });
    const texts = range(0, 10).map(() => {
      const key = person({ balance: ether });
      return range(0, 150).map(() =>
        send(key, rand.int(12), BigInt(1 + rand.int(500)), {
          value: BigInt(rand.int(3)) * (ether / 8n),
        }),
      );
    });
    let before = 0n;
    const outcomes = new Map<string, number>();
    for (let step = 0; step < 100_000; step++) {
      const tx = texts[rand.int(10)]?.[rand.int(150)];
      if (tx === undefined) throw new Error("no transaction");
      const [error] = pool.addRemotes([tx]);
      const code = error === undefined ? "ok" : String((error as { code?: string }).code);
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
      if (error !== undefined) continue;
      const after = worth(pool);
      if (after < before) expect.fail(`step ${step} of seed ${seed}: ${before} became ${after}`);
      before = after;
      const { pending, queued } = pool.stats();
      expect(pending + queued).toBeLessThanOrEqual(60);
      expect(queued).toBeLessThanOrEqual(20);
    }
    for (const code of ["ok", "TXPOOL_UNDERPRICED", "TXPOOL_INSUFFICIENT_FUNDS"])
      expect(outcomes.get(code)).toBeGreaterThan(10);
  });

  test("TX-03 honest executable ones stay, however those who send cheaper ones turn poor", () => {
    const rand = seededRand(21);
    const { pool, person, set } = poolWorld({
      limits: { globalSlots: 60, globalQueue: 20, accountSlots: 4, accountQueue: 8 },
    });
    const honest = range(0, 20).map(() => send(person(), 0, 50n));
    for (const tx of honest) expect(pool.addRemotes([tx])).toEqual([undefined]);
    const attackers = range(0, 8).map(() => person({ balance: ether }));
    for (let step = 0; step < 2500; step++) {
      const key = attackers[rand.int(attackers.length)] ?? generateKey();
      if (step % 100 === 0) set(key, { balance: rand.int(2) === 0 ? 0n : ether }); // invalidate what is in
      if (step % 100 === 1) pool.reset({ type: "head", header: header(1), added: [], removed: [] }, () => []);
      pool.addRemotes([
        send(key, rand.int(12), BigInt(1 + rand.int(49)), { value: BigInt(rand.int(2)) * (ether / 2n) }),
      ]);
      const { pending, queued } = pool.stats();
      expect(pending).toBeLessThanOrEqual(60);
      expect(queued).toBeLessThanOrEqual(20);
    }
    for (const tx of honest) expect(pool.status(tx.hash)).toBe("pending");
  });
});
