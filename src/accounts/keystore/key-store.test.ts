import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WalletEvent } from "#accounts";
import { addressOf, generateKey, parsePrivateKey, publicKeyOf, systemEntropy } from "#crypto";
import { senderOf } from "#core/types";
import { nodeHost } from "#host/node";
import { SimulatedClock } from "#host/sim";
import { createLogger, silentLogger } from "#log";
import { fromHex, toHex } from "#util";
import { until } from "../../../test/kit/until.ts";
import { KeyDir } from "./key-dir.ts";
import { KeyStore } from "./key-store.ts";

const DATA = "test/vectors/accounts/keystore";
/** Addresses of geth's files; n = 8 makes them cheap. Password foobar. */
const AAA = fromHex("0xf466859ead1932d743d622cb74fc058882e8648a");
const ZZZ = fromHex("0x289d485d9771714cce91d3393d764e1311907acc");
const UTC = fromHex("0x7ef5a6135f1fd6a02593eedc869c6d41d934aef8");

let folder: string;
let clock: SimulatedClock;
let store: KeyStore;
const make = (at = folder, log = silentLogger) =>
  new KeyStore({ folder: at, useLightweightKdf: true, host: { clock, entropy: systemEntropy }, log });

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "glim-keys-")), "keystore");
  clock = new SimulatedClock();
  store = make();
});
afterEach(async () => {
  await store.stop();
  rmSync(join(folder, ".."), { recursive: true, force: true });
});
const withGethFiles = () => {
  cpSync(DATA, folder, { recursive: true });
  chmodSync(folder, 0o700);
  for (const name of readdirSync(folder)) if (name !== "foo") chmodSync(join(folder, name), 0o600);
};
const addresses = async (one = store) => (await one.accounts()).map(({ address }) => toHex(address));

describe("geth's folder of odd files (account_cache_test.go)", () => {
  test("three accounts, by URL; hidden files, folders, garbage, zero and no address are none", async () => {
    withGethFiles();
    expect(await addresses()).toEqual([UTC, AAA, ZZZ].map(toHex));
    const wallets = await store.wallets();
    expect(wallets.map(({ url }) => url)).toEqual(
      ["UTC--2016-03-22T12-57-55.920751759Z--7ef5a6135f1fd6a02593eedc869c6d41d934aef8", "aaa", "zzz"].map(
        (name) => ({ scheme: "keystore", path: join(folder, name) }),
      ),
    );
    expect(wallets.map((wallet) => wallet.status().text)).toEqual(["Locked", "Locked", "Locked"]);
  });

  test("F41 a broken file among good ones is named, the others are listed", async () => {
    withGethFiles();
    const names = (await store.broken()).map(({ path, why }) => `${path.slice(folder.length + 1)}: ${why}`);
    expect(names).toEqual([
      "README: not a key file: not JSON",
      "empty: not a key file: not JSON",
      "garbage: not a key file: not UTF-8",
      "no-address: no address",
      "zero: no address",
    ]);
    expect(await addresses()).toHaveLength(3);
  });

  test("an account is found by address, by file, by bare file name", async () => {
    withGethFiles();
    const url = { scheme: "keystore", path: join(folder, "aaa") };
    expect((await store.find({ address: AAA })).url).toEqual(url);
    expect((await store.find({ url })).address).toEqual(AAA);
    expect((await store.find({ url: { scheme: "keystore", path: "aaa" } })).address).toEqual(AAA);
    const noMatch = { code: "KEYSTORE_NO_MATCH", message: "no key for given address or file" };
    await expect(store.find({ address: new Uint8Array(20).fill(9) })).rejects.toMatchObject(noMatch);
    await expect(store.find({ url: { scheme: "keystore", path: "bbb" } })).rejects.toMatchObject(noMatch);
    await expect(store.find({})).rejects.toMatchObject(noMatch);
  });

  test("an address in several files is ambiguous until a file is named", async () => {
    withGethFiles();
    cpSync(join(folder, "aaa"), join(folder, "aab"));
    const [one, two] = [join(folder, "aaa"), join(folder, "aab")];
    await expect(store.unlock({ address: AAA }, "foobar")).rejects.toMatchObject({
      code: "KEYSTORE_AMBIGUOUS",
      message: `multiple keys match address (${one}, ${two})`,
      data: { files: [one, two] },
    });
    await store.unlock({ address: AAA, url: { scheme: "keystore", path: two } }, "foobar");
    expect(store.isUnlocked(AAA)).toBe(true);
  });
});

