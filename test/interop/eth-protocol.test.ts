// eth/63 to 68 with real geth: handshake, headers, bodies, receipts, state read from it, and the whole chain read by it.
import { describe, expect, test } from "vitest";
import { receiptRoot, txRoot, unclesHash } from "#core/types";
import { keccak256 } from "#crypto";
import { type EthVersion, hasMessage } from "#eth/protocols";
import { toHex } from "#util";
import { sealedChain } from "../kit/chains.ts";
import { chainInMemory, importedChain, startEthEnd } from "../kit/eth-peer.ts";
import { type GethVersion, requireGeth, startGeth } from "../kit/geth.ts";

const cases: readonly { geth: GethVersion; speaks: EthVersion }[] = [
  { geth: "1.9.25", speaks: 63 },
  { geth: "1.9.25", speaks: 64 },
  { geth: "1.9.25", speaks: 65 },
  { geth: "1.11.6", speaks: 66 },
  { geth: "1.11.6", speaks: 67 },
  { geth: "1.11.6", speaks: 68 },
];
const hex = (items: readonly Uint8Array[]) => items.map((item) => toHex(item));

describe.each(cases)("geth $geth over eth/$speaks", ({ geth: version, speaks }) => {
  test("its headers, bodies, receipts and state are read with all roots equal", async ({ skip }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const sealed = await sealedChain({ blocks: 300, accounts: 2000 });
    const blocks = await sealed.blocks();
    await using geth = await startGeth({
      version,
      role: "full",
      genesis: sealed.genesis,
      importFile: sealed.file,
    });
    await using end = await startEthEnd({ chain: chainInMemory(sealed.spec), versions: [speaks] });
    end.server.addPeer(geth.enode);
    const peer = await end.connected();
    expect([peer.version, peer.peer.runs("eth", speaks)]).toEqual([speaks, true]);
    const last = blocks.at(-1)?.header;
    expect(toHex(peer.head.hash)).toBe(toHex(last?.hash ?? new Uint8Array()));
    expect(peer.head.td).toBe(1n + blocks.reduce((sum, { header }) => sum + header.difficulty, 0n));

    const headers = await peer.requestHeaders({ origin: 1, amount: 192 });
    expect(hex(headers.map(({ hash }) => hash))).toEqual(hex(blocks.slice(0, 192).map((b) => b.header.hash)));
    const back = await peer.requestHeaders({ origin: peer.head.hash, amount: 5, skip: 9, reverse: true });
    expect(back.map(({ number }) => number)).toEqual([300, 290, 280, 270, 260]);
    expect(await peer.requestHeaders({ origin: new Uint8Array(32).fill(1), amount: 1 })).toEqual([]);

    const asked = headers.slice(0, 100).map(({ hash }) => hash);
    const bodies = await peer.requestBodies(asked);
    expect(hex(bodies.map((body) => txRoot(body.transactions)))).toEqual(
      hex(headers.slice(0, bodies.length).map((h) => h.txRoot)),
    );
    expect(hex(bodies.map((body) => unclesHash(body.uncles)))).toEqual(
      hex(headers.slice(0, bodies.length).map((h) => h.unclesHash)),
    );
    expect(bodies.length).toBe(100);
    const receipts = await peer.requestReceipts(asked);
    expect(hex(receipts.map((list) => receiptRoot(list)))).toEqual(
      hex(headers.slice(0, receipts.length).map((h) => h.receiptRoot)),
    );
    expect(receipts.length).toBe(100);
    if (hasMessage(speaks, "getNodeData")) {
      const root = last?.stateRoot ?? new Uint8Array();
      const [node] = (await peer.requestNodeData?.([root])) ?? [];
      expect(toHex(keccak256(node ?? new Uint8Array()))).toBe(toHex(root));
    } else expect(peer.requestNodeData).toBeUndefined();
    // all at once, answered to the right askers
    const many = await Promise.all(
      blocks.slice(100, 120).map(({ header }) => peer.requestHeaders({ origin: header.hash, amount: 1 })),
    );
    expect(many.map(([header]) => header?.number)).toEqual(
      blocks.slice(100, 120).map((b) => b.header.number),
    );
    expect(peer.ignored).toEqual({ late: 0, unasked: 0 });
  });
});

// geth syncs ten seconds after it has met its first peer, so the versions of one geth run side by side
describe.each(["1.9.25", "1.11.6"] as const)("geth %s", (version) => {
  test("syncs the whole chain from us, over each version it speaks", async ({ skip }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const sealed = await sealedChain({ blocks: 300, accounts: 2000 });
    const chain = await importedChain(sealed);
    const versions = cases.filter(({ geth }) => geth === version).map(({ speaks }) => speaks);
    await Promise.all(
      versions.map(async (speaks) => {
        await using end = await startEthEnd({ chain, versions: [speaks] });
        await using geth = await startGeth({
          version,
          role: "full",
          genesis: sealed.genesis,
          peers: [end.enode],
        });
        const peer = await end.connected();
        await geth.atBlock(300, 120_000);
        const got = await geth.rpc<Record<string, string>>("eth_getBlockByNumber", ["latest", false]);
        expect([got["hash"], got["stateRoot"]]).toEqual([
          toHex(chain.head.hash),
          toHex(chain.head.stateRoot),
        ]);
        expect([end.peers.has(peer), end.ends]).toEqual([true, []]);
      }),
    );
  });
});
