import { describe, expect, test } from "vitest";
import { generateKey, keccak256, publicKeyOf } from "#crypto";
import { decodeAs, encodeAs, list, raw, struct, uint53, utf8 } from "#rlp";
import { fromHex, toHex } from "#util";
import {
  type Announce,
  announceSchema,
  checkAnnounceSignature,
  checkTd,
  clientStatusEntries,
  costRows,
  defaultCosts,
  type KeyValue,
  keyValueList,
  les2,
  les4,
  lesLimits,
  lesTable,
  lesVersions,
  readClientStatus,
  readCostTable,
  readFlowUpdate,
  readServerStatus,
  requestCodes,
  requestCost,
  requestNames,
  type ServerStatus,
  serverStatusEntries,
  signAnnounce,
  txRelayCost,
} from "./index.ts";

const hash = (byte: number) => new Uint8Array(32).fill(byte);
const forkId = { hash: fromHex("0xfc64ec04"), next: 1_150_000n };
const status = (version: number): ServerStatus => ({
  protocolVersion: version,
  networkId: 1337n,
  headTd: 301n,
  headHash: hash(2),
  headNumber: 150,
  genesisHash: hash(1),
  forkId: version >= 4 ? forkId : undefined,
  serveHeaders: true,
  serveChainSince: 0,
  serveRecentChain: 0,
  serveStateSince: 0,
  serveRecentState: 124,
  txRelay: true,
  recentTxLookup: 0,
  bufferLimit: 300_000_000,
  minRecharge: 50_000,
  costs: defaultCosts,
});
const terms = (version: number) => ({
  version,
  networkId: 1337n,
  genesisHash: hash(1),
  checkForkId: () => undefined,
});
const without = (entries: readonly KeyValue[], key: string) => entries.filter((entry) => entry.key !== key);
const withValue = (entries: readonly KeyValue[], key: string, value: Uint8Array) =>
  entries.map((entry) => (entry.key === key ? { key, value } : entry));

