import { beforeAll, describe, expect, test } from "vitest";
import { decodeAccount } from "#core/state";
import type { Header } from "#core/types";
import { keccak256 } from "#crypto";
import {
  bodyRequest,
  codeRequest,
  headersRequest,
  type OdrRequest,
  proofRequest,
  type ProvenPath,
  receiptsRequest,
} from "#light";
import { ProofBuilder } from "#trie";
import { numberToBytes } from "#util";
import { filledAccount, type SealedWorld, stateContract } from "../../../test/kit/chains.ts";
import { filledWorld } from "../../../test/kit/light-world.ts";
import { type Asked, type AskKind, type Judgement, type KindRow, kindRows } from "./kinds.ts";

let world: SealedWorld;
let head: Header;

beforeAll(async () => {
  world = await filledWorld(12);
  head = world.chain.head;
});

function judge(kind: AskKind, requests: readonly OdrRequest<unknown>[], body: unknown): Judgement {
  const row = kindRows[kind] as unknown as KindRow<AskKind>; // the requests are of that kind
  return row.judge(requests as unknown as Asked[], body);
}
const lie = (code: string) => ({ type: "lie", error: { code, blame: "peer" } });
const nothing = new Uint8Array(0);
const noNodes = { get: () => undefined };
const keyOf = (i: number) => keccak256(filledAccount(i));
const prove = (keys: readonly Uint8Array[], root = head.stateRoot, fromLevel = 0) => {
  const builder = new ProofBuilder(world.chain.nodes);
  for (const key of keys) builder.add(root, key, { fromLevel });
  return builder.nodes;
};
const account = (key: Uint8Array, root = head.stateRoot) =>
  proofRequest("account", root, { block: head, accountKey: nothing, key, fromLevel: 0, known: noNodes });

describe("T20 proofs", () => {
  test("valid: the value and the nodes from the root down", () => {
    const judgement = judge("proof", [account(keyOf(3))], prove([keyOf(3)]));
    expect(judgement).toMatchObject({ type: "verdicts", verdicts: [{ type: "proven" }] });
    const { value, nodes } = (judgement as unknown as { verdicts: { value: ProvenPath }[] }).verdicts[0]
      ?.value ?? { value: undefined, nodes: [] };
    expect(decodeAccount(value ?? nothing).balance).toBe(1n);
    expect(nodes.map(({ bytes }) => bytes)).toEqual(prove([keyOf(3)]));
  });

  test("many keys of several tries over one flat set", () => {
    const contract = decodeAccount(
      new ProofBuilder(world.chain.nodes).add(head.stateRoot, keccak256(stateContract)) ?? nothing,
    );
    const slot = keccak256(numberToBytes(7, 32));
    const builder = new ProofBuilder(world.chain.nodes);
    for (const i of [1, 2, 3]) builder.add(head.stateRoot, keyOf(i));
    builder.add(contract.storageRoot, slot);
    const storage = proofRequest("storage", contract.storageRoot, {
      block: head,
      accountKey: keccak256(stateContract),
      key: slot,
      fromLevel: 0,
      known: noNodes,
    });
    const judgement = judge(
      "proof",
      [account(keyOf(1)), account(keyOf(2)), account(keyOf(3)), storage],
      builder.nodes,
    );
    expect(judgement).toMatchObject({ verdicts: Array.from({ length: 4 }, () => ({ type: "proven" })) });
  });

  test("absence is proven, not assumed", () => {
    const absent = keyOf(9_999);
    expect(judge("proof", [account(absent)], prove([absent]))).toMatchObject({
      verdicts: [{ value: { value: undefined } }],
    });
    expect(judge("proof", [account(absent)], [])).toMatchObject({ verdicts: [{ type: "unserved" }] });
  });

  test("below known nodes: they are the base, and may be left out", () => {
    const full = prove([keyOf(3)]);
    const held = full.slice(0, 1).map((bytes) => ({ hash: keccak256(bytes), bytes }));
    const known = {
      get: (hash: Uint8Array) => held.find((node) => Buffer.compare(node.hash, hash) === 0)?.bytes,
    };
    const request = proofRequest("account", head.stateRoot, {
      block: head,
      accountKey: nothing,
      key: keyOf(3),
      fromLevel: 1,
      known,
    });
    expect(judge("proof", [request], full.slice(1))).toMatchObject({ verdicts: [{ type: "proven" }] });
    expect(judge("proof", [request], [])).toMatchObject({ verdicts: [{ type: "unserved" }] });
  });

  test.each<[string, () => Uint8Array[], string]>([
    [
      "another root",
      () => prove([keyOf(3)], world.chain.headerByNumber(2)?.stateRoot),
      "TRIE_PROOF_UNUSED_NODE",
    ],
    ["a missing last node", () => prove([keyOf(3)]).slice(0, -1), "LIGHT_BROKEN_PROOF"],
    [
      "a node too many",
      () => [...prove([keyOf(3)]), Uint8Array.of(0xc2, 0x80, 0x80)],
      "TRIE_PROOF_UNUSED_NODE",
    ],
    ["a node twice", () => [...prove([keyOf(3)]), ...prove([keyOf(3)]).slice(-1)], "TRIE_PROOF_UNUSED_NODE"],
    ["the path of another key", () => prove([keyOf(150)]), "LIGHT_BROKEN_PROOF"],
  ])("%s is a lie", (_, nodes, code) => {
    expect(judge("proof", [account(keyOf(3))], nodes())).toMatchObject(lie(code));
  });

  test("one request served and one not: the first is proven, the second open", () => {
    const other = account(keyOf(4), keccak256(nothing));
    expect(judge("proof", [account(keyOf(3)), other], prove([keyOf(3)]))).toMatchObject({
      verdicts: [{ type: "proven" }, { type: "unserved" }],
    });
  });
});

