// T1, the rows of seed-behaviour §1.7: where keys are, what a start makes and a stop removes.
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parsePrivateKey } from "#crypto";
import { Node } from "./node.ts";

let folder: string;
let cwd: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "glim-node-keys-"));
  cwd = process.cwd();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const make = (config: ConstructorParameters<typeof Node>[0]) =>
  new Node({ name: "test", useLightweightKdf: true, minFreeDiskMb: 0, ...config });
const keyPath = async (node: Node) => (await node.accountManager.keyStore.newAccount("x")).url.path;
const mode = (path: string) => statSync(path).mode & 0o777;

describe("the folder of keys", () => {
  test("default: keystore in the data directory, made at start (not before), 0700", async () => {
    await using node = make({ dataDir: folder });
    expect(readdirSync(folder)).toEqual([]);
    await node.start();
    expect(mode(join(folder, "keystore"))).toBe(0o700);
    const path = await keyPath(node);
    expect(dirname(path)).toBe(join(folder, "keystore"));
    expect(mode(path)).toBe(0o600);
    await node.stop();
    expect(existsSync(path)).toBe(true);
  });

  test("absolute: as it is", async () => {
    await using node = make({ dataDir: join(folder, "data"), keyStoreDir: join(folder, "keys") });
    await node.start();
    expect(dirname(await keyPath(node))).toBe(join(folder, "keys"));
  });

  test("relative: from the working directory, not from the data directory", async () => {
    const relative = join("node_modules", `.keys-${process.pid}`);
    try {
      await using node = make({ dataDir: folder, keyStoreDir: relative });
      await node.start();
      expect(dirname(await keyPath(node))).toBe(join(cwd, relative));
    } finally {
      rmSync(relative, { recursive: true, force: true });
    }
  });

  test("ephemeral: among the temporary files, gone after a stop; made again by the next key", async () => {
    await using node = make({});
    await node.start();
    const path = await keyPath(node);
    expect(path.startsWith(tmpdir())).toBe(true);
    expect(mode(dirname(path))).toBe(0o700);
    await node.stop();
    expect(existsSync(dirname(path))).toBe(false);
    await node.start();
    expect(await node.accountManager.accounts()).toEqual([]);
    expect(existsSync(await keyPath(node))).toBe(true);
    await node.stop();
  });

  test("an ephemeral node with a folder of keys keeps it", async () => {
    await using node = make({ keyStoreDir: folder });
    await node.start();
    const path = await keyPath(node);
    await node.stop();
    expect(existsSync(path)).toBe(true);
  });

  test("attack/KS-06 one that everybody may write to stops the start, exit code 2; nothing is left locked", async () => {
    await using node = make({ dataDir: join(folder, "data"), keyStoreDir: join(folder, "keys") });
    await node.start();
    await node.stop();
    chmodSync(join(folder, "keys"), 0o777);
    await expect(node.start()).rejects.toMatchObject({ code: "KEYSTORE_UNUSABLE", exitCode: 2 });
    chmodSync(join(folder, "keys"), 0o700);
    await node.start();
    await node.stop();
  });
});

test("a stop locks every account, and services see the same manager", async () => {
  await using node = make({ dataDir: folder });
  let seen: unknown;
  node.register((context) => {
    seen = context.accountManager;
    return { protocols: [], apis: [], start() {}, stop() {} };
  });
  await node.start();
  expect(seen).toBe(node.accountManager);
  const key = parsePrivateKey(new Uint8Array(32).fill(1));
  const { address } = await node.accountManager.keyStore.importKey(key, "x");
  await node.accountManager.keyStore.unlock({ address }, "x");
  const wallet = await node.accountManager.find({ address });
  expect(wallet.status().text).toBe("Unlocked");
  await node.stop();
  expect(wallet.status().text).toBe("Locked");
});

test("accounts may be unlocked while no HTTP or WebSocket endpoint is open, or where the config allows it", async () => {
  const may = (node: Node) => {
    try {
      node.accountManager.assertMayUnlock();
      return true;
    } catch (error) {
      expect(error).toMatchObject({ message: "account unlock with HTTP access is forbidden" });
      return false;
    }
  };
  expect(may(make({}))).toBe(true);
  expect(may(make({ http: {} }))).toBe(false);
  expect(may(make({ ws: {} }))).toBe(false);
  expect(may(make({ http: {}, insecureUnlockAllowed: true }))).toBe(true);
  await using node = make({});
  await node.start();
  expect(may(node)).toBe(true);
  await node.attach().request({ method: "admin_startHTTP", params: ["127.0.0.1", 0] });
  expect(may(node)).toBe(false);
  await node.attach().request({ method: "admin_stopHTTP", params: [] });
  expect(may(node)).toBe(true);
});