describe("changes of the folder", () => {
  test("are noticed by watching, settled half a second later, and told as events", async () => {
    mkdirSync(folder, { mode: 0o700 });
    const events: string[] = [];
    store.events.subscribe(({ type, wallet }: WalletEvent) => events.push(`${type} ${wallet.url.path}`));
    await store.start();
    expect(await store.accounts()).toEqual([]);
    cpSync(join(DATA, "aaa"), join(folder, "aaa"));
    await until("the watcher", () => clock.activeTimers > 0);
    expect(events).toEqual([]);
    await clock.advance(500);
    await until("the event", () => events.length > 0);
    expect(events).toEqual([`arrived ${join(folder, "aaa")}`]);
    expect(await addresses()).toEqual([toHex(AAA)]);
    rmSync(join(folder, "aaa"));
    await until("the watcher", () => clock.activeTimers > 0);
    await clock.advance(500);
    await until("the event", () => events.length > 1);
    expect(events[1]).toBe(`dropped ${join(folder, "aaa")}`);
  });

  test("without a watcher the folder is read on access, at most each two seconds", async () => {
    mkdirSync(folder, { mode: 0o700 });
    expect(await store.accounts()).toEqual([]); // not started: nobody watches
    cpSync(join(DATA, "aaa"), join(folder, "aaa"));
    await clock.advance(1_999);
    expect(await store.accounts()).toEqual([]);
    await clock.advance(1);
    expect(await addresses()).toEqual([toHex(AAA)]);
  });

  test("a file whose content changes changes its account", async () => {
    withGethFiles();
    expect(await addresses()).toContain(toHex(AAA));
    cpSync(join(folder, "zzz"), join(folder, "aaa"));
    await clock.advance(2_000);
    expect(await addresses()).toEqual([UTC, ZZZ, ZZZ].map(toHex));
  });
});

describe("T23 unlocking", () => {
  const hash = new Uint8Array(32).fill(1);
  const needed = {
    code: "ACCOUNTS_AUTH_NEEDED",
    message: "authentication needed: password or unlock",
  };
  beforeEach(withGethFiles);

  test("for a time, and then no more", async () => {
    expect(() => store.signHash(AAA, hash)).toThrow(expect.objectContaining(needed));
    await store.unlock({ address: AAA }, "foobar", 300);
    expect(store.signHash(AAA, hash)).toHaveLength(65);
    await clock.advance(299_999);
    expect(store.isUnlocked(AAA)).toBe(true);
    await clock.advance(1);
    expect(() => store.signHash(AAA, hash)).toThrow(expect.objectContaining(needed));
    expect(clock.activeTimers).toBe(0);
  });

  test("a later one replaces the time, shorter or longer", async () => {
    await store.unlock({ address: AAA }, "foobar", 300);
    await store.unlock({ address: AAA }, "foobar", 10);
    await clock.advance(10_000);
    expect(store.isUnlocked(AAA)).toBe(false);
    await store.unlock({ address: AAA }, "foobar", 10);
    await store.unlock({ address: AAA }, "foobar", 300);
    await clock.advance(299_000);
    expect(store.isUnlocked(AAA)).toBe(true);
    expect(clock.activeTimers).toBe(1);
  });

  test("Trap 31 without end: a later one with an end does not shorten it, a lock does", async () => {
    await store.unlock({ address: AAA }, "foobar");
    await store.unlock({ address: AAA }, "foobar", 1);
    await clock.advance(1e9);
    expect(store.isUnlocked(AAA)).toBe(true);
    store.lock(AAA);
    expect(store.isUnlocked(AAA)).toBe(false);
    store.lock(AAA); // not open
    store.lock(new Uint8Array(20)); // unknown
  });

  test("longer than one timer holds", async () => {
    const year = 365 * 24 * 3_600;
    await store.unlock({ address: AAA }, "foobar", year);
    await clock.advance((year - 1) * 1_000);
    expect(store.isUnlocked(AAA)).toBe(true);
    await clock.advance(1_000);
    expect(store.isUnlocked(AAA)).toBe(false);
    await expect(store.unlock({ address: AAA }, "foobar", 9_223_372_037)).rejects.toThrow(
      "unlock duration too large",
    );
  });

  test("a wrong password leaves an earlier unlock as it is", async () => {
    await store.unlock({ address: AAA }, "foobar");
    await expect(store.unlock({ address: AAA }, "wrong")).rejects.toMatchObject({ code: "KEYSTORE_DECRYPT" });
    expect(store.isUnlocked(AAA)).toBe(true);
  });

  test("a password signs once and unlocks nothing", async () => {
    const [wallet] = (await store.wallets()).filter((one) => one.contains({ address: AAA }));
    const fields = {
      type: 0,
      chainId: 1n,
      nonce: 0n,
      gasPrice: 1n,
      gas: 21_000n,
      to: ZZZ,
      value: 1n,
      input: new Uint8Array(),
    } as const;
    await expect(wallet?.signTransaction({ address: AAA }, fields)).rejects.toMatchObject(needed);
    const tx = await wallet?.signTransaction({ address: AAA }, fields, { password: "foobar" });
    expect(tx === undefined ? undefined : toHex(senderOf(tx))).toBe(toHex(AAA));
    expect(store.isUnlocked(AAA)).toBe(false);
    await expect(wallet?.signText({ address: ZZZ }, hash)).rejects.toThrow("unknown account");
  });

  test("a stop locks everything; a password that was being checked meanwhile opens nothing", async () => {
    await store.unlock({ address: AAA }, "foobar", 300);
    const late = store.unlock({ address: ZZZ }, "foobar", 300);
    await store.stop();
    expect(store.isUnlocked(AAA)).toBe(false);
    await expect(late).rejects.toMatchObject({ code: "KEYSTORE_STOPPED" });
    expect(clock.activeTimers).toBe(0);
  });
});

