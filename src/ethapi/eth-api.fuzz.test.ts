import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAddress } from "#core/types";
import { simHost } from "#host/sim";
import { RpcError, rpcCodes } from "#rpc";
import { GlimError, toHex } from "#util";
import { type Asker, asker } from "../../test/kit/ask.ts";
import { ScriptedChain } from "../../test/kit/scripted-chain.ts";
import type { NodeControls } from "./controls.ts";
import { createEthApi, type EthApi } from "./eth-api.ts";

const chain = new ScriptedChain();
const log = { address: new Uint8Array(20).fill(1), topics: [], data: new Uint8Array(0) };
chain.grow([{ transactions: [{ logs: [log] }, {}] }, {}, { transactions: [{}] }]);
chain.prove = async () => {
  const empty = new Uint8Array(32);
  return { nonce: 0n, balance: 0n, storageRoot: empty, codeHash: empty, accountProof: [], storageProof: [] };
};

/** A full node's powers, of which each does nothing. */
const controls: NodeControls = {
  pool: { content: () => ({ pending: [], queued: [] }), stats: () => ({ pending: 0, queued: 0 }) },
  clique: {
    snapshot: ({ number, hash }) => ({
      ...{ number, hash, signers: [], votes: [] },
      ...{ recents: new Map(), tally: new Map() },
    }),
    signer: () => undefined,
    votes: { proposals: () => new Map(), propose: () => {}, discard: () => {} },
  },
  miner: {
    isMining: false,
    start: () => {},
    stop: async () => {},
    setExtra: () => {},
    setGasPrice: () => {},
    setGasLimit: () => {},
    etherbase: undefined,
  },
  chain: {
    ...{
      setHead: async () => {},
      storageRange: () => [],
      hasState: () => true,
      stateWindow: () => undefined,
    },
    ...{ accounts: () => [], slots: () => [], changedAccounts: () => [], badBlocks: () => [] },
    witness: async () => ({ headers: [], codes: [], state: [] }),
    ...{ code: () => undefined, preimage: () => undefined },
    database: { get: () => undefined, stats: () => undefined, compact: async () => {} },
  },
  files: {
    ...{ exportChain: async () => {}, importChain: async () => {} },
    ...{ readFile: async () => new Uint8Array(0), writeTrace: async () => "" },
  },
};

let eth: EthApi;
let ask: Asker;
beforeAll(() => {
  const host = simHost(1);
  eth = createEthApi(chain, { host, controls });
  ask = asker(eth.apis, host);
});
afterAll(() => eth.close());

/** Values near what methods want, and values nobody wants. */
const near = fc.constantFrom<unknown>(
  ...[
    "latest",
    "pending",
    "earliest",
    "safe",
    "finalized",
    "0x0",
    "0x1",
    "0x3",
    "0x4",
    "0x01",
    "0x",
    "1",
    1,
    -1,
    1.5,
    true,
    false,
    null,
  ],
  ...[
    toHex(chain.head().hash),
    `0x${"99".repeat(32)}`,
    `0x${"11".repeat(20)}`,
    toHex(createAddress(new Uint8Array(20), 0n)),
  ],
  ...[
    "0xffffffffffffffff",
    "0x10000000000000000",
    `0x${"f".repeat(64)}`,
    `0x${"f".repeat(65)}`,
    `0x${"0".repeat(200)}`,
    "",
  ],
  ...[
    [],
    {},
    [null],
    ["0x1"],
    [[null], null],
    [0, 50, 100],
    [100, 0],
    { blockHash: toHex(chain.head().hash) },
    { blockNumber: "0x1" },
  ],
  ...[
    { fromBlock: "0x0", toBlock: "latest" },
    { topics: [null, []] },
    { blockStateCalls: [{ calls: [{}] }, { blockOverrides: { number: "0x5" } }] },
    { tracer: "callTracer", tracerConfig: { withLog: true } },
    { tracer: "x", timeout: "1h" },
    { enableMemory: true, timeout: "1x" },
    { address: [] },
    { to: `0x${"11".repeat(20)}`, data: "0x" },
  ],
  ...[
    { from: 5 },
    { gas: "0x0" },
    { [`0x${"11".repeat(20)}`]: { balance: "0x1" } },
    { number: "0x5" },
    JSON.parse('{"__proto__": {"a": 1}}'),
  ],
);
const anything = fc.oneof(
  { weight: 5, arbitrary: near },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);

describe("whatever the parameters are, a method answers or refuses; nothing unexpected comes out", () => {
  const names = createEthApi(chain, { host: simHost(2), controls }).apis.flatMap((api) =>
    [...api.methods.keys()].map((name) => `${api.namespace}_${name}`),
  );
  test.each(names)("%s", async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { maxLength: 5 }), async (params) => {
        try {
          await ask(name, ...params);
        } catch (error) {
          const isExpected =
            error instanceof RpcError || (error instanceof GlimError && error.blame !== "bug");
          if (!isExpected) throw error;
          const code = error instanceof RpcError ? error.code : (error.rpcCode ?? rpcCodes.failed); // as #rpc does
          // -380xx: eth_simulateV1 (execution-apis)
          if (code !== undefined && code <= -38010 && code >= -38026) return;
          expect([-32602, -32000, -32002, -32003, -32005, 3]).toContain(code);
        }
      }),
      { seed: 1193, numRuns: 150 },
    );
  });
});