describe("T20 bodies and receipts", () => {
  const header = (number: number): Header => world.chain.headerByNumber(number) ?? head;
  test.each(["body", "receipts"] as const)(
    "%s: valid, in order, with gaps, empty; wrong and too many are lies",
    (kind) => {
      const request = (number: number) =>
        kind === "body" ? bodyRequest(header(number)) : receiptsRequest(header(number));
      const answer = (number: number) =>
        kind === "body" ? world.chain.body(header(number)) : world.chain.receipts(header(number));
      const requests = [3, 4, 5].map(request);
      expect(judge(kind, requests, [3, 4, 5].map(answer))).toMatchObject({
        verdicts: [{ value: answer(3) }, { value: answer(4) }, { value: answer(5) }],
      });
      // a server leaves out what it does not have
      expect(judge(kind, requests, [3, 5].map(answer))).toMatchObject({
        verdicts: [{ type: "proven" }, { type: "unserved" }, { type: "proven" }],
      });
      expect(judge(kind, requests, [answer(3)])).toMatchObject({
        verdicts: [
          { type: "proven" },
          { type: "unserved", mayAskAgain: true },
          { type: "unserved", mayAskAgain: true },
        ],
      });
      expect(judge(kind, requests, [])).toMatchObject({
        verdicts: requests.map(() => ({ type: "unserved", mayAskAgain: false })),
      });
      expect(judge(kind, requests, [3, 5, 4].map(answer))).toMatchObject(lie("LIGHT_ROOT_MISMATCH"));
      expect(judge(kind, requests, [answer(9)])).toMatchObject(lie("LIGHT_ROOT_MISMATCH"));
      expect(judge(kind, requests, [3, 4, 5, 6].map(answer))).toMatchObject(lie("LIGHT_ITEM_COUNT"));
    },
  );
});

test("T20 code: by its hash, nothing else", () => {
  const value = new ProofBuilder(world.chain.nodes).add(head.stateRoot, keccak256(stateContract)) ?? nothing;
  const { codeHash } = decodeAccount(value);
  const code = world.chain.codes.get(codeHash) ?? nothing;
  const request = codeRequest({ block: head, accountKey: keccak256(stateContract) }, codeHash);
  expect(judge("code", [request], [code])).toMatchObject({ verdicts: [{ value: code }] });
  expect(judge("code", [request], [code.slice(1)])).toMatchObject(lie("LIGHT_HASH_MISMATCH"));
  expect(judge("code", [request], [])).toMatchObject({ verdicts: [{ type: "unserved" }] });
});

describe("T20 headers", () => {
  const at = (number: number): Header => world.chain.headerByNumber(number) ?? head;
  test("forward by number, backward by hash; short replies are allowed, others not", () => {
    const forward = headersRequest({ origin: 3, amount: 3, reverse: false, head: 5 });
    expect(judge("headers", [forward], [at(3), at(4), at(5)])).toMatchObject({ type: "verdicts" });
    expect(judge("headers", [forward], [at(3)])).toMatchObject({ type: "verdicts" });
    expect(judge("headers", [forward], [])).toMatchObject({ verdicts: [{ type: "unserved" }] });
    expect(judge("headers", [forward], [at(3), at(5)])).toMatchObject(lie("LIGHT_HEADERS_UNLINKED"));
    expect(judge("headers", [forward], [at(4)])).toMatchObject(lie("LIGHT_HEADERS_UNLINKED"));
    expect(judge("headers", [forward], [3, 4, 5, 6].map(at))).toMatchObject(lie("LIGHT_ITEM_COUNT"));
    const backward = headersRequest({ origin: at(5).hash, amount: 2, reverse: true, head: 5 });
    expect(judge("headers", [backward], [at(5), at(4)])).toMatchObject({ type: "verdicts" });
    expect(judge("headers", [backward], [at(5), at(6)])).toMatchObject(lie("LIGHT_HEADERS_UNLINKED"));
  });
});

describe("claims", () => {
  const status = [
    { kind: "txStatus", ask: nothing, verify: (it: unknown) => it },
  ] as unknown as OdrRequest<unknown>[];
  test("are read as what they say; nonsense is a lie", () => {
    expect(judge("txStatus", status, [{ status: 2, error: "" }])).toMatchObject({
      verdicts: [{ value: { status: "pending" } }],
    });
    expect(judge("txStatus", status, [{ status: 4, error: "no" }])).toMatchObject({
      verdicts: [{ value: { status: "unknown", error: "no" } }],
    });
    expect(judge("txStatus", status, [])).toMatchObject(lie("LIGHT_ITEM_COUNT"));
    expect(judge("txStatus", status, [{ status: 3, error: "" }])).toMatchObject(lie("LIGHT_BAD_VALUE"));
    expect(judge("txStatus", status, [{ status: 99, error: "" }])).toMatchObject(lie("LIGHT_BAD_VALUE"));
  });
});