describe("making, importing, changing, removing", () => {
  test("a new account: geth's name, mode 0600 in a folder of mode 0700, nothing beside it", async () => {
    const { address, url } = await store.newAccount("pass");
    const [name, ...others] = readdirSync(folder);
    expect(others).toEqual([]);
    expect(name).toMatch(/^UTC--\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{9}Z--[0-9a-f]{40}$/);
    expect(name).toContain(toHex(address).slice(2));
    expect(url).toEqual({ scheme: "keystore", path: join(folder, name ?? "") });
    expect(statSync(url.path).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(await addresses()).toEqual([toHex(address)]);
    await store.unlock({ address }, "pass");
  });

  test("a key is imported once", async () => {
    const key = generateKey();
    const { address } = await store.importKey(key, "pass");
    expect(toHex(address)).toBe(toHex(addressOf(publicKeyOf(key))));
    await expect(store.importKey(key, "other")).rejects.toMatchObject({
      code: "KEYSTORE_EXISTS",
      message: "account already exists",
    });
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("exported JSON opens under its new password elsewhere, and is imported there", async () => {
    withGethFiles();
    const json = await store.exportJson({ address: AAA }, "foobar", "new");
    const other = make(join(folder, "..", "other"));
    await expect(other.importJson(json, "foobar", "third")).rejects.toMatchObject({
      code: "KEYSTORE_DECRYPT",
    });
    await other.importJson(json, "new", "third");
    await other.check({ address: AAA }, "third");
    await expect(other.check({ address: AAA }, "new")).rejects.toMatchObject({ code: "KEYSTORE_DECRYPT" });
    expect(JSON.parse(new TextDecoder().decode(json)).id).toBe("472e8b3d-afb6-45b5-8111-72c89895099a");
  });

  test("a presale wallet", async () => {
    const json = new Uint8Array(readFileSync("test/vectors/accounts/guswallet.json"));
    await expect(store.importPresale(json, "wrong")).rejects.toMatchObject({ code: "KEYSTORE_DECRYPT" });
    const { address } = await store.importPresale(json, "foo");
    expect(toHex(address)).toBe("0xd4584b5f6229b7be90727b0fc8c6b91bb427821f");
    await store.check({ address }, "foo");
  });

  test("update: same file, new password, newest form", async () => {
    withGethFiles();
    await store.update({ address: AAA }, "foobar", "foobar2");
    const file = JSON.parse(readFileSync(join(folder, "aaa"), "utf8"));
    expect(file.crypto.kdfparams).toMatchObject({ n: 4_096, p: 6, r: 8, dklen: 32 });
    expect(file.id).toBe("472e8b3d-afb6-45b5-8111-72c89895099a");
    await store.check({ address: AAA }, "foobar2");
    await expect(store.update({ address: AAA }, "foobar", "x")).rejects.toMatchObject({
      code: "KEYSTORE_DECRYPT",
    });
  });

  test("words are kept through updates and come out again; without words there is nothing to export", async () => {
    const key = parsePrivateKey(new Uint8Array(32).fill(5));
    const words = { entropy: new Uint8Array(16).fill(3), path: [0x8000_002c, 1] };
    const account = await store.importKey(key, "a", words);
    await store.update(account, "a", "b");
    expect(await store.exportWords(account, "b")).toEqual(words);
    await expect(store.exportWords(account, "a")).rejects.toMatchObject({ code: "KEYSTORE_DECRYPT" });
    const plain = await store.newAccount("x");
    await expect(store.exportWords(plain, "x")).rejects.toMatchObject({ code: "KEYSTORE_NO_WORDS" });
  });

  test("attack/KS-07 delete with a wrong password deletes nothing; with the right one also the open key", async () => {
    withGethFiles();
    await store.unlock({ address: AAA }, "foobar");
    await expect(store.delete({ address: AAA }, "wrong")).rejects.toMatchObject({ code: "KEYSTORE_DECRYPT" });
    expect(existsSync(join(folder, "aaa"))).toBe(true);
    expect(store.isUnlocked(AAA)).toBe(true);
    await store.delete({ address: AAA }, "foobar");
    expect(existsSync(join(folder, "aaa"))).toBe(false);
    expect(store.isUnlocked(AAA)).toBe(false);
    expect(await addresses()).toEqual([UTC, ZZZ].map(toHex));
  });

  test("attack/KS-07 two keystores of one folder import one key at once: one account", async () => {
    const key = generateKey();
    const results = await Promise.allSettled([store.importKey(key, "a"), make().importKey(key, "b")]);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: expect.stringMatching(/KEYSTORE_(IMPORTING|EXISTS)/) },
    });
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("a claim that a dead process left is taken over after two minutes", async () => {
    const key = generateKey();
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, `.${toHex(addressOf(publicKeyOf(key))).slice(2)}.claim`), "");
    clock = new SimulatedClock();
    const now = (await import("node:fs")).statSync(folder).mtimeMs / 1_000;
    const at = (seconds: number) => ({
      clock: { ...nodeHost().clock, unixSeconds: () => Math.floor(now + seconds) },
      entropy: systemEntropy,
    });
    const early = new KeyStore({ folder, useLightweightKdf: true, host: at(60), log: silentLogger });
    await expect(early.importKey(key, "a")).rejects.toMatchObject({ code: "KEYSTORE_IMPORTING" });
    const late = new KeyStore({ folder, useLightweightKdf: true, host: at(180), log: silentLogger });
    await late.importKey(key, "a");
    expect(readdirSync(folder)).toHaveLength(1);
  });
});

