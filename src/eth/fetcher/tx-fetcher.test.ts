// long: one setting, and all that peers may announce in it
import { signTransaction, type Transaction, transactionSize } from "#core/types";
import { SimulatedClock, seededRand } from "#host/sim";
import { ByteMap, ByteSet, fromHex, type GlimError, numberToBytes } from "#util";
import { describe, expect, test } from "vitest";
import { namedKey } from "../../../test/kit/clique.ts";
import { limits } from "./limits.ts";
import { TxFetcher } from "./tx-fetcher.ts";
import { TxPlan } from "./tx-plan.ts";
import type { TxAnnouncement, TxSource, TxVerdict } from "./types.ts";

const key = namedKey("glim fetcher");
const to = fromHex("0x00000000000000000000000000000000000000aa");
const makeTx = (nonce: number, input = new Uint8Array(0)): Transaction =>
  signTransaction(
    { type: 0, chainId: 1n, nonce: BigInt(nonce), gasPrice: 1n, gas: 21_000n, to, value: 1n, input },
    key,
  );
const txs = Array.from({ length: 20 }, (_, i) => makeTx(i));
const tx = (index: number): Transaction => {
  const found = txs[index];
  if (found === undefined) throw new RangeError(`no transaction ${index}`);
  return found;
};
const madeUp = (count: number, from = 0): TxAnnouncement[] =>
  Array.from({ length: count }, (_, i) => {
    const hash = new Uint8Array(32).fill(0xee);
    hash.set(numberToBytes(i + from + 1), 0);
    return { hash };
  });

type Answer = (hashes: readonly Uint8Array[]) => Promise<readonly Transaction[]>;

function setting(verdict: (tx: Transaction) => TxVerdict = () => "added") {
  const clock = new SimulatedClock();
  const pool = new ByteSet();
  const added: number[] = [];
  const fetcher = new TxFetcher(
    {
      hasTransaction: (hash) => pool.has(hash),
      addTransactions: async (given) =>
        given.map((each) => {
          const result = verdict(each);
          if (result !== "added") return result;
          pool.add(each.hash);
          added.push(Number(each.nonce));
          return "added";
        }),
    },
    { clock, rand: seededRand(3) },
  );
  const all = new ByteMap<Transaction>();
  for (const each of txs) all.set(each.hash, each);
  const honest: Answer = async (hashes) => hashes.flatMap((hash) => all.get(hash) ?? []);
  const peer = (id: string, answer: Answer = honest) => {
    const dropped: GlimError[] = [];
    const asked: number[] = [];
    const source: TxSource = {
      id,
      async requestPooledTransactions(hashes) {
        asked.push(hashes.length);
        await clock.sleep(50);
        return answer(hashes);
      },
      drop: (error) => void dropped.push(error),
    };
    return { source, dropped, asked, code: () => dropped[0]?.code };
  };
  return { clock, fetcher, added, peer, honest };
}

const announce = (...list: Transaction[]): TxAnnouncement[] =>
  list.map((each) => ({ hash: each.hash, type: each.type, size: transactionSize(each) }));

