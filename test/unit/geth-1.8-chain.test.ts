// geth 1.8's chain of 150 clique blocks and 100,000 accounts: imported into a full node of ours (each state root and receipt root is compared
// on the way in), served by our LES server, read by our light node over real sockets.
import { createReadStream, readFileSync } from "node:fs";
import { importChain } from "#core";
import { keccak256 } from "#crypto";
import { Ethereum } from "#eth";
import { seededRand } from "#host/sim";
import { LesServer, LightEthereum } from "#les";
import { Node } from "#node";
import { parseGenesis } from "#params";
import type { RpcClient } from "#rpc";
import { numberToBytes, toHex } from "#util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const folder = "test/vectors/geth-1.8";
const genesis = parseGenesis(readFileSync(`${folder}/genesis-1.8-clique.json`, "utf8"));
/** 32 bytes i in: slot i, which holds i + 1. */
const contract = "0xc0de000000000000000000000000000000000001";
const head = 150;
const filled = 100_000;
const seed = 18;

const slotOf = (i: number) => toHex(numberToBytes(i, 32));
const accountOf = (i: number) => toHex(keccak256(numberToBytes(i, 32)).subarray(12));

let full: Node;
let light: Node;
let ask: (method: string, params: unknown[]) => Promise<unknown>;
let truth: RpcClient;

beforeAll(async () => {
  full = new Node({ name: "geth-1.8", p2p: { listenAddr: "127.0.0.1:0" } });
  full.register((context) => new Ethereum(context, { genesis }));
  full.register((context) => new LesServer(context, { eth: context.service(Ethereum), lightServ: 100 }));
  await full.start();
  const { chain } = full.service(Ethereum);
  const { imported } = await importChain(chain, createReadStream(`${folder}/chain-1.8-clique.rlp`));
  expect(imported).toBe(head);
  truth = full.attach();
  const enode = full.server?.self.enode;
  if (enode === undefined) throw new Error("the full node does not listen");
  light = new Node({ name: "geth-1.8-light", p2p: { noDiscovery: true, staticNodes: [enode] } });
  light.register((context) => new LightEthereum(context, { genesis }));
  await light.start();
  await light.service(LightEthereum).synced({ signal: AbortSignal.timeout(60_000) });
  const rpc = light.attach();
  ask = (method, params) => rpc.request({ method, params });
}, 120_000);

afterAll(async () => {
  await light?.stop();
  await full?.stop();
});

test("150 headers are in sync, and all of them are the chain's", async () => {
  expect(await ask("eth_blockNumber", [])).toBe("0x96");
  for (let number = 0; number <= head; number++) {
    const ours = light.service(LightEthereum).chain.headerByNumber(number);
    const theirs = full.service(Ethereum).chain.headerByNumber(number);
    expect(toHex(ours?.hash ?? new Uint8Array())).toBe(toHex(theirs?.hash ?? new Uint8Array(1)));
  }
});

describe(`reads, seed ${seed}`, () => {
  const rand = seededRand(seed);

  test("200 random accounts, absent ones among them", async () => {
    const numbers = Array.from({ length: 200 }, () => rand.int(filled + filled / 8));
    const balances = await Promise.all(numbers.map((i) => ask("eth_getBalance", [accountOf(i), "latest"])));
    expect(balances).toEqual(numbers.map((i) => (i < filled ? "0x1" : "0x0")));
  });

  test("200 random slots, absent ones among them", async () => {
    const numbers = Array.from({ length: 200 }, () => rand.int(filled + filled / 8));
    const slots = await Promise.all(
      numbers.map((i) => ask("eth_getStorageAt", [contract, slotOf(i), "latest"])),
    );
    expect(slots.map(Number)).toEqual(numbers.map((i) => (i < filled ? i + 1 : 0)));
  });

  test("states of old blocks, where fewer accounts were", async () => {
    for (const number of [0, 1, 30, 77, 149]) {
      const tag = `0x${number.toString(16)}`;
      for (const i of [0, 999, 30_000, 76_999, 99_999]) {
        const params = [accountOf(i), tag];
        expect(await ask("eth_getBalance", params)).toBe(
          await truth.request({ method: "eth_getBalance", params }),
        );
      }
    }
  });

  test("calls, code, and a proof for others", async () => {
    for (const i of [3, 77_777]) {
      const params = [{ to: contract, data: slotOf(i) }, "latest"];
      expect(Number(await ask("eth_call", params))).toBe(i + 1);
    }
    for (const [method, params] of [
      ["eth_getCode", [contract, "latest"]],
      ["eth_getProof", [contract, [slotOf(5), slotOf(500_000)], "latest"]],
    ] as const)
      expect(await ask(method, [...params])).toEqual(await truth.request({ method, params: [...params] }));
  });
});

test("every block with its transactions, and every receipt", async () => {
  for (let number = 0; number <= head; number++) {
    const tag = `0x${number.toString(16)}`;
    for (const [method, params] of [
      ["eth_getBlockByNumber", [tag, true]],
      ["eth_getBlockReceipts", [tag]],
    ] as const)
      expect(await ask(method, [...params]), `${method} ${number}`).toEqual(
        await truth.request({ method, params: [...params] }),
      );
  }
});

test("any transaction is found by its hash", async () => {
  const { chain } = full.service(Ethereum);
  const [tx] = chain.body(chain.headerByNumber(50) ?? chain.genesis)?.transactions ?? [];
  if (tx === undefined) throw new Error("block 50 is empty");
  for (const method of ["eth_getTransactionByHash", "eth_getTransactionReceipt"])
    expect(await ask(method, [toHex(tx.hash)])).toEqual(
      await truth.request({ method, params: [toHex(tx.hash)] }),
    );
});