describe("T17 a server's status", () => {
  for (const version of lesVersions) {
    test(`les/${version}: goes there and back`, () => {
      const { forkId: id, ...rest } = status(version);
      expect(readServerStatus(serverStatusEntries(status(version)), terms(version))).toEqual({
        ...rest,
        forkId: version >= 4 ? id : undefined,
      });
    });

    const outcomes: Record<string, string | undefined> = {
      protocolVersion: "LES_MISSING_KEY",
      networkId: "LES_MISSING_KEY",
      headTd: "LES_MISSING_KEY",
      headHash: "LES_MISSING_KEY",
      headNum: "LES_MISSING_KEY",
      genesisHash: "LES_MISSING_KEY",
      "flowControl/BL": "LES_MISSING_KEY",
      "flowControl/MRR": "LES_MISSING_KEY",
      "flowControl/MRC": "LES_MISSING_KEY",
      serveChainSince: "LES_USELESS_PEER",
      serveStateSince: "LES_USELESS_PEER",
      txRelay: "LES_USELESS_PEER",
      serveHeaders: undefined,
      serveRecentState: undefined,
      ...(version >= 4 ? { forkID: "LES_MISSING_KEY", recentTxLookup: "LES_MISSING_KEY" } : {}),
    };
    test.each(Object.entries(outcomes))(`les/${version} without %s: %s`, (key, code) => {
      const read = () => readServerStatus(without(serverStatusEntries(status(version)), key), terms(version));
      if (code === undefined) expect(read).not.toThrow();
      else expect(read).toThrow(expect.objectContaining({ code }));
    });
  }

  test.each(requestNames)("without a price for %s the server is useless", (name) => {
    const rows = costRows(defaultCosts).filter(({ code }) => code !== requestCodes[name].code);
    const value = encodeAs(list(struct({ code: uint53, base: uint53, perItem: uint53 })), rows);
    expect(() =>
      readServerStatus(withValue(serverStatusEntries(status(3)), "flowControl/MRC", value), terms(3)),
    ).toThrow(
      expect.objectContaining({
        code: "LES_USELESS_PEER",
        message: `peer cannot serve us: peer does not support message ${requestCodes[name].code}`,
      }),
    );
  });

  test.each([
    ["genesis", { ...terms(3), genesisHash: hash(9) }, "LES_GENESIS_MISMATCH"],
    ["network", { ...terms(3), networkId: 1n }, "LES_NETWORK_MISMATCH"],
    ["version", { ...terms(3), version: 2 }, "LES_VERSION_MISMATCH"],
  ])("another %s", (_, mine, code) => {
    expect(() => readServerStatus(serverStatusEntries(status(3)), mine)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test("a fork id of another chain", () => {
    const mine = { ...terms(4), checkForkId: () => "remote-stale" };
    expect(() => readServerStatus(serverStatusEntries(status(4)), mine)).toThrow(
      expect.objectContaining({ code: "LES_FORK_ID_REJECTED" }),
    );
  });

  test("malformed values name their key", () => {
    for (const key of [
      "headTd",
      "headHash",
      "genesisHash",
      "networkId",
      "flowControl/MRC",
      "serveChainSince",
    ])
      expect(() =>
        readServerStatus(withValue(serverStatusEntries(status(3)), key, fromHex("0xc101")), terms(3)),
      ).toThrow(expect.objectContaining({ code: "LES_BAD_KEY", data: { key } }));
  });

  test("a buffer of nothing, a list of 100 kB", () => {
    const zero = withValue(serverStatusEntries(status(3)), "flowControl/BL", Uint8Array.of(0x80));
    expect(() => readServerStatus(zero, terms(3))).toThrow(
      expect.objectContaining({ code: "LES_BAD_FLOW_PARAMETERS" }),
    );
    const fat = [...serverStatusEntries(status(3)), { key: "x", value: new Uint8Array(100_001) }];
    expect(() => readServerStatus(fat, terms(3))).toThrow(
      expect.objectContaining({ code: "LES_UPDATE_TOO_LARGE" }),
    );
  });

  test("unknown keys are ignored, of doubled ones the last counts", () => {
    const entries = serverStatusEntries(status(3));
    const more = [
      ...entries,
      { key: "checkpoint/value", value: fromHex("0xc0") },
      { key: "headNum", value: Uint8Array.of(7) },
    ];
    expect(readServerStatus(more, terms(3)).headNumber).toBe(7);
  });
});

describe("a client's status", () => {
  const ours = { ...status(4), announceType: 2 } as const;
  test("goes there and back", () => {
    const read = readClientStatus(clientStatusEntries(ours), terms(4));
    expect(read).toMatchObject({ announceType: 2, isServer: false, headNumber: 150, forkId });
  });

  test.each([
    ["missing", without(clientStatusEntries(ours), "announceType"), 1],
    ["of an unknown kind", withValue(clientStatusEntries(ours), "announceType", Uint8Array.of(9)), 1],
    ["a list", withValue(clientStatusEntries(ours), "announceType", Uint8Array.of(0xc0)), 1],
    ["none", withValue(clientStatusEntries(ours), "announceType", Uint8Array.of(0x80)), 0],
  ])("announceType %s", (_, entries, announceType) => {
    expect(readClientStatus(entries, terms(4)).announceType).toBe(announceType);
  });

  test("one that prices requests is a server and wants nothing", () => {
    expect(readClientStatus(serverStatusEntries(status(4)), terms(4))).toMatchObject({
      isServer: true,
      announceType: 0,
    });
  });
});

describe("LE-04 cost tables", () => {
  test.each([
    ["a code twice", [...costRows(defaultCosts), { code: 0x0f, base: 0, perItem: 1 }]],
    ["a price beyond all bounds", costRows({ ...defaultCosts, getCode: { base: 0, perItem: 2 ** 52 } })],
  ])("%s is refused", (_, rows) => {
    expect(() => readCostTable(rows)).toThrow(expect.objectContaining({ code: "LES_BAD_COST_TABLE" }));
  });

  test("codes we do not know are ignored; an update changes what it names", () => {
    const table = readCostTable([...costRows(defaultCosts), { code: 0xff, base: 1, perItem: 1 }]);
    expect(table).toEqual(defaultCosts);
    const changed = readCostTable([{ code: 0x0a, base: 5, perItem: 6 }], table);
    expect(changed).toEqual({ ...defaultCosts, getCode: { base: 5, perItem: 6 } });
  });

  test("a request costs at most the whole buffer", () => {
    expect(requestCost(defaultCosts, "getProofsV2", 3, 300_000_000)).toBe(1_800_000);
    expect(requestCost(defaultCosts, "getReceipts", 128, 50_000_000)).toBe(50_000_000);
  });

  test("transactions are priced by size where that is more", () => {
    expect(txRelayCost(defaultCosts, 2, 500, 300_000_000)).toBe(900_000);
    expect(txRelayCost(defaultCosts, 1, 0x4000 * 3, 300_000_000)).toBe(1_350_000);
  });

  test("an announcement may change the parameters, never to nothing", () => {
    const mrr = (value: number) => encodeAs(uint53, value);
    const update = [
      { key: "flowControl/BL", value: mrr(600) },
      { key: "flowControl/MRR", value: mrr(5) },
    ];
    expect(readFlowUpdate(update, defaultCosts)).toEqual({
      flow: { bufferLimit: 600, minRecharge: 5 },
      costs: undefined,
    });
    // geth takes them only together
    expect(readFlowUpdate(update.slice(0, 1), defaultCosts).flow).toBeUndefined();
    expect(() =>
      readFlowUpdate([{ key: "flowControl/BL", value: mrr(0) }, ...update.slice(1)], defaultCosts),
    ).toThrow(expect.objectContaining({ code: "LES_BAD_FLOW_PARAMETERS" }));
  });
});

describe("LE-05 announcements", () => {
  const plain: Announce = { hash: hash(7), number: 12, td: 25n, reorgDepth: 2n ** 64n - 1n, update: [] };

  test("go there and back, a reorg depth of 2^64-1 included", () => {
    expect(decodeAs(announceSchema, encodeAs(announceSchema, plain))).toEqual(plain);
  });

  test("a total difficulty of 2^300 does not decode, one above 2^100 is refused", () => {
    const td = fromHex("0xa6" + "10" + "00".repeat(37)) as Uint8Array;
    const item = list(raw);
    const parts = [...decodeAs(item, encodeAs(announceSchema, plain))];
    parts[2] = td;
    expect(() => decodeAs(announceSchema, encodeAs(item, parts))).toThrow(
      expect.objectContaining({ blame: "peer" }),
    );
    expect(checkTd(2n ** 100n - 1n)).toBe(2n ** 100n - 1n);
    expect(() => checkTd(2n ** 100n)).toThrow(expect.objectContaining({ code: "LES_BAD_ANNOUNCE" }));
  });

  test("a signature by the server's own key passes; another key's, another head's or none does not", () => {
    const key = generateKey();
    const id = keccak256(publicKeyOf(key));
    const signed = signAnnounce(plain, key);
    expect(() => checkAnnounceSignature(signed, id)).not.toThrow();
    expect(() => checkAnnounceSignature(signAnnounce(plain, generateKey()), id)).toThrow(
      expect.objectContaining({ code: "LES_BAD_SIGNATURE" }),
    );
    expect(() => checkAnnounceSignature({ ...signed, td: 26n }, id)).toThrow(
      expect.objectContaining({ code: "LES_BAD_SIGNATURE" }),
    );
    expect(() => checkAnnounceSignature(plain, id)).toThrow(
      expect.objectContaining({ code: "LES_MISSING_KEY" }),
    );
  });
});

describe("the tables", () => {
  test("lengths and codes are geth's", () => {
    expect(les2.length).toBe(22);
    expect(les4.length).toBe(24);
    expect(les4.messages.proofsV2.code).toBe(0x10);
    expect(les4.messages.resume.code).toBe(0x17);
  });

  test("a request and a reply, byte for byte", () => {
    const request = les4.encode("getTxStatus", [hash(5)], { reqId: 3n });
    expect(toHex(request.payload)).toBe(`0xe303e1a0${"05".repeat(32)}`);
    const reply = les4.encode("txStatus", [{ status: 0, error: "" }], { reqId: 3n, bv: 256n });
    expect(toHex(reply.payload)).toBe("0xc903820100c4c380c080");
    const decoded = lesTable(4).decode({ code: reply.code, payload: reply.payload });
    expect(decoded).toMatchObject({ name: "txStatus", reqId: 3n, bv: 256n });
  });

  test("nodes of a proof stand in the reply as the lists they are", () => {
    const node = fromHex("0xc22001");
    const { payload } = les4.encode("proofsV2", [node], { reqId: 1n, bv: 0n });
    expect(toHex(payload)).toBe("0xc60180c3c22001");
  });

  test("LE-03 one item too many is refused by name, at every request", () => {
    const many = <T>(count: number, item: T) => Array.from({ length: count + 1 }, () => item);
    const proof = { blockHash: hash(1), accountKey: new Uint8Array(0), key: hash(2), fromLevel: 0n };
    const code = { blockHash: hash(1), accountKey: hash(2) };
    const helper = { kind: 0n, section: 0n, key: new Uint8Array(8), fromLevel: 0n, aux: 2n };
    const cases: [string, Uint8Array, number][] = [
      [
        "getBlockHeaders",
        les4.encode("getBlockHeaders", { origin: 1, amount: 193, skip: 0n, reverse: false }, { reqId: 1n })
          .payload,
        2,
      ],
      [
        "getBlockBodies",
        les4.encode("getBlockBodies", many(lesLimits.bodies, hash(1)), { reqId: 1n }).payload,
        4,
      ],
      [
        "getReceipts",
        les4.encode("getReceipts", many(lesLimits.receipts, hash(1)), { reqId: 1n }).payload,
        6,
      ],
      ["getCode", les4.encode("getCode", many(lesLimits.codes, code), { reqId: 1n }).payload, 0x0a],
      ["getProofsV2", les4.encode("getProofsV2", many(lesLimits.proofs, proof), { reqId: 1n }).payload, 0x0f],
      [
        "getHelperTrieProofs",
        les4.encode("getHelperTrieProofs", many(lesLimits.helperProofs, helper), { reqId: 1n }).payload,
        0x11,
      ],
      [
        "getTxStatus",
        les4.encode("getTxStatus", many(lesLimits.txStatuses, hash(1)), { reqId: 1n }).payload,
        0x14,
      ],
    ];
    for (const [name, payload, messageCode] of cases) {
      const message = les4.decode({ code: messageCode, payload });
      expect(() => message.body, name).toThrow(expect.objectContaining({ code: "P2P_TOO_MANY_ITEMS" }));
    }
  });

  test("LE-01 and LE-02: the largest skip and level decode, short and empty keys too", () => {
    const max = 2n ** 64n - 1n;
    const headers = les4.encode(
      "getBlockHeaders",
      { origin: hash(1), amount: 1, skip: max, reverse: true },
      { reqId: max },
    );
    expect(les4.decode(headers)).toMatchObject({ reqId: max, body: { skip: max } });
    const query = {
      blockHash: hash(1),
      accountKey: new Uint8Array(0),
      key: new Uint8Array(31),
      fromLevel: max,
    };
    expect(les4.decode(les4.encode("getProofsV2", [query], { reqId: 1n }))).toMatchObject({
      body: [{ fromLevel: max }],
    });
  });

  test("a status of 65 keys does not decode", () => {
    const entries = Array.from({ length: lesLimits.updateKeys + 1 }, (_, i) => ({
      key: `k${i}`,
      value: Uint8Array.of(1),
    }));
    const bytes = encodeAs(list(struct({ key: utf8(64), value: raw })), entries);
    expect(() => decodeAs(keyValueList, bytes)).toThrow(expect.objectContaining({ blame: "peer" }));
  });
});
