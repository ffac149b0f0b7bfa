// glim account, glim wallet and --unlock, as geth's accountcmd_test.go has them: outputs, prompts, exit codes.
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { HDNodeWallet, verifyMessage } from "ethers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCommandLine } from "#cli";
import { nodeHost } from "#host/node";
import { devGenesis, formatGenesis } from "#params";
import { fromHex } from "#util";
import { startProgram } from "../kit/program.ts";
import { jsonRpc } from "../kit/json-rpc.ts";
import { until } from "../kit/until.ts";

const AAA = "f466859ead1932d743d622cb74fc058882e8648a";
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "glim-cli-keys-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly rawModes: readonly boolean[];
}

/** Runs a command line in this process with `typed` as its input. */
async function glim(args: readonly string[], typed = "", { isTerminal = false } = {}): Promise<Ran> {
  const rawModes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: isTerminal,
    setRawMode: (isRaw: boolean) => rawModes.push(isRaw),
  });
  const output = new PassThrough();
  let out = "";
  let err = "";
  output.on("data", (chunk: Buffer) => (out += chunk.toString()));
  input.end(typed);
  const code = await runCommandLine([...args, "--datadir", folder, "--lightkdf"], {
    input,
    output,
    print: (line) => (out += `${line}\n`),
    complain: (line) => (err += `${line}\n`),
    isTerminal,
    clock: nodeHost().clock,
    stopping: new AbortController().signal,
  });
  return { code, out, err, rawModes };
}

const passwordFile = (...lines: string[]) => {
  const path = join(folder, "password");
  writeFileSync(path, lines.join("\n"), { mode: 0o600 });
  return ["--password", path];
};
const withGethFiles = () => {
  const keys = join(folder, "keystore");
  cpSync("test/vectors/accounts/keystore", keys, { recursive: true });
  chmodSync(keys, 0o700);
  for (const name of readdirSync(keys)) if (name !== "foo") chmodSync(join(keys, name), 0o600);
  return keys;
};
const ECHO = "!! Unsupported terminal, password will be echoed.\n";