describe("attack/KS-06 what is no file of ours", () => {
  const usable = { code: "KEYSTORE_UNUSABLE", exitCode: 2 };

  test("a folder that everybody may write to is refused, at start, reading and writing", async () => {
    withGethFiles();
    chmodSync(folder, 0o777);
    await expect(store.start()).rejects.toMatchObject(usable);
    await expect(store.accounts()).rejects.toMatchObject(usable);
    await expect(store.newAccount("x")).rejects.toMatchObject(usable);
  });

  test("a file where the folder should be", async () => {
    writeFileSync(folder, "");
    await expect(store.start()).rejects.toMatchObject(usable);
    await expect(store.newAccount("x")).rejects.toMatchObject(usable);
  });

  test("a key file that others may read is used, and told", async () => {
    withGethFiles();
    chmodSync(join(folder, "aaa"), 0o644);
    const lines: string[] = [];
    const log = createLogger({ level: "warn", format: "json", write: (line) => lines.push(line) });
    expect(await addresses(make(folder, log))).toHaveLength(3);
    expect(lines.join()).toContain("chmod 600");
    expect(lines).toHaveLength(1);
  });

  test("links, pipes and folders are not read; one that takes a file's place afterwards neither", async () => {
    withGethFiles();
    symlinkSync(join(process.cwd(), DATA, "aaa"), join(folder, "link"));
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expect(await addresses()).toHaveLength(3);
    rmSync(join(folder, "aaa"));
    symlinkSync(join(process.cwd(), DATA, "aaa"), join(folder, "aaa"));
    await expect(store.unlock({ address: AAA }, "foobar")).rejects.toMatchObject({
      code: "KEYSTORE_BAD_FILE",
      message: "not a key file: it is a link",
    });
    rmSync(join(folder, "zzz"));
    execFileSync("mkfifo", [join(folder, "zzz")]);
    await expect(store.unlock({ address: ZZZ }, "foobar")).rejects.toMatchObject({
      code: "KEYSTORE_BAD_FILE",
    });
  });

  test("odd names are names", async () => {
    withGethFiles();
    cpSync(join(folder, "aaa"), join(folder, "a\nb ü"));
    rmSync(join(folder, "aaa"));
    await store.unlock({ address: AAA }, "foobar");
  });

  test("F48 10,000 files", async () => {
    mkdirSync(folder, { mode: 0o700 });
    for (let i = 0; i < 10_000; i++) {
      const address = i.toString(16).padStart(39, "0");
      writeFileSync(join(folder, `f${i}`), `{"address":"1${address}"}`, { mode: 0o600 });
    }
    expect(await store.accounts()).toHaveLength(10_000);
  });
});

