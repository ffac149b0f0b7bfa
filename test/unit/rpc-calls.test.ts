// eth_call and its kin on a real full node: every way a call can end, and every attack on it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromHex, numberToBytes, toHex } from "#util";
import { probeCall, probeCode, deployCode } from "../kit/contract.ts";
import { type FullBackend, fullBackend, probeAddress, users } from "../kit/full-backend.ts";

let full: FullBackend;
beforeAll(async () => {
  full = await fullBackend();
  await full.mine();
});
afterAll(() => full[Symbol.asyncDispose]());

const word = (value: number) => numberToBytes(value, 32);
const request = (method: string, ...params: unknown[]) => full.client.request({ method, params });
const to = probeAddress;
const [alice] = users;
const from = alice?.address;
const call = (name: Parameters<typeof probeCall>[0], args: Uint8Array[] = [], ...rest: unknown[]) =>
  request(
    "eth_call",
    { from, to, input: toHex(probeCall(name, ...args)) },
    ...(rest.length === 0 ? ["latest"] : rest),
  );

describe("eth_call", () => {
  test("returns what the contract returns; the block may be left out", async () => {
    expect(await call("get")).toBe(toHex(word(42)));
    expect(await request("eth_call", { to, data: toHex(probeCall("get")) })).toBe(toHex(word(42)));
    expect(await call("slot", [word(1)], "0x0")).toBe(`0x${"00".repeat(31)}ab`);
  });

  test("Trap 21: a revert is error 3 with data and, where there is one, its reason", async () => {
    await expect(call("fail")).rejects.toMatchObject({
      code: 3,
      message: "execution reverted: no such luck",
      data: expect.stringMatching(/^0x08c379a0/),
    });
    await expect(call("panic")).rejects.toMatchObject({
      code: 3,
      message: "execution reverted: arithmetic underflow or overflow",
    });
    await expect(call("failCustom")).rejects.toMatchObject({
      code: 3,
      message: "execution reverted",
      data: expect.stringMatching(/07$/),
    });
    await expect(request("eth_call", { to, input: "0x12345678" })).rejects.toMatchObject({
      code: 3,
      message: "execution reverted",
      data: "0x",
    });
  });

  test("other failures are errors too, with geth's texts", async () => {
    await expect(call("bomb")).rejects.toMatchObject({
      code: -32000,
      message: expect.stringMatching(/out of gas|gas uint64 overflow/),
    });
    await expect(call("bad")).rejects.toMatchObject({
      code: -32000,
      message: expect.stringMatching(/^invalid opcode/),
    });
    await expect(
      request("eth_call", { to, gas: "0x5208", input: toHex(probeCall("get")) }),
    ).rejects.toMatchObject({
      code: -32000,
      message: expect.stringMatching(
        /^err: intrinsic gas too low: have 21000, want \d+ \(supplied gas 21000\)$/,
      ),
    });
    await expect(
      request("eth_call", { from: `0x${"77".repeat(20)}`, to, value: "0x1" }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/^err: insufficient funds for (transfer|gas \* price \+ value)/),
    });
  });

  test("overrides of state and block", async () => {
    const overrides = { [to]: { stateDiff: { [toHex(word(0))]: toHex(word(7)) } } };
    expect(await call("get", [], "latest", overrides)).toBe(toHex(word(7)));
    expect(await call("slot", [word(1)], "latest", { [to]: { state: {} } })).toBe(toHex(word(0)));
    const poor = `0x${"55".repeat(20)}`;
    expect(
      await call("balanceOf", [fromHex(`0x${poor.slice(2).padStart(64, "0")}`)], "latest", {
        [poor]: { balance: "0x2a" },
      }),
    ).toBe(toHex(word(42)));
    const elsewhere = `0x${"66".repeat(20)}`;
    const code = { [elsewhere]: { code: toHex(probeCode), stateDiff: { [toHex(word(0))]: toHex(word(9)) } } };
    expect(await request("eth_call", { to: elsewhere, input: toHex(probeCall("get")) }, "latest", code)).toBe(
      toHex(word(9)),
    );
    const environment = (await call(
      "environment",
      [],
      "latest",
      {},
      { number: "0x1234", time: "0x77", baseFeePerGas: "0x5" },
    )) as string;
    expect(environment.slice(2, 66)).toBe("1234".padStart(64, "0"));
    expect(environment.slice(66, 130)).toBe("77".padStart(64, "0"));
  });

  test("the block's own context: number, time, author, parent hash", async () => {
    const head = full.ethereum.head();
    const environment = fromHex((await call("environment")) as `0x${string}`);
    const at = (i: number) => environment.subarray(i * 32, i * 32 + 32);
    expect(toHex(at(0))).toBe(toHex(word(head.number)));
    expect(toHex(at(1))).toBe(toHex(word(head.time)));
    expect(toHex(at(2).subarray(12))).toBe(toHex(full.ethereum.author(head) ?? at(0)));
    expect(toHex(at(11))).toBe(toHex(head.parentHash));
  });
});