describe("glim account", () => {
  test("list: geth's lines; what is no key is named beside them", async () => {
    const keys = withGethFiles();
    const { code, out, err } = await glim(["account", "list"]);
    expect(code).toBe(0);
    expect(out).toBe(
      [
        `Account #0: {7ef5a6135f1fd6a02593eedc869c6d41d934aef8} keystore://${keys}/UTC--2016-03-22T12-57-55.920751759Z--7ef5a6135f1fd6a02593eedc869c6d41d934aef8`,
        `Account #1: {${AAA}} keystore://${keys}/aaa`,
        `Account #2: {289d485d9771714cce91d3393d764e1311907acc} keystore://${keys}/zzz`,
        "",
      ].join("\n"),
    );
    expect(err).toContain(`skipped ${keys}/garbage: `);
    expect((await glim(["account", "list", "--keystore", join(folder, "none")])).out).toBe("");
  });

  test("new: geth's prompts and text; a 0600 file", async () => {
    const { code, out } = await glim(["account", "new"], "foobar\nfoobar\n");
    expect(code).toBe(0);
    expect(out).toMatch(
      /^Your new account is locked with a password. Please give a password. Do not forget this password.\n!! Unsupported terminal, password will be echoed.\nPassword: Repeat password: \nYour new key was generated\n\nPublic address of the key: {3}0x[0-9a-fA-F]{40}\nPath of the secret key file: .*UTC--.+--[0-9a-f]{40}\n\n- You can share your public address/,
    );
    const [name] = readdirSync(join(folder, "keystore"));
    expect(statSync(join(folder, "keystore", name ?? "")).mode & 0o777).toBe(0o600);
  });

  test("new: passwords that differ, and an input that ends", async () => {
    const differ = await glim(["account", "new"], "something\nsomething else\n");
    expect(differ).toMatchObject({ code: 1, err: "glim: Passwords do not match\n" });
    expect((await glim(["account", "new"], "")).err).toContain("Failed to read password");
    expect((await glim(["account", "list"])).out).toBe("");
  });

  test("on a terminal nothing is echoed, and keys edit the line", async () => {
    const typed = "foob\u00e9\u007far\rfoobar\r";
    const { code, out, rawModes } = await glim(["account", "new"], typed, { isTerminal: true });
    expect(code).toBe(0);
    expect(rawModes).toEqual([true, false, true, false]);
    expect(out).not.toContain("foobar");
    expect(out).not.toContain(ECHO);
    const address = /0x([0-9a-fA-F]{40})/.exec(out)?.[1] ?? "";
    expect((await glim(["account", "unlock-check", address, ...passwordFile("foobar")])).code).toBe(0);
    const interrupted = await glim(["account", "new"], "foo\u0003", { isTerminal: true });
    expect(interrupted).toMatchObject({ code: 1, rawModes: [true, false] });
  });

  test("import: a key of 64 digits; geth's words for what is none", async () => {
    const path = join(folder, "key");
    const digits = "0123456789abcdef".repeat(4);
    for (const [content, expected] of [
      [`${digits}1`, "glim: Failed to load the private key: invalid character '1' at end of key file\n"],
      [digits.slice(1), "glim: Failed to load the private key: key file too short, want 64 hex characters\n"],
      [`x${digits.slice(1)}`, "glim: Failed to load the private key: invalid hex character in private key\n"],
      ["0".repeat(64), "glim: Failed to load the private key: invalid private key\n"],
    ] as const) {
      writeFileSync(path, content);
      expect(await glim(["account", "import", ...passwordFile("foobar"), path])).toMatchObject({
        code: 1,
        err: expected,
      });
    }
    writeFileSync(path, `${digits}\r\n`);
    const done = await glim(["account", "import", ...passwordFile("foobar"), path]);
    expect(done).toMatchObject({ code: 0, out: "Address: {fcad0b19bb29d4674531d6f115237e16afce377c}\n" });
    expect((await glim(["account", "import", ...passwordFile("foobar"), path])).err).toBe(
      "glim: Could not create the account: account already exists\n",
    );
    expect((await glim(["account", "import"])).err).toBe(
      "glim: import: keyfile must be given as the only argument\n",
    );
    expect((await glim(["account"])).err).toMatch(/^glim: account: want one of list, new,/);
    expect((await glim(["wallet"])).err).toBe("glim: wallet: want import\n");
  });

  test("update: the old password, three tries, then a new one twice", async () => {
    const keys = withGethFiles();
    const { code, out } = await glim(["account", "update", AAA], "wrong\nfoobar\nfoobar2\nfoobar2\n");
    expect(code).toBe(0);
    expect(out).toBe(
      `Unlocking account ${AAA} | Attempt 1/3\n${ECHO}Password: Unlocking account ${AAA} | Attempt 2/3\nPassword: Please give a new password. Do not forget this password.\nPassword: Repeat password: `,
    );
    expect(JSON.parse(readFileSync(join(keys, "aaa"), "utf8")).crypto.kdfparams.n).toBe(4_096);
    expect((await glim(["account", "unlock-check", AAA, ...passwordFile("foobar2")])).code).toBe(0);
    // from a file: one line renews the form, two change the password
    expect((await glim(["account", "update", AAA, ...passwordFile("foobar2", "three")])).code).toBe(0);
    expect((await glim(["account", "unlock-check", AAA, ...passwordFile("three")])).code).toBe(0);
    expect((await glim(["account", "update", "0x1"])).err).toContain(
      "address must be specified in hexadecimal form",
    );
  });

  test("unlock-check: tells which file opens, and fails with geth's text after three tries", async () => {
    const keys = withGethFiles();
    const good = await glim(["account", "unlock-check", AAA, ...passwordFile("foobar")]);
    expect(good.out).toBe(`Account {${AAA}} opens: keystore://${keys}/aaa\n`);
    const bad = await glim(["account", "unlock-check", AAA], "wrong1\nwrong2\nwrong3\n");
    expect(bad).toMatchObject({
      code: 1,
      err: `glim: Failed to unlock account ${AAA} (could not decrypt key with given password)\n`,
    });
    const missing = await glim(["account", "unlock-check", "00".repeat(20), ...passwordFile("x")]);
    expect(missing.err).toContain("(no key for given address or file)");
  });

  test("an address in two files: the password says which, as in geth", async () => {
    const keys = withGethFiles();
    cpSync(join(keys, "aaa"), join(keys, "aab"));
    const { out } = await glim(["account", "unlock-check", AAA, ...passwordFile("foobar")]);
    expect(out).toBe(
      [
        `Multiple key files exist for address ${AAA}:`,
        `   keystore://${keys}/aaa`,
        `   keystore://${keys}/aab`,
        "Testing your password against all of them...",
        `Your password unlocked keystore://${keys}/aaa`,
        "In order to avoid this warning, you need to remove the following duplicate key files:",
        `   keystore://${keys}/aab`,
        `Account {${AAA}} opens: keystore://${keys}/aaa`,
        "",
      ].join("\n"),
    );
    const bad = await glim(["account", "unlock-check", AAA, ...passwordFile("wrong")]);
    expect(bad).toMatchObject({ code: 1, err: "glim: none of the listed files could be unlocked\n" });
  });

  test("words: imported, exported, made", async () => {
    const path = join(folder, "words");
    const words = "test test test test test test test test test test test junk";
    writeFileSync(path, `${words}\n`);
    const done = await glim([
      "account",
      "import",
      "--mnemonic",
      "--hd.count",
      "2",
      ...passwordFile("pw"),
      path,
    ]);
    expect(done.out).toBe(
      "Address: {f39fd6e51aad88f6f4ce6ab8827279cfffb92266} m/44'/60'/0'/0/0\nAddress: {70997970c51812dc3a010c7d01b50e0d17dc79c8} m/44'/60'/0'/0/1\n",
    );
    const second = "70997970c51812dc3a010c7d01b50e0d17dc79c8";
    const told = await glim(["account", "export-mnemonic", second, ...passwordFile("pw")]);
    expect(told.out).toBe(`m/44'/60'/0'/0/1 ${words}\n`);
    const made = await glim(["account", "new", "--mnemonic", ...passwordFile("pw")]);
    expect(made.out).toMatch(/\nMnemonic: (?:[a-z]+ ){11}[a-z]+\n/);
    writeFileSync(path, words.replace("junk", "test"));
    expect((await glim(["account", "import", "--mnemonic", ...passwordFile("pw"), path])).code).toBe(2);
  });

  test("words with a passphrase: typed, or the first line of a file, never on the command line; they are not kept", async () => {
    const path = join(folder, "words");
    const phrase = join(folder, "phrase");
    const words = "test test test test test test test test test test test junk";
    writeFileSync(path, words);
    writeFileSync(phrase, "Zürich 9\nnot this\n");
    const bare = (text: string, index: number) =>
      HDNodeWallet.fromPhrase(words, text, `m/44'/60'/0'/0/${index}`).address.slice(2).toLowerCase();
    const importing = ["account", "import", "--mnemonic", ...passwordFile("pw")];
    const typed = await glim([...importing, "--hd.passphrase", path], "TREZOR\n");
    expect(typed).toMatchObject({ code: 0 });
    expect(typed.out).toContain(`Passphrase: Address: {${bare("TREZOR", 0)}} m/44'/60'/0'/0/0\n`);
    const read = await glim([...importing, "--hd.passphrase.file", phrase, "--hd.count", "2", path]);
    expect(read.out).toBe(
      [0, 1].map((i) => `Address: {${bare("Zürich 9", i)}} m/44'/60'/0'/0/${i}\n`).join(""),
    );
    const told = await glim(["account", "export-mnemonic", bare("TREZOR", 0), ...passwordFile("pw")]);
    expect(told.code).toBe(1);
    expect(told.out).not.toContain("junk");
    const [file = ""] = readdirSync(join(folder, "keystore")).filter((name) =>
      name.endsWith(bare("TREZOR", 0)),
    );
    expect(readFileSync(join(folder, "keystore", file), "utf8")).not.toContain("x-ethers");
    const differing = await glim(
      ["account", "new", "--mnemonic", "--hd.passphrase", ...passwordFile("pw")],
      "a\nb\n",
    );
    expect(differing).toMatchObject({ code: 1, err: expect.stringContaining("do not match") });
    // as a value of the flag it is refused, and not repeated as one
    const given = await glim([...importing, "--hd.passphrase=secret", path]);
    expect(given.code).toBe(2);
    expect((await glim([...importing, "--hd.passphrase.file", join(folder, "none"), path])).code).toBe(2);
  });

  test("a word that is no subcommand", async () => {
    expect(await glim(["account", "frob"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("want one of list, new"),
    });
  });
});

test("glim wallet import: a presale wallet, as geth's wallet command", async () => {
  const file = "test/vectors/accounts/guswallet.json";
  expect(await glim(["wallet", "import", file], "foo\n")).toMatchObject({
    code: 0,
    out: `${ECHO}Password: Address: {d4584b5f6229b7be90727b0fc8c6b91bb427821f}\n`,
  });
  expect(await glim(["wallet", "import", file], "wrong\n")).toMatchObject({
    code: 1,
    err: "glim: could not decrypt key with given password\n",
  });
});

describe("a node with --unlock", () => {
  const main = "dist/cli/main.js";
  const flags = (...more: string[]) => [
    main,
    "dev",
    "--datadir",
    folder,
    "--port",
    "0",
    "--ipcpath",
    join(folder, "i.ipc"),
    "--unlock",
    AAA,
    ...more,
  ];

  test("opens the account; endpoints that nobody named stay closed", async () => {
    withGethFiles();
    await using node = startProgram(flags(...passwordFile("foobar")));
    await node.prints(/These keys are public/);
    expect(node.output()).toContain("HTTP and WebSocket stay closed");
    expect(node.output()).not.toMatch(/JSON-RPC/);
    expect(node.output()).toMatch(/Unlocked account.*0xf466859eAD1932D743d622CB74FC058882E8648A/);
    const asked = startProgram([
      main,
      "attach",
      join(folder, "i.ipc"),
      "--exec",
      `await rpc("eth_sign", ["0x${AAA}", "0x00"])`,
    ]);
    expect(await asked.ended()).toBe(0);
    expect(asked.output()).toMatch(/0x[0-9a-f]{130}/);
    expect((await node.stop()).code).toBe(0);
  });

  test("named endpoints: refused, unless --allow-insecure-unlock", async () => {
    withGethFiles();
    await using refused = startProgram(flags(...passwordFile("foobar"), "--http", "--http.port", "0"));
    expect(await refused.ended()).toBe(1);
    expect(refused.output()).toContain("account unlock with HTTP access is forbidden");
    await using node = startProgram(
      flags(...passwordFile("foobar"), "--http", "--http.port", "0", "--allow-insecure-unlock"),
    );
    const [, url = ""] = await node.prints(/JSON-RPC {3}(\S+)/);
    using rpc = jsonRpc(url);
    expect(await rpc("eth_sign", [`0x${AAA}`, "0x00"])).toMatch(/^0x/);
  });

  test("a wrong password starts nothing", async () => {
    withGethFiles();
    await using node = startProgram(flags(...passwordFile("wrong")));
    expect(await node.ended()).toBe(1);
    expect(node.output()).toContain(
      `Failed to unlock account ${AAA} (could not decrypt key with given password)`,
    );
    expect(readdirSync(folder)).not.toContain("glim-dev");
  });

  test("an account of the keystore seals a clique chain: --mine --miner.etherbase --unlock --password", async () => {
    withGethFiles();
    const path = join(folder, "genesis.json");
    writeFileSync(
      path,
      JSON.stringify(formatGenesis(devGenesis({}, { signers: [fromHex(AAA)], period: 1 }))),
    );
    const args = [
      main,
      "node",
      "--genesis",
      path,
      "--datadir",
      folder,
      "--port",
      "0",
      "--mine",
      "--miner.etherbase",
      `0x${AAA}`,
      "--unlock",
      AAA,
    ];
    await using node = startProgram([
      ...args,
      ...passwordFile("foobar"),
      "--http",
      "--http.port",
      "0",
      "--allow-insecure-unlock",
    ]);
    const [, url = ""] = await node.prints(/JSON-RPC {3}(\S+)/);
    using rpc = jsonRpc(url);
    expect(await rpc("eth_coinbase")).toBe(`0x${AAA}`);
    const block = await until("a sealed block", () =>
      rpc<object | null>("eth_getBlockByNumber", ["0x2", false]).then((one) => one ?? undefined),
    );
    expect(block).toMatchObject({ number: "0x2" });
    expect((await node.stop()).code).toBe(0);
  });
});

test("the accounts of glim dev are in eth_accounts and sign, as geth --dev's does", async () => {
  await using node = startProgram([
    join("dist", "cli", "main.js"),
    ...["dev", "--http.port", "0", "--port", "0", "--ipcdisable", "--dev.period", "1"],
  ]);
  const [, url = ""] = await node.prints(/^JSON-RPC\s+(http:\S+)$/m);
  await node.prints(/^These keys are public/m);
  const shown = [...node.output().matchAll(/^account +(0x[0-9a-f]{40}) /gm)].map(([, address]) => address);
  using ask = jsonRpc(url);
  expect(shown).toHaveLength(5);
  expect(await ask("eth_accounts")).toEqual(shown);
  const [from, to] = shown;
  const hash = await ask("eth_sendTransaction", [{ from, to, value: "0x5" }]);
  await until(
    "the transaction is mined",
    async () => (await ask("eth_getTransactionReceipt", [hash])) !== null,
  );
  expect(await ask("eth_getTransactionByHash", [hash])).toMatchObject({ from, to, value: "0x5" });
  const signature = await ask<string>("eth_sign", [from, "0x68656c6c6f"]);
  expect(verifyMessage("hello", signature).toLowerCase()).toBe(from);
});