describe("transaction fetcher", () => {
  test("announced, asked for after half a second, given to the pool", async () => {
    const { clock, fetcher, added, peer } = setting();
    const a = peer("a");
    fetcher.notify(a.source, announce(tx(0), tx(1)));
    await clock.advance(499);
    expect(a.asked).toEqual([]);
    await clock.advance(200);
    expect(a.asked).toEqual([2]);
    expect(added).toEqual([0, 1]);
    expect(fetcher.size).toBe(0);
    expect(clock.activeTimers).toBe(0);
  });

  test("sent meanwhile: not asked for", async () => {
    const { clock, fetcher, added, peer } = setting();
    const a = peer("a");
    fetcher.notify(a.source, announce(tx(0)));
    await fetcher.enqueue(peer("b").source, [tx(0)]);
    await clock.advance(2000);
    expect(a.asked).toEqual([]);
    expect(added).toEqual([0]);
  });

  test("announced by many: asked for once; who has it not is replaced by another", async () => {
    const { clock, fetcher, added, peer } = setting();
    const empty = peer("e", async () => []);
    const a = peer("a");
    fetcher.notify(empty.source, announce(tx(0)));
    await clock.advance(450);
    fetcher.notify(a.source, announce(tx(0)));
    await clock.advance(2000);
    expect(added).toEqual([0]);
    expect(a.asked.length + empty.asked.length).toBeLessThanOrEqual(2);
    expect(fetcher.size).toBe(0);
  });

  test("ET-05 4,096 open announcements of a peer, at most 256 or 128 KiB a request, one request at a time", async () => {
    const { clock, fetcher, peer } = setting();
    const a = peer("a", async () => []);
    fetcher.notify(a.source, madeUp(5000));
    expect(fetcher.size).toBe(4096);
    fetcher.notify(peer("b").source, madeUp(10, 6000));
    expect(fetcher.size).toBe(4106);
    await clock.advance(520);
    expect(a.asked).toEqual([256]);
    await clock.advance(60_000);
    expect(a.asked.every((count) => count <= 256)).toBe(true);
    expect(fetcher.size).toBe(0);
    const large = peer("l", async () => []);
    fetcher.notify(
      large.source,
      madeUp(100).map((each) => ({ ...each, type: 2, size: 100_000 })),
    );
    await clock.advance(520);
    expect(large.asked).toEqual([2]);
    await fetcher.stop();
    expect(clock.activeTimers).toBe(1); // the scripted peer's own
  });

  test("ET-05 announced and never delivered: alternates are asked, dropped after 3 times", async () => {
    const { clock, fetcher, added, peer } = setting();
    const staller = peer("s", () => new Promise<never>(() => {}));
    const a = peer("a");
    for (let i = 0; i < 3; i++) {
      fetcher.notify(staller.source, announce(tx(i)));
      await clock.advance(450);
      fetcher.notify(a.source, announce(tx(i)));
      await clock.advance(6000);
    }
    expect(added).toEqual([0, 1, 2]);
    fetcher.notify(staller.source, announce(tx(5)));
    await clock.advance(20_000);
    fetcher.notify(staller.source, announce(tx(6)));
    await clock.advance(20_000);
    fetcher.notify(staller.source, announce(tx(7)));
    await clock.advance(20_000);
    expect(staller.code()).toBe("FETCHER_STALLING");
    expect(fetcher.size).toBe(0);
  });

  test("ET-05 announced size or type is a lie: dropped; what came before it is kept", async () => {
    const { clock, fetcher, added, peer } = setting();
    const size = peer("size");
    const type = peer("type");
    fetcher.notify(size.source, [...announce(tx(0)), { hash: tx(1).hash, type: 0, size: 9 }]);
    fetcher.notify(type.source, [{ hash: tx(2).hash, type: 2, size: transactionSize(tx(2)) }]);
    await clock.advance(2000);
    expect([size.code(), type.code()]).toEqual(["FETCHER_WRONG_SIZE", "FETCHER_WRONG_TYPE"]);
    expect(added).toEqual([0]);
    expect(fetcher.size).toBe(0);
  });

  test("ET-05 what was not asked for, or twice in one message: dropped", async () => {
    const { clock, fetcher, added, peer } = setting();
    const unasked = peer("u", async () => [tx(9)]);
    const twice = peer("t", async (hashes) => [...hashes, ...hashes].map(() => tx(1)));
    const sender = peer("d");
    fetcher.notify(unasked.source, announce(tx(0)));
    fetcher.notify(twice.source, announce(tx(1)));
    await fetcher.enqueue(sender.source, [tx(4), tx(4)]);
    await clock.advance(2000);
    expect([unasked.code(), twice.code(), sender.code()]).toEqual([
      "FETCHER_UNASKED",
      "FETCHER_UNASKED",
      "FETCHER_DUPLICATE",
    ]);
    expect(added).toEqual([1]);
  });

  test("a full answer leaves the rest for the next request; a hole is not asked for again", async () => {
    const { clock, fetcher, added, peer, honest } = setting();
    const a = peer("a", async (hashes) => (await honest(hashes)).slice(0, 2));
    fetcher.notify(a.source, announce(tx(0), tx(1), tx(2), tx(3)));
    await clock.advance(2000);
    expect(added).toEqual([0, 1, 2, 3]);
    expect(a.asked).toEqual([4, 2]);
    const hole = peer("h", async (hashes) => (await honest(hashes)).filter(({ nonce }) => nonce !== 11n));
    fetcher.notify(hole.source, announce(tx(10), tx(11), tx(12)));
    await clock.advance(2000);
    expect(hole.asked).toEqual([3]);
    expect(added).toEqual([0, 1, 2, 3, 10, 12]);
    expect(fetcher.size).toBe(0);
  });

  test("TX-07 underpriced ones are remembered and not asked for again, for 5 minutes", async () => {
    const { clock, fetcher, peer } = setting(() => "underpriced");
    const a = peer("a");
    fetcher.notify(a.source, announce(tx(0)));
    await clock.advance(2000);
    for (let i = 0; i < 4; i++) {
      fetcher.notify(a.source, announce(tx(0)));
      expect(fetcher.size).toBe(0);
      await clock.advance(60_000);
    }
    expect(a.asked).toEqual([1]);
    await clock.advance(60_000);
    fetcher.notify(a.source, announce(tx(0)));
    await clock.advance(2000);
    expect(a.asked).toEqual([1, 1]);
  });

  test("TX-07 a million hashes of one peer, all underpriced: 4,096 open, no more remembered than the bound", () => {
    const plan = new TxPlan();
    const hashes = madeUp(100_000);
    for (let round = 0; round < 10; round++)
      for (let from = 0; from < hashes.length; from += 4096) {
        const some = hashes.slice(from, from + 4096);
        plan.announce("a", some, 0, () => false);
        expect(plan.announcedBy("a")).toBeLessThanOrEqual(limits.txAnnounces);
        for (const { hash } of some) {
          plan.forget(hash);
          plan.setUnderpriced(hash, 0);
        }
      }
    const known = hashes.slice(-limits.underpriced);
    plan.announce("a", known.slice(0, 4096), 1, () => false);
    expect(plan.size).toBe(0);
    plan.announce("a", hashes.slice(0, 4096), 1, () => false);
    expect(plan.size).toBeGreaterThan(3900); // forgotten for later ones; some of the made up are the same
  });

  test("announced blob transactions are not asked for, as they are not pooled", async () => {
    const { clock, fetcher, peer } = setting();
    const a = peer("a");
    const [blob, plain] = announce(tx(0), tx(1));
    if (blob === undefined || plain === undefined) throw new Error("two announcements");
    fetcher.notify(a.source, [{ ...blob, type: 3 }, plain]);
    await clock.advance(2000);
    expect(a.asked).toEqual([1]);
    expect(fetcher.size).toBe(0);
  });

  test("a peer that leaves takes its announcements along, those of others stay", async () => {
    const { clock, fetcher, added, peer } = setting();
    const slow = peer("s", () => new Promise<never>(() => {}));
    const a = peer("a");
    fetcher.notify(slow.source, announce(tx(0), tx(1)));
    await clock.advance(520);
    fetcher.notify(a.source, announce(tx(0)));
    fetcher.removePeer("s");
    await clock.advance(2000);
    expect(added).toEqual([0]);
    expect(fetcher.size).toBe(0);
    await fetcher.stop();
    expect(clock.activeTimers).toBe(0);
  });
});
