// T1, the rows of seed-behaviour §1.7: where keys are, what a start makes and a stop removes.
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parsePrivateKey } from "#crypto";
import { Ethereum } from "#eth";
import { createLogger } from "#log";
import { devGenesis } from "#params";
import { FakeBus, LedgerFirmware } from "../../test/kit/hid-devices.ts";
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

describe("hardware wallets", () => {
  const words = "test test test test test test test test test test test junk";
  const withLedger = () => {
    const bus = new FakeBus();
    bus.plug(
      { vendorId: 0x2c97, productId: 0x1011 },
      new LedgerFirmware({ mnemonic: words, version: [1, 9, 0] }),
    );
    return bus;
  };
  const schemes = async (node: Node) => (await node.accountManager.wallets()).map(({ url }) => url.scheme);

  test("by a port that is handed in: personal_ opens, derives and signs with them; a stop lets them go", async () => {
    const bus = withLedger();
    await using node = new Node({ name: "test", p2p: { maxPeers: 0 } }, { hidPort: bus });
    node.register(
      (context) => new Ethereum(context, { genesis: devGenesis({}, { signers: [new Uint8Array(20)] }) }),
    );
    await node.start();
    const ask = (method: string, ...params: readonly unknown[]) =>
      node.attach().request({ method, params: [...params] });
    expect(await ask("personal_listWallets")).toEqual([{ url: "ledger://0001", status: "Closed" }]);
    expect(await ask("personal_openWallet", "ledger://0001")).toBeNull();
    const address = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    const account = { address, url: "ledger://0001/m/44'/60'/0'/0/0" };
    expect(await ask("personal_deriveAccount", "ledger://0001", "m/44'/60'/0'/0/0", true)).toEqual(account);
    expect(await ask("personal_listWallets")).toEqual([
      { url: "ledger://0001", status: "Ethereum app v1.9.0 online", accounts: [account] },
    ]);
    expect(await ask("eth_accounts")).toEqual([address]);
    const fees = { maxFeePerGas: "0x77359400", maxPriorityFeePerGas: "0x1" };
    const tx = { from: address, to: address, gas: "0x5208", nonce: "0x0", ...fees };
    expect(await ask("eth_signTransaction", tx)).toMatchObject({ tx: { type: "0x2" } });
    const text = await ask("eth_sign", address, "0x68656c6c6f");
    expect(await ask("personal_ecRecover", "0x68656c6c6f", text)).toBe(address);
    await node.stop();
    expect(bus.opened.map(({ isOpen }) => isOpen)).toEqual([false]);
  });

  test("not with noUsb; not unless they are asked for; without the package they are told to be missing", async () => {
    await using forbidden = new Node({ name: "test", noUsb: true, usb: true }, { hidPort: withLedger() });
    await forbidden.start();
    expect(await schemes(forbidden)).toEqual([]);
    await using quiet = new Node({ name: "test" });
    await quiet.start();
    const lines: string[] = [];
    const logger = createLogger({ level: "warn", format: "json", write: (line) => lines.push(line) });
    await using asked = new Node({ name: "test", usb: true, logger });
    await asked.start();
    expect(lines.join()).toContain("npm install usb@3.1.0");
    expect(await schemes(asked)).toEqual([]);
  });
});
