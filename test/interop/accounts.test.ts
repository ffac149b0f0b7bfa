// Key files both ways: what geth wrote is opened here, what we wrote is opened, and changed, by geth; and the same key signs
// the same bytes in both.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KeyStore } from "#accounts/keystore";
import { addressOf, parsePrivateKey, publicKeyOf } from "#crypto";
import { Ethereum } from "#eth";
import { nodeHost } from "#host/node";
import { silentLogger } from "#log";
import { Node } from "#node";
import { parseGenesis } from "#params";
import { fromHex, toHex } from "#util";
import { cliqueGenesis, type GethVersion, minerKey, requireGeth, startGeth } from "../kit/geth.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "glim-geth-keys-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const keystore = () => join(folder, "keystore");
const ours = () =>
  new KeyStore({ folder: keystore(), useLightweightKdf: true, host: nodeHost(), log: silentLogger });

/** Runs a tool with lines on its input. */
function run(path: string, args: readonly string[], lines: readonly string[] = []) {
  return new Promise<{ code: number | null; out: string }>((resolve, reject) => {
    const child = spawn(path, args, { stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.on("error", reject).on("close", (code) => resolve({ code, out }));
    child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  });
}

describe.each<GethVersion>(["1.9.25", "1.11.6", "1.17.5"])("geth %s", (version) => {
  const tool = async (skip: (why: string) => void) => {
    const path = await requireGeth(version, skip);
    return (args: readonly string[], lines?: readonly string[]) =>
      run(path ?? "", ["--datadir", folder, ...args], lines);
  };

  test.each([
    ["light", ["--lightkdf"]],
    ["standard", []],
  ])("an account that geth made (%s) opens here", async (_kdf, flags) => {
    const geth = await tool((why) => expect.unreachable(why));
    const password = join(folder, "password");
    writeFileSync(password, "päss wörd\n");
    const { out } = await geth(["account", "new", ...flags, "--password", password]);
    const address = fromHex(/0x([0-9a-fA-F]{40})/.exec(out)?.[1] ?? "");
    const keys = ours();
    expect((await keys.accounts()).map((one) => toHex(one.address))).toEqual([toHex(address)]);
    await keys.unlock({ address }, "päss wörd");
    expect(keys.signHash(address, new Uint8Array(32))).toHaveLength(65);
    await expect(keys.check({ address }, "pass word")).rejects.toMatchObject({ code: "KEYSTORE_DECRYPT" });
    await keys.stop();
  });

  test("an account that we made is listed and changed by geth, and opens here with geth's password", async () => {
    const geth = await tool((why) => expect.unreachable(why));
    const { address, url } = await ours().newAccount("one");
    const digits = toHex(address).slice(2);
    expect((await geth(["account", "list"])).out).toContain(`Account #0: {${digits}} keystore://${url.path}`);
    // the old password and the new one twice; since 1.14 the new one comes first
    const typed = version === "1.17.5" ? ["two", "two", "one"] : ["one", "two", "two"];
    const updated = await geth(["account", "update", "--lightkdf", digits], typed);
    expect(updated.code, updated.out).toBe(0);
    const [name, ...others] = readdirSync(keystore());
    expect([join(keystore(), name ?? ""), others]).toEqual([url.path, []]);
    const keys = ours();
    await keys.check({ address }, "two");
    await keys.update({ address }, "two", "three");
    const again = version === "1.17.5" ? ["four", "four", "three"] : ["three", "four", "four"];
    expect((await geth(["account", "update", "--lightkdf", digits], again)).code).toBe(0);
    await ours().check({ address }, "four");
  });

  test("a key with its words, which geth does not know, is a key to geth", async () => {
    const geth = await tool((why) => expect.unreachable(why));
    const key = parsePrivateKey(new Uint8Array(32).fill(7));
    const words = { entropy: new Uint8Array(16).fill(1), path: [0x8000_002c] };
    const { address } = await ours().importKey(key, "one", words);
    const typed = version === "1.17.5" ? ["two", "two", "one"] : ["one", "two", "two"];
    const digits = toHex(address).slice(2);
    expect((await geth(["account", "update", "--lightkdf", digits], typed)).code).toBe(0);
    await ours().check({ address }, "two");
  });
});

test("geth 1.11.6 and we sign the same bytes with the same key: texts, transactions of each type, filled ones", async () => {
  await requireGeth("1.11.6", (why) => expect.unreachable(why));
  const signer = toHex(addressOf(publicKeyOf(parsePrivateKey(fromHex(minerKey)))));
  const base = cliqueGenesis(signer, { [signer.slice(2)]: { balance: "0xffffffffffffffffffff" } });
  const genesis = {
    ...base,
    config: { ...base.config, istanbulBlock: 0, berlinBlock: 0, londonBlock: 0 },
    baseFeePerGas: "0x3b9aca00",
  };
  await using geth = await startGeth({
    version: "1.11.6",
    role: "miner",
    genesis,
    flags: ["--rpc.enabledeprecatedpersonal", "--http.api", "eth,net,web3,admin,personal"],
  });
  await using node = new Node({ name: "accounts", useLightweightKdf: true, p2p: { maxPeers: 0 } });
  node.register((context) => new Ethereum(context, { genesis: parseGenesis(genesis) }));
  await node.start();
  const client = node.attach();
  const ask = (method: string, ...params: readonly unknown[]) =>
    client.request({ method, params: [...params] });
  const [from] = await geth.rpc<readonly string[]>("eth_accounts");
  expect(await ask("personal_importRawKey", minerKey, "glim")).toBe(from);
  await ask("personal_unlockAccount", from, "glim", 0);
  const both = async (method: string, ...params: readonly unknown[]) => {
    const say = (error: unknown) =>
      error instanceof Error ? error.message.replace(/^\w+: | \(-?\d+\)$/g, "") : error;
    // members that later releases of geth added
    const asThen = (value: unknown) => {
      if (typeof value !== "object" || value === null || !("tx" in value)) return value;
      const { yParity: _, ...tx } = value.tx as Record<string, unknown>;
      return { ...value, tx: tx["type"] === "0x0" ? { ...tx, chainId: undefined } : tx };
    };
    const [theirs, mine] = await Promise.all([
      geth.rpc(method, params).catch(say),
      ask(method, ...params).catch(say),
    ]);
    expect(asThen(mine), `${method} ${JSON.stringify(params)}`).toEqual(asThen(theirs));
    return mine;
  };
  const to = "0x00000000000000000000000000000000000000aa";
  const tx = { from, to, gas: "0x5208", nonce: "0x7", value: "0x1" };
  const fees = { maxFeePerGas: "0x77359400", maxPriorityFeePerGas: "0x1" };
  const text = await both("eth_sign", from, "0x68656c6c6f");
  await both("personal_ecRecover", "0x68656c6c6f", text);
  await both("personal_ecRecover", "0x68656c6c6f", "0x00");
  await both("eth_signTransaction", { ...tx, gasPrice: "0x3b9aca00" });
  await both("eth_signTransaction", { ...tx, ...fees, data: "0x1234" });
  await both("eth_signTransaction", {
    ...tx,
    gasPrice: "0x3b9aca00",
    accessList: [{ address: to, storageKeys: [`0x${"01".repeat(32)}`] }],
  });
  await both("eth_fillTransaction", { ...tx, ...fees });
  await both("eth_fillTransaction", { ...tx, gasPrice: "0x3b9aca00" });
  await both("eth_fillTransaction", { from, to, value: "0x1", nonce: "0x0", ...fees });
  for (const change of [
    { gas: undefined },
    { nonce: undefined },
    {},
    { maxFeePerGas: "0x1", maxPriorityFeePerGas: "0x2" },
    { ...fees, gasPrice: "0x1" },
    { ...fees, chainId: "0x1" },
    { ...fees, to: undefined },
    { ...fees, data: "0x01", input: "0x02" },
    { ...fees, from: to },
    { ...fees, gas: "0x3b9aca00", maxFeePerGas: "0x3b9aca0000" },
  ])
    await both("eth_signTransaction", { ...tx, ...change });
  await both("eth_sendTransaction", { from: to, to });
  await both("eth_sign", to, "0x00");
  for (const params of [
    [from, "wrong"],
    [to, "glim"],
  ])
    await both("personal_unlockAccount", ...params, 1);
  await both("personal_sign", "0x00", from, "wrong");
  await both("personal_importRawKey", minerKey, "glim");
  await both("personal_importRawKey", `0x${minerKey}`, "glim");
  await both("personal_importRawKey", minerKey.slice(1), "glim");
  await both("personal_openWallet", "nowhere");
  await both("personal_openWallet", "keystore:///nowhere");
});
