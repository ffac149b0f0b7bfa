// Accounts over RPC, on a full node and on a light node that signs with a key of its own and relays: eth_ methods that sign,
// and personal_. Signatures are checked by viem, which knows nothing of us.
import { BrowserProvider, verifyMessage } from "ethers";
import {
  createWalletClient,
  custom,
  type TransactionSerialized,
  parseTransaction,
  recoverMessageAddress,
  recoverTransactionAddress,
  recoverTypedDataAddress,
} from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RpcClient } from "#rpc";
import { fullBackend, probeAddress, users } from "../kit/full-backend.ts";
import { type RpcNode, rpcNode } from "../kit/rpc-node.ts";

const [alice, bob, carol] = users;
if (alice === undefined || bob === undefined || carol === undefined) throw new Error("three users");
const asker =
  (client: RpcClient) =>
  <T = unknown>(method: string, ...params: readonly unknown[]) =>
    client.request({ method, params: [...params] }) as Promise<T>;
const overHttp =
  (url: string) =>
  async (method: string, ...params: readonly unknown[]) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const reply = (await response.json()) as { result?: unknown; error?: { code: number; message: string } };
    return reply;
  };
const locked = { code: -32000, message: "authentication needed: password or unlock" };
const unknown = { code: -32000, message: "unknown account" };
interface Signed {
  readonly raw: TransactionSerialized;
  readonly tx: Readonly<Record<string, unknown>>;
}

