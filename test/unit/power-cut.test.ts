// F05, D0: the power is cut between any two calls that write a key file, and what was not synced is there or not in every way that POSIX
// allows. Whoever was told that a key is there finds it, with the password it was told last; half a file is never taken for a key.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { KeyStore } from "#accounts/keystore";
import { TxJournal } from "../../src/core/txpool/journal.ts";
import { signTransaction } from "#core/types";
import { generateKey } from "#crypto";
import { nodeHost } from "#host/node";
import { silentLogger } from "#log";
import { toHex } from "#util";
import { CrashMarker } from "../../src/node/crash-marker.ts";
import { loadNodeKey } from "../../src/node/node-key.ts";
import { type CrashState, fingerprint, layOut, PowerCut } from "../kit/power-cut.ts";

const { cut } = vi.hoisted(() => ({ cut: { record: undefined as PowerCut | undefined } }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof import("node:fs/promises")>();
  const { PowerCut: Recorder } = await import("../kit/power-cut.ts");
  cut.record = new Recorder();
  return cut.record.wrap(real);
});

const folder = mkdtempSync(join(tmpdir(), "glim-power-cut-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const host = nodeHost();

function recorder(): PowerCut {
  if (cut.record === undefined) throw new Error("node:fs/promises was not loaded");
  return cut.record;
}

/** Checks every state that a cut may leave at every moment from `from` on; gives how many different ones there were. */
async function atEveryMoment(
  from: number,
  root: string,
  check: (folder: string, moment: number, state: CrashState) => Promise<void>,
): Promise<number> {
  const record = recorder();
  const last = record.now;
  let count = 0;
  for (let moment = from; moment <= last; moment++) {
    const seen = new Set<string>();
    for (const state of record.states(moment, root)) {
      const name = fingerprint(state);
      if (seen.has(name)) continue;
      seen.add(name);
      const copy = join(folder, `state ${moment} ${seen.size}`);
      layOut(state, copy);
      await check(copy, moment, state);
      rmSync(copy, { recursive: true });
    }
    count += seen.size;
  }
  return count;
}

const keyStore = (root: string) =>
  new KeyStore({ folder: join(root, "data", "keystore"), useLightweightKdf: true, host, log: silentLogger });

/** From a moment on: what is told of an address. No password: it may be gone. */
interface Told {
  readonly from: number;
  readonly address: string;
  readonly passwords: readonly string[];
  readonly mayBeGone: boolean;
}

/** Makes, changes and removes keys, and says what holds from which moment on. */
async function changeKeys(root: string): Promise<readonly Told[]> {
  const record = recorder();
  const keys = keyStore(root);
  const told: Told[] = [];
  const say = (account: { address: Uint8Array }, passwords: string[], mayBeGone = false) =>
    told.push({ from: record.now, address: toHex(account.address), passwords, mayBeGone });
  const first = await keys.newAccount("a");
  say(first, ["a"]);
  const second = await keys.newAccount("a");
  say(second, ["a"]);
  say(first, ["a", "b"]);
  await keys.update(first, "a", "b");
  say(first, ["b"]);
  say(second, ["a"], true);
  await keys.delete(second, "a");
  say(second, [], true);
  return told;
}

test("attack/KS-05 F05 D0 no cut loses a key that was told of, or shows half a file", async () => {
  const root = join(folder, "keys");
  const from = recorder().now;
  const told = await changeKeys(root);
  const opened = new Map<string, string>(); // bytes of a file → the password that opens it
  const passwordOf = async (
    keys: KeyStore,
    account: Awaited<ReturnType<KeyStore["accounts"]>>[number],
    bytes: string,
  ) => {
    for (const password of ["a", "b"])
      if (
        !opened.has(bytes) &&
        (await keys.check(account, password).then(
          () => true,
          () => false,
        ))
      )
        opened.set(bytes, password);
    return opened.get(bytes);
  };
  const count = await atEveryMoment(from, root, async (copy, moment, state) => {
    const keys = keyStore(copy);
    const accounts = await keys.accounts();
    expect(await keys.broken()).toEqual([]);
    const holds = new Map(told.filter((each) => each.from <= moment).map((each) => [each.address, each]));
    for (const account of accounts) {
      const [, bytes] = [...state].find(([path]) => account.url.path.endsWith(path)) ?? [];
      const password = await passwordOf(keys, account, Buffer.from(bytes as Uint8Array).toString("latin1")); // a file: it was listed
      expect(holds.get(toHex(account.address))?.passwords ?? ["a"]).toContain(password);
    }
    const listed = new Set(accounts.map(({ address }) => toHex(address)));
    for (const { address, mayBeGone, passwords } of holds.values())
      if (!mayBeGone) expect([...listed], `moment ${moment}`).toContain(address);
      else if (passwords.length === 0) expect([...listed]).not.toContain(address);
  });
  expect(count).toBeGreaterThan(60);
});

test("F05 D0 the node's key: from its first use on the same one; before that none, never half of one", async () => {
  const root = join(folder, "node");
  const from = recorder().now;
  await host.files.mkdir(join(root, "glim"));
  const key = await loadNodeKey(join(root, "glim", "nodekey"), host, silentLogger);
  const made = recorder().now;
  await atEveryMoment(from, root, async (copy, moment) => {
    await host.files.mkdir(join(copy, "glim"));
    const there = await loadNodeKey(join(copy, "glim", "nodekey"), host, silentLogger);
    if (moment >= made) expect(toHex(there)).toBe(toHex(key));
  });
});

test("F05 D2, D3 the journal keeps what was accepted, cut off or whole; the mark of a crash always reads", async () => {
  const root = join(folder, "journal");
  const fields = {
    type: 0,
    chainId: 1n,
    gas: 21_000n,
    gasPrice: 1n,
    to: new Uint8Array(20),
    value: 1n,
  } as const;
  const transactions = [0n, 1n, 2n].map((nonce) =>
    signTransaction({ ...fields, nonce, input: new Uint8Array(700) }, generateKey()),
  );
  await host.files.mkdir(root);
  const from = recorder().now;
  const journal = new TxJournal(join(root, "transactions.rlp"), host.files, silentLogger);
  const accepted: number[] = [];
  for (const tx of transactions) {
    await journal.append(tx);
    accepted.push(recorder().now);
  }
  const rotating = recorder().now;
  await journal.rotate(transactions.slice(1));
  const marker = new CrashMarker(join(root, "running"), host.files);
  await marker.begin(1_000);
  const count = await atEveryMoment(from, root, async (copy, moment) => {
    const there = await new TxJournal(join(copy, "transactions.rlp"), host.files, silentLogger).load();
    const least = moment > rotating ? 2 : accepted.filter((at) => at <= moment).length;
    expect(there.length, `moment ${moment}`).toBeGreaterThanOrEqual(least);
    await new CrashMarker(join(copy, "running"), host.files).begin(1_001);
  });
  expect(count).toBeGreaterThan(20);
});