describe("attack/KS-05 a write that fails leaves what was there", () => {
  test("what does not open again never takes the place, and leaves no file behind", async () => {
    withGethFiles();
    const dir = new KeyDir(folder);
    const path = join(folder, "aaa");
    const before = readFileSync(path);
    const names = readdirSync(folder);
    const failing = (mayReplace: boolean, at = path) =>
      dir.write(at, new Uint8Array(1), {
        mayReplace,
        unique: "1",
        verify: async () => {
          throw new Error("does not open");
        },
      });
    await expect(failing(true)).rejects.toThrow("does not open");
    await expect(failing(false, join(folder, "new"))).rejects.toThrow("does not open");
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(folder)).toEqual(names);
  });

  test("a new key never takes an existing file's place; a full or missing disk is typed", async () => {
    withGethFiles();
    const dir = new KeyDir(folder);
    const write = (path: string) =>
      dir.write(path, new Uint8Array(1), { mayReplace: false, unique: "1", verify: async () => {} });
    const before = readFileSync(join(folder, "aaa"));
    const error = (why: string) => ({ code: "KEYSTORE_NOT_SAVED", exitCode: 5, data: { why } });
    await expect(write(join(folder, "aaa"))).rejects.toMatchObject(error("EEXIST"));
    expect(readFileSync(join(folder, "aaa"))).toEqual(before);
    await expect(write(join(folder, "missing", "x"))).rejects.toMatchObject(error("ENOENT"));
    await expect(write(join(folder, "x".repeat(250)))).rejects.toMatchObject(error("ENAMETOOLONG"));
  });
});

describe("attack/KS-08 passwords are bytes", () => {
  test.each([
    ["empty", ""],
    ["trailing space", "a "],
    ["NUL", "a\0b"],
    ["CRLF", "a\r\n"],
    ["more than 1 KiB", "x".repeat(2_000)],
    ["NFC", "\u00e9"],
  ])("%s", async (_name, password) => {
    const { address } = await store.newAccount(password);
    await store.check({ address }, new TextEncoder().encode(password));
    for (const other of [`${password}x`, password.normalize("NFD"), password.trim()].filter(
      (one) => one !== password,
    ))
      await expect(store.check({ address }, other)).rejects.toMatchObject({ code: "KEYSTORE_DECRYPT" });
  });

  test("one of 64 KiB and a byte is a wrong one", async () => {
    withGethFiles();
    await expect(store.check({ address: AAA }, "x".repeat(65_537))).rejects.toMatchObject({
      code: "KEYSTORE_DECRYPT",
    });
  });
});

describe("attack/KS-09 secrets stay where they are", () => {
  test("no log line and no error has the password or the key; the key's bytes are overwritten by a lock", async () => {
    const lines: string[] = [];
    const log = createLogger({ level: "trace", format: "json", write: (line) => lines.push(line) });
    const talking = make(folder, log);
    const secret = "correct horse battery";
    const key = generateKey();
    const { address } = await talking.importKey(key, secret);
    const errors: unknown[] = [];
    for (const act of [
      () => talking.unlock({ address }, `${secret}!`),
      () => talking.importKey(key, secret),
      () => talking.delete({ address }, `${secret}!`),
    ])
      await act().catch((error: unknown) => errors.push(error));
    await talking.unlock({ address }, secret);
    let held: Uint8Array = key;
    await talking.withKey({ address }, {}, (one) => {
      held = one;
    });
    expect(toHex(held)).toBe(toHex(key));
    talking.lock(address);
    expect(held.every((byte) => byte === 0)).toBe(true);
    const { inspect } = await import("node:util");
    const said =
      lines.join() +
      errors.map((error) => inspect(error, { depth: 9 })).join() +
      inspect(talking, { depth: 9, showHidden: true });
    expect(errors).toHaveLength(3);
    expect(said).not.toContain(secret);
    expect(said).not.toContain(toHex(key).slice(2));
  });
});
