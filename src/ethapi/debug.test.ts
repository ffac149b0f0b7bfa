import { afterEach, describe, expect, test } from "vitest";
import { checksumAddress, senderOf } from "#core/types";
import { generateKey } from "#crypto";
import { simHost } from "#host/sim";
import { toHex } from "#util";
import { asker } from "../../test/kit/ask.ts";
import { ScriptedChain, scriptedTransaction } from "../../test/kit/scripted-chain.ts";
import { createEthApi, type EthApi } from "./eth-api.ts";

let open: EthApi | undefined;
afterEach(() => open?.close());

function setUp() {
  const chain = new ScriptedChain();
  const host = simHost(1);
  open = createEthApi(chain, { host });
  return { chain, ask: asker(open.apis, host), apis: open.apis };
}

describe("debug_trace: what is refused before anything runs", () => {
  test("a tracer that is not known; a duration that is none; blocks that are not there", async () => {
    const { chain, ask } = setUp();
    chain.grow([{ transactions: [{}] }]);
    const trace = (config: object, block = "0x1") => ask("debug_traceBlockByNumber", block, config);
    await expect(trace({ tracer: "noTracer" })).rejects.toMatchObject({
      rpcCode: -32000,
      message: expect.stringMatching(/^tracer not found: "noTracer"/),
    });
    for (const timeout of ["5", "s", "1.x", "-1s", "5 s"])
      await expect(trace({ timeout })).rejects.toMatchObject({
        rpcCode: -32000,
        message: `time: invalid duration "${timeout}"`,
      });
    await expect(
      trace({ tracer: "prestateTracer", tracerConfig: { diffMode: true, includeEmpty: true } }),
    ).rejects.toMatchObject({ message: "cannot use diffMode with includeEmpty" });
    await expect(trace({}, "0x0")).rejects.toMatchObject({ message: "genesis is not traceable" });
    await expect(trace({}, "0x9")).rejects.toMatchObject({ message: "block #9 not found" });
    await expect(trace({}, "pending")).rejects.toMatchObject({
      message: "tracing on top of pending is not supported",
    });
    await expect(ask("debug_traceTransaction", `0x${"99".repeat(32)}`)).rejects.toMatchObject({
      message: "transaction not found",
    });
    await expect(ask("debug_traceBlock", "0x1234")).rejects.toMatchObject({
      message: expect.stringMatching(/^could not decode block/),
    });
  });
});

describe("a light node", () => {
  test("txpool_ tells of its own transactions; what needs a chain of one's own is not there", async () => {
    const { chain, ask, apis } = setUp();
    const tx = scriptedTransaction({ nonce: 3n, value: 7n }, generateKey());
    chain.pending.push(tx);
    const who = checksumAddress(senderOf(tx));
    expect(await ask("txpool_status")).toEqual({ pending: "0x1", queued: "0x0" });
    expect(await ask("txpool_content")).toMatchObject({
      pending: { [who]: { 3: { hash: toHex(tx.hash), blockHash: null, transactionIndex: null } } },
      queued: {},
    });
    expect(await ask("txpool_contentFrom", who)).toMatchObject({
      pending: { 3: { nonce: "0x3" } },
      queued: {},
    });
    expect(await ask("txpool_inspect")).toMatchObject({
      pending: { [who]: { 3: expect.stringMatching(/: 7 wei \+ \d+ gas × \d+ wei$/) } },
    });
    const names = apis.flatMap((api) => [...api.methods.keys()].map((name) => `${api.namespace}_${name}`));
    expect(names).toContain("debug_traceTransaction");
    for (const absent of ["debug_setHead", "miner_start", "clique_propose", "admin_exportChain"])
      expect(names).not.toContain(absent);
    const closed = apis.filter(({ isPublic }) => !isPublic).map(({ namespace }) => namespace);
    expect(closed).toEqual(["personal", "debug"]);
  });
});