describe("estimateGas and createAccessList", () => {
  test("a transfer costs 21,000; a revert says why; what cannot be paid for cannot be had", async () => {
    expect(await request("eth_estimateGas", { from, to: `0x${"12".repeat(20)}`, value: "0x1" })).toBe(
      "0x5208",
    );
    await expect(
      request("eth_estimateGas", { from, to, input: toHex(probeCall("fail")) }),
    ).rejects.toMatchObject({
      code: 3,
      message: "execution reverted: no such luck",
    });
    const set = Number(
      await request("eth_estimateGas", { from, to, input: toHex(probeCall("set", word(5))) }),
    );
    expect(set).toBeGreaterThan(25_000);
    expect(set).toBeLessThan(60_000);
    expect(
      Number(await request("eth_estimateGas", { from, input: toHex(deployCode(probeCode)) })),
    ).toBeGreaterThan(53_000);
  });

  test("the access list names what is touched", async () => {
    expect(await request("eth_createAccessList", { from, to, input: toHex(probeCall("get")) })).toMatchObject(
      {
        accessList: [{ address: to, storageKeys: [toHex(word(0))] }],
        gasUsed: expect.stringMatching(/^0x/),
      },
    );
    expect(
      await request("eth_createAccessList", { from, to, input: toHex(probeCall("fail")) }),
    ).toMatchObject({ error: "execution reverted" });
  });
});

describe("attacks", () => {
  test("RP-12 infinite loop: ends at the gas cap or after 5 s, and the node answers others meanwhile", {
    timeout: 120_000,
  }, async () => {
    const loops = [
      call("loop"),
      call("precompiles"),
      request("eth_estimateGas", { from, to, input: toHex(probeCall("loop")) }),
    ];
    const settled = Promise.allSettled(loops);
    let isOver = false;
    void settled.then(() => {
      isOver = true;
    });
    const waits: number[] = [];
    while (!isOver) {
      const before = performance.now();
      await request("eth_blockNumber");
      await new Promise<void>((resolve) => setImmediate(resolve));
      waits.push(performance.now() - before);
    }
    // three loops share a core with whatever else this machine does, but nobody waits for the end of one
    expect(waits.length).toBeGreaterThan(5);
    expect(Math.max(...waits)).toBeLessThan(5_000);
    for (const one of await settled) {
      expect(one.status).toBe("rejected");
      const { code, message } = (one as PromiseRejectedResult).reason as { code: number; message: string };
      expect([-32000, -32002]).toContain(code);
      expect(message).toMatch(/out of gas|execution aborted \(timeout = 5s\)|gas required exceeds allowance/);
    }
  });

  test("RP-12 gas past the cap is capped, 2^64 and memory bombs are refused", async () => {
    expect(await request("eth_call", { to, gas: "0xffffffffffffffff", input: toHex(probeCall("get")) })).toBe(
      toHex(word(42)),
    );
    await expect(request("eth_call", { to, gas: "0x10000000000000000" })).rejects.toMatchObject({
      code: -32602,
    });
    await expect(call("bomb")).rejects.toMatchObject({ code: -32000 });
    const many = Object.fromEntries(
      Array.from({ length: 1_025 }, (_, i) => [toHex(numberToBytes(i, 20)), {}]),
    );
    await expect(call("get", [], "latest", many)).rejects.toMatchObject({
      code: -32602,
      message: "accounts overridden: 1025 exceeds 1024",
    });
  });
});