describe.each(["full", "light"] as const)("%s node", (kind) => {
  let node: RpcNode;
  let ask: ReturnType<typeof asker>;
  beforeAll(async () => {
    node = await rpcNode(kind, { accounts: { insecureUnlockAllowed: true } });
    ask = asker(node.client);
    expect(await ask("eth_accounts")).toEqual([]);
    expect(await ask("personal_importRawKey", alice.hexKey.slice(2), "pw")).toBe(alice.address);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("accounts and wallets", async () => {
    expect(await ask("eth_accounts")).toEqual([alice.address]);
    expect(await ask("personal_listAccounts")).toEqual([alice.address]);
    const [wallet] = await ask<readonly { url: string }[]>("personal_listWallets");
    expect(wallet).toMatchObject({
      url: expect.stringMatching(/^keystore:\/\/\/.*UTC--/),
      status: "Locked",
      accounts: [{ address: alice.address, url: wallet?.url }],
    });
    expect(await ask("personal_openWallet", wallet?.url)).toBeNull();
    await expect(ask("personal_openWallet", "keystore:///nowhere")).rejects.toMatchObject({
      message: "unknown wallet",
    });
    await expect(ask("personal_openWallet", "nowhere")).rejects.toMatchObject({
      message: "protocol scheme missing",
    });
    await expect(ask("personal_deriveAccount", wallet?.url, "m/0")).rejects.toMatchObject({
      message: "not supported",
    });
    await expect(ask("personal_initializeWallet", wallet?.url)).rejects.toMatchObject({
      message: "specified wallet does not support initialization",
    });
    await expect(ask("personal_unpair", wallet?.url, "1")).rejects.toMatchObject({
      message: "specified wallet does not support pairing",
    });
  });

  test("what nobody has, and what is locked", async () => {
    const tx = { from: alice.address, to: bob.address, gas: "0x5208", gasPrice: "0x77359400", nonce: "0x0" };
    await expect(ask("eth_sign", bob.address, "0x00")).rejects.toMatchObject(unknown);
    await expect(ask("eth_sendTransaction", { ...tx, from: bob.address })).rejects.toMatchObject(unknown);
    await expect(ask("eth_sendTransaction", { to: bob.address })).rejects.toMatchObject(unknown);
    await expect(ask("eth_sign", alice.address, "0x00")).rejects.toMatchObject(locked);
    await expect(ask("eth_signTransaction", tx)).rejects.toMatchObject(locked);
    await expect(ask("eth_sendTransaction", tx)).rejects.toMatchObject(locked);
    await expect(ask("personal_unlockAccount", alice.address, "wrong")).rejects.toMatchObject({
      code: -32000,
      message: "could not decrypt key with given password",
    });
    await expect(ask("personal_unlockAccount", bob.address, "pw")).rejects.toMatchObject({
      message: "no key for given address or file",
    });
    await expect(ask("personal_unlockAccount", alice.address, "pw", 9_223_372_037)).rejects.toMatchObject({
      message: "unlock duration too large",
    });
    await expect(ask("personal_unlockAccount", alice.address, "pw", "0x5")).rejects.toMatchObject({
      code: -32602,
    });
    await expect(ask("personal_importRawKey", alice.hexKey.slice(2), "pw")).rejects.toMatchObject({
      message: "account already exists",
    });
    for (const key of [alice.hexKey, "00".repeat(32), "zz".repeat(32)])
      await expect(ask("personal_importRawKey", key, "pw")).rejects.toMatchObject({ code: -32000 });
  });

  test("Trap 32 eth_sign takes (address, data), personal_sign (data, address, password); personal_ecRecover undoes both", async () => {
    const data = "0x68656c6c6f";
    const one = await ask<`0x${string}`>("personal_sign", data, alice.address, "pw");
    await ask("personal_unlockAccount", alice.address, "pw");
    const two = await ask<`0x${string}`>("eth_sign", alice.address, data);
    expect(two).toBe(one);
    expect(["1b", "1c"]).toContain(one.slice(-2));
    expect((await recoverMessageAddress({ message: "hello", signature: one })).toLowerCase()).toBe(
      alice.address,
    );
    expect(await ask("personal_ecRecover", data, one)).toBe(alice.address);
    await expect(ask("personal_ecRecover", data, "0x00")).rejects.toMatchObject({
      message: "signature must be 65 bytes long",
    });
    await expect(ask("personal_ecRecover", data, `${one.slice(0, -2)}00`)).rejects.toMatchObject({
      message: "invalid Ethereum signature (V is not 27 or 28)",
    });
    expect(await ask("personal_lockAccount", alice.address)).toBe(true);
    expect(await ask("personal_lockAccount", bob.address)).toBe(true);
    await expect(ask("eth_sign", alice.address, data)).rejects.toMatchObject(locked);
  });

  test("eth_signTypedData_v4, as object and as text", async () => {
    const typed = {
      types: {
        EIP712Domain: [{ name: "chainId", type: "uint256" }],
        Order: [
          { name: "amount", type: "uint256" },
          { name: "to", type: "address[]" },
        ],
      },
      primaryType: "Order" as const,
      domain: { chainId: 1337 },
      message: { amount: "12345678901234567890", to: [bob.address] },
    };
    await ask("personal_unlockAccount", alice.address, "pw");
    const signature = await ask<`0x${string}`>("eth_signTypedData_v4", alice.address, JSON.stringify(typed));
    expect(await ask("eth_signTypedData", alice.address, typed)).toBe(signature);
    const signer = await recoverTypedDataAddress({
      ...typed,
      domain: { chainId: 1337n },
      message: { ...typed.message, amount: 12345678901234567890n },
      signature,
    } as Parameters<typeof recoverTypedDataAddress>[0]);
    expect(signer.toLowerCase()).toBe(alice.address);
    await expect(
      ask("eth_signTypedData_v4", alice.address, { ...typed, message: { amount: -1, to: [] } }),
    ).rejects.toMatchObject({ code: -32602, message: "typed data: message.amount: does not fit uint256" });
    await expect(ask("eth_signTypedData_v4", alice.address, "{")).rejects.toMatchObject({ code: -32602 });
    await ask("personal_lockAccount", alice.address);
  });

  test("a transaction of which only sender and receiver are said: fees, nonce and gas are filled in, and it is mined", async () => {
    await ask("personal_unlockAccount", alice.address, "pw", 0);
    const before = BigInt(await ask<string>("eth_getBalance", bob.address, "latest"));
    const first = { from: alice.address, to: bob.address, value: "0x5" };
    // three at once: each gets a nonce of its own
    const hashes = await Promise.all([1, 2, 3].map(() => ask<string>("eth_sendTransaction", first)));
    const waiting = await Promise.all(
      hashes.map((hash) => ask<Record<string, string>>("eth_getTransactionByHash", hash)),
    );
    expect(new Set(waiting.map(({ nonce }) => nonce))).toEqual(new Set(["0x0", "0x1", "0x2"]));
    const [head] = [await ask<{ baseFeePerGas: string }>("eth_getBlockByNumber", "latest", false)];
    const tip = BigInt(await ask<string>("eth_maxPriorityFeePerGas"));
    expect(waiting[0]).toMatchObject({
      type: "0x2",
      gas: "0x5208",
      chainId: "0x539",
      maxPriorityFeePerGas: `0x${tip.toString(16)}`,
      maxFeePerGas: `0x${(2n * BigInt(head?.baseFeePerGas ?? 0) + tip).toString(16)}`,
    });
    const pending = await ask<readonly { hash: string }[]>("eth_pendingTransactions");
    expect(pending.map(({ hash }) => hash).sort()).toEqual([...hashes].sort());
    await node.mine();
    expect(BigInt(await ask<string>("eth_getBalance", bob.address, "latest"))).toBe(before + 15n);
    await ask("personal_lockAccount", alice.address);
  });

  test("personal_sendTransaction opens nothing; both names of the data, one name, and two that differ", async () => {
    const call = { from: alice.address, to: probeAddress };
    const input = `0x${"11".repeat(4)}`;
    for (const data of [{ input }, { data: input }, { input, data: input }]) {
      const filled = await ask<Signed>("eth_fillTransaction", { ...call, ...data, gas: "0x186a0" });
      expect(filled.tx).toMatchObject({ input, r: "0x0", s: "0x0", v: "0x0" });
    }
    await expect(
      ask("personal_sendTransaction", { ...call, input, data: "0x", gas: "0x186a0" }, "pw"),
    ).rejects.toMatchObject({
      message: expect.stringContaining('both "data" and "input" are set and not equal'),
    });
    const hash = await ask<string>(
      "personal_sendTransaction",
      { from: alice.address, to: bob.address },
      "pw",
    );
    expect(await ask("eth_getTransactionByHash", hash)).toMatchObject({ from: alice.address });
    const plain = { from: alice.address, to: bob.address };
    await expect(ask("eth_sendTransaction", plain)).rejects.toMatchObject(locked);
    await expect(ask("personal_sendTransaction", plain, "wrong")).rejects.toMatchObject({
      message: "could not decrypt key with given password",
    });
    await node.mine();
  });

  test("signed and not sent: every type, as geth shows it", async () => {
    const base = { from: alice.address, to: bob.address, gas: "0x5208", nonce: "0x9", value: "0x1" };
    await ask("personal_unlockAccount", alice.address, "pw");
    const legacy = await ask<Signed>("eth_signTransaction", { ...base, gasPrice: "0x3b9aca00" });
    expect(Object.keys(legacy.tx)).toEqual(
      "type,chainId,nonce,to,gas,gasPrice,maxPriorityFeePerGas,maxFeePerGas,value,input,v,r,s,hash".split(
        ",",
      ),
    );
    expect(legacy.tx).toMatchObject({
      type: "0x0",
      chainId: "0x539",
      gasPrice: "0x3b9aca00",
      maxFeePerGas: null,
    });
    const fees = { maxFeePerGas: "0x77359400", maxPriorityFeePerGas: "0x1" };
    const market = await ask<Signed>("eth_signTransaction", { ...base, ...fees });
    expect(market.tx).toMatchObject({ type: "0x2", gasPrice: null, accessList: [], yParity: market.tx["v"] });
    const listed = await ask<Signed>("eth_signTransaction", {
      ...base,
      gasPrice: "0x3b9aca00",
      accessList: [{ address: bob.address, storageKeys: [] }],
    });
    expect(listed.tx).toMatchObject({ type: "0x1" });
    for (const { raw } of [legacy, market, listed]) {
      const signer = await recoverTransactionAddress({ serializedTransaction: raw as never });
      expect(signer.toLowerCase()).toBe(alice.address);
      expect(parseTransaction(raw)).toMatchObject({ nonce: 9, value: 1n, chainId: 1337 });
    }
    expect(await ask("personal_signTransaction", { ...base, ...fees }, "pw")).toEqual(market);
    for (const [missing, message] of [
      ["gas", "gas not specified"],
      ["nonce", "nonce not specified"],
      ["maxFeePerGas", "missing gasPrice or maxFeePerGas/maxPriorityFeePerGas"],
    ] as const)
      await expect(
        ask("eth_signTransaction", { ...base, ...fees, [missing]: undefined }),
      ).rejects.toMatchObject({
        message,
      });
    await expect(
      ask("personal_signTransaction", { ...fees, gas: "0x1", nonce: "0x1" }, "pw"),
    ).rejects.toMatchObject({
      message: "sender not specified",
    });
    await ask("personal_lockAccount", alice.address);
  });

  test.each([
    [{ gasPrice: "0x0" }, "gasPrice must be non-zero after london fork"],
    [
      { gasPrice: "0x1", maxFeePerGas: "0x1" },
      "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
    ],
    [{ maxFeePerGas: "0x1", maxPriorityFeePerGas: "0x2" }, "maxFeePerGas (0x1) < maxPriorityFeePerGas (0x2)"],
    [{ maxFeePerGas: "0x0", maxPriorityFeePerGas: "0x0" }, "maxFeePerGas must be non-zero"],
    [{ to: undefined }, "contract creation without any data provided"],
    [{ chainId: "0x1" }, "chainId does not match node's (have=1, want=1337)"],
    [{ blobVersionedHashes: [] }, "signing blob transactions not supported"],
    [
      { gas: "0xf4240", gasPrice: "0xe8d4a51000000" },
      "tx fee (4096.00 ether) exceeds the configured cap (1.00 ether)",
    ],
  ])("%j is refused: %s", async (change, message) => {
    const tx = { from: alice.address, to: bob.address, value: "0x1", ...change };
    await expect(ask("personal_sendTransaction", tx, "pw")).rejects.toMatchObject({ code: -32000, message });
  });

  test("eth_resend puts a dearer one in the place of one that waits", async () => {
    await ask("personal_unlockAccount", alice.address, "pw");
    const nonce = await ask<string>("eth_getTransactionCount", alice.address, "pending");
    const tx = { from: alice.address, to: bob.address, gas: "0x5208", gasPrice: "0x77359400", nonce };
    const old = await ask<string>("eth_sendTransaction", tx);
    const fresh = await ask<string>("eth_resend", tx, "0x9502f900");
    expect(fresh).not.toBe(old);
    expect(await ask("eth_getTransactionByHash", fresh)).toMatchObject({ gasPrice: "0x9502f900", nonce });
    await expect(ask("eth_resend", { ...tx, value: "0x7" }, "0x9502f900")).rejects.toMatchObject({
      message: expect.stringMatching(/^transaction 0x[0-9a-f]{64} not found$/),
    });
    await ask("personal_lockAccount", alice.address);
    await node.mine();
  });

  test("viem and ethers sign and send through the node's account, as through a wallet", async () => {
    await ask("personal_unlockAccount", alice.address, "pw");
    const domain = { name: "x", chainId: 1337 };
    const types = { Order: [{ name: "amount", type: "uint256" }] };
    const message = { amount: 5n };

    const wallet = createWalletClient({ account: alice.address, transport: custom(node.client) });
    expect(await wallet.getAddresses()).toHaveLength(1);
    const text = await wallet.signMessage({ message: "hello" });
    expect((await recoverMessageAddress({ message: "hello", signature: text })).toLowerCase()).toBe(
      alice.address,
    );
    const structure = { domain, types, primaryType: "Order", message } as const;
    const signature = await wallet.signTypedData(structure);
    expect((await recoverTypedDataAddress({ ...structure, signature })).toLowerCase()).toBe(alice.address);
    const sent = await wallet.sendTransaction({ to: bob.address, value: 1n, chain: null });

    const signer = await new BrowserProvider(node.client).getSigner(alice.address);
    expect(verifyMessage("hello", await signer.signMessage("hello")).toLowerCase()).toBe(alice.address);
    expect(await signer.signTypedData(domain, types, message)).toBe(signature);
    const second = await signer.sendTransaction({ to: bob.address, value: 2n });
    await node.mine();
    for (const hash of [sent, second.hash])
      expect(await ask("eth_getTransactionReceipt", hash)).toMatchObject({ status: "0x1" });
    await ask("personal_lockAccount", alice.address);
    await expect(wallet.signMessage({ message: "hello" })).rejects.toThrow("authentication needed");
  });

  test("personal_newAccount; a password that is too long is refused before any work", async () => {
    const made = await ask<string>("personal_newAccount", "new");
    expect(await ask("eth_accounts")).toContain(made);
    expect(await ask("personal_unlockAccount", made, "new", 1)).toBe(true);
    await expect(ask("personal_newAccount", "x".repeat(70_000))).rejects.toMatchObject({ code: -32602 });
  });

  test("attack/RP-18 over HTTP personal_ is not there, whether it is listed or not", async () => {
    await using listing = await fullBackend({
      useLightweightKdf: true,
      http: { host: "127.0.0.1", port: 0, modules: ["eth", "personal"] },
      ws: { host: "127.0.0.1", exposeAll: true },
    });
    for (const method of ["personal_listAccounts", "personal_unlockAccount", "personal_newAccount"])
      expect((await overHttp(listing.httpUrl)(method)).error).toMatchObject({ code: -32601 });
    expect(await asker(listing.client)("personal_listAccounts")).toEqual([]);
    const http = overHttp(node.httpUrl);
    for (const method of ["personal_listAccounts", "personal_unlockAccount", "personal_sendTransaction"])
      expect((await http(method)).error).toMatchObject({ code: -32601 });
    expect((await http("eth_accounts")).result).toContain(alice.address);
  });
});

describe("an account is not unlocked while HTTP is open", () => {
  test("personal_unlockAccount is refused on every transport, signing by password is not", async () => {
    await using full = await fullBackend({
      useLightweightKdf: true,
      enablePersonal: true,
      http: { host: "127.0.0.1", port: 0, modules: ["eth", "personal"] },
    });
    const ask = asker(full.client);
    const http = overHttp(full.httpUrl);
    expect((await http("personal_importRawKey", alice.hexKey.slice(2), "pw")).result).toBe(alice.address);
    const refused = { code: -32000, message: "account unlock with HTTP access is forbidden" };
    expect((await http("personal_unlockAccount", alice.address, "pw")).error).toMatchObject(refused);
    await expect(ask("personal_unlockAccount", alice.address, "pw")).rejects.toMatchObject(refused);
    expect((await http("personal_sign", "0x00", alice.address, "pw")).result).toMatch(/^0x[0-9a-f]{130}$/);
  });

  test("it is, where nothing is open: IPC and in process", async () => {
    await using full = await fullBackend({ useLightweightKdf: true, http: { host: "" }, ws: { host: "" } });
    const ask = asker(full.client);
    await ask("personal_importRawKey", alice.hexKey.slice(2), "pw");
    expect(await ask("personal_unlockAccount", alice.address, "pw")).toBe(true);
  });
});
